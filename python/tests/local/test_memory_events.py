"""Events about what actions did with memory: options ``memory.generate-event.*``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.core_options import MemoryEventOptions
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.events.event_type import EventType
from flink_agents.api.events.memory_event import MemoryEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment

if TYPE_CHECKING:
    from flink_agents.api.runner_context import RunnerContext

KINDS = ["_sensory_write_event", "_short_term_write_event", "_sensory_read_event", "_short_term_read_event"]


def use(ctx: RunnerContext) -> None:
    stm, sensory = ctx.short_term_memory, ctx.sensory_memory
    stm.set("user.name", "Ann")
    stm.set("user.name", "Ann of Ulm")
    stm.set("raw", b"\xff")
    found = [1]
    stm.set("list", found)
    found.append("not in memory")
    assert stm.is_exist("raw")
    assert stm.get("missing") is None
    assert stm.get("user").get_fields() == {"name": "Ann of Ulm"}
    sensory.set("step", 1)
    stm.new_object("empty")


class Watching(Agent):
    """Every memory event becomes an output."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def work(event: Event, ctx: RunnerContext) -> None:
        use(ctx)
        ctx.send_event(OutputEvent(output="done"))

    @action(EventType.ShortTermWriteEvent, EventType.ShortTermReadEvent, EventType.SensoryWriteEvent, EventType.SensoryReadEvent)
    @staticmethod
    def watch(event: Event, ctx: RunnerContext) -> None:
        # Its own use is none of them: there would be no end.
        ctx.short_term_memory.set("seen", (ctx.short_term_memory.get("seen") or 0) + 1)
        seen = MemoryEvent.from_event(event)
        ctx.send_event(OutputEvent(output={"type": seen.type, "key": seen.key, "value": seen.value}))


class WatchingAsync(Watching):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def work(event: Event, ctx: RunnerContext) -> None:
        await asyncio.sleep(0)
        use(ctx)
        ctx.send_event(OutputEvent(output="done"))


def run(agent: Agent, key: Any = "k", **options: Any) -> list[Any]:
    env = AgentsExecutionEnvironment.get_execution_environment()
    for name, value in options.items():
        env.get_config().set(getattr(MemoryEventOptions, name), value)
    outputs = env.from_list([{"key": key, "value": 1}]).apply(agent).to_list()
    env.execute()
    return [value for output in outputs for value in output.values()]


@pytest.mark.parametrize("agent", [Watching(), WatchingAsync()])
def test_writes_are_events_for_those_who_listen_and_come_after_the_actions_own(agent: Agent) -> None:
    assert run(agent) == [
        "done",
        {"type": KINDS[0], "key": "k", "value": {"step": 1}},
        {"type": KINDS[1], "key": "k", "value": {"user.name": "Ann of Ulm", "list": [1]}},
    ]


@pytest.mark.parametrize("agent", [Watching(), WatchingAsync()])
def test_reads_are_events_where_the_option_says_so(agent: Agent) -> None:
    told = run(agent, 7, MEMORY_GENERATE_EVENT=True)
    assert [one["type"] for one in told[1:]] == [KINDS[0], KINDS[1], KINDS[3]]
    assert told[3] == {"type": KINDS[3], "key": "7", "value": {"user.name": "Ann of Ulm"}}


def test_an_option_of_a_kind_wins_over_the_main_switch() -> None:
    told = run(Watching(), MEMORY_GENERATE_EVENT=False, SENSORY_WRITE=True)
    assert [one["type"] for one in told[1:]] == [KINDS[0]]
    assert run(Watching(), MEMORY_GENERATE_EVENT=False) == ["done"]


class Failing(Agent):
    attempts = 0

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def work(event: Event, ctx: RunnerContext) -> None:
        Failing.attempts += 1
        ctx.short_term_memory.set("attempt", Failing.attempts)
        if Failing.attempts == 1:
            msg = "not yet"
            raise ValueError(msg)

    @action("type == '_short_term_write_event' && has(attributes.value)")
    @staticmethod
    def watch(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=event.attributes["value"]))


def test_an_attempt_that_failed_sends_none_and_a_condition_that_names_the_type_listens() -> None:
    Failing.attempts = 0
    env = AgentsExecutionEnvironment.get_execution_environment()
    env.get_config().set_str("retry.max-attempts", "1")
    env.get_config().set_str("retry.backoff", "1 ms")
    outputs = env.from_list([{"key": "k", "value": 1}]).apply(Failing()).to_list()
    env.execute()
    assert outputs == [{"k": {"attempt": 2}}]


class Durable(Watching):
    """What was recorded of an action has its memory events, too."""

    calls: list[str] = []

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def work(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("paid", ctx.durable_execute(pay))

    @action(EventType.ShortTermWriteEvent)
    @staticmethod
    def watch(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=event.attributes["value"]))
        ctx.durable_execute(pay)
        if len(Durable.calls) < 3:
            msg = "the first run ends here"
            raise ValueError(msg)


def pay() -> int:
    Durable.calls.append("paid")
    return len(Durable.calls)


def test_a_run_that_is_started_again_finds_them_in_its_journal(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Durable.calls.clear()

    def start() -> list[Any]:
        env = AgentsExecutionEnvironment.get_execution_environment()
        env.get_config().set_str("actionStateStoreBackend", "sqlite")
        outputs = env.from_list([{"key": "k", "value": 1}]).apply(Durable()).to_list()
        env.execute("again")
        return outputs

    with pytest.raises(RuntimeError, match="the first run ends here"):
        start()
    assert len(Durable.calls) == 2
    Durable.calls.append("not a call")
    assert start() == [{"k": {"paid": 1}}]
    assert Durable.calls == ["paid", "paid", "not a call"]


def test_without_listeners_and_options_nothing_is_sent() -> None:
    class Quiet(Agent):
        @action(InputEvent.EVENT_TYPE)
        @staticmethod
        def work(event: Event, ctx: RunnerContext) -> None:
            use(ctx)
            assert ctx.memory_uses is None
            ctx.send_event(OutputEvent(output="done"))

    assert run(Quiet()) == ["done"]
