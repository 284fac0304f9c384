"""The event before the input of each run: option ``agent-run.begin-event``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.core_options import AgentExecutionOptions
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.events.event_type import EventType
from flink_agents.api.execution_environment import AgentsExecutionEnvironment

if TYPE_CHECKING:
    from pathlib import Path

    from flink_agents.api.runner_context import RunnerContext

calls: list[str] = []


class Begun(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def work(event: Event, ctx: RunnerContext) -> None:
        number = InputEvent.from_event(event).input
        memory = ctx.short_term_memory
        memory.set("user.inputs", [*(memory.get("user.inputs") or []), number])
        memory.set("raw", b"\xff")
        memory.new_object("empty")
        ctx.send_event(OutputEvent(output=[number, ctx.sensory_memory.get("greeted")]))

    @action(EventType.AgentRunBeginEvent)
    @staticmethod
    def greet(event: Event, ctx: RunnerContext) -> None:
        ctx.sensory_memory.set("greeted", True)
        ctx.send_event(OutputEvent(output=event.attributes))
        assert event.upstream_event_id is None

    @action("type == EventType.AgentRunBeginEvent && has(attributes.value) && 'user.inputs' in attributes.value")
    @staticmethod
    def known(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output="known"))


def run(agent: Agent, *, begins: bool = True, key: Any = "k", **options: str) -> list[Any]:
    env = AgentsExecutionEnvironment.get_execution_environment()
    env.get_config().set(AgentExecutionOptions.AGENT_RUN_BEGIN_EVENT, begins)
    for name, value in options.items():
        env.get_config().set_str(name, value)
    outputs = env.from_list([{"key": key, "value": number} for number in (1, 2)]).apply(agent).to_list()
    env.execute("begin")
    return [value for output in outputs for value in output.values()]


@pytest.mark.parametrize("store", [{}, {"actionStateStoreBackend": "memory"}])
def test_each_run_begins_with_what_short_term_memory_holds(store: dict[str, str]) -> None:
    assert run(Begun(), **store) == [
        {"key": "k", "value": {}},
        [1, True],
        {"key": "k", "value": {"user.inputs": [1]}},
        "known",
        [2, True],
    ]


def test_the_key_is_text() -> None:
    assert run(Begun(), key=7)[0] == {"key": "7", "value": {}}


def test_without_the_option_there_is_none() -> None:
    assert run(Begun(), begins=False) == [[1, None], [2, None]]


def pay() -> str:
    calls.append("paid")
    return "paid"


class Paying(Agent):
    """The first run breaks off after both its calls."""

    @action(EventType.AgentRunBeginEvent)
    @staticmethod
    def begin(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("begun", ctx.durable_execute(pay))

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def work(event: Event, ctx: RunnerContext) -> None:
        ctx.durable_execute(pay)
        if len(calls) == 2:
            calls.append("broke off")
            msg = "the first run ends here"
            raise ValueError(msg)
        ctx.send_event(OutputEvent(output=ctx.short_term_memory.get("begun")))


def test_its_actions_are_in_the_journal_like_those_of_the_input(tmp_path: Path) -> None:
    calls.clear()
    store = {"actionStateStoreBackend": "sqlite", "sqlite.path": str(tmp_path / "journal.sqlite")}
    with pytest.raises(RuntimeError, match="the first run ends here"):
        run(Paying(), **store)
    assert run(Paying(), **store) == ["paid", "paid"]
    assert calls == ["paid", "paid", "broke off", "paid", "paid"]
