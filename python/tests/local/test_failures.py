"""Failure policies without Flink: actions that are tried again, and dead letters."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.cli import main as cli
from flink_agents.runtime.executor import ActionExecutionError
from flink_agents.runtime.failures import is_own

if TYPE_CHECKING:
    from pathlib import Path

    from flink_agents.api.runner_context import RunnerContext

DONE: list[str] = []


@pytest.fixture(autouse=True)
def forget() -> None:
    DONE.clear()


def run(agent: Agent, inputs: list[Any], name: str | None = None, **options: Any) -> tuple[list[Any], list[Any], Any]:
    """Return outputs, letters and metrics."""
    env = AgentsExecutionEnvironment.get_execution_environment()
    for key, value in options.items():
        env.get_config().set_str(key.replace("__", "-").replace("_", "."), str(value))
    builder = env.from_list([{"key": f"k{number}", "value": value} for number, value in enumerate(inputs)]).apply(agent)
    outputs = builder.to_list()
    letters = builder.dead_letters_to_list()
    env.execute(name)
    return outputs, letters, env.metrics().values()


RETRY = {"retry_max__attempts": 2, "retry_backoff": "1 ms", "on__failure": "dead-letter"}


def fails(value: str) -> None:
    """Fail as often as the last character says."""
    DONE.append(value)
    if DONE.count(value) <= int(value[-1]):
        msg = f"not yet: {value}"
        raise ValueError(msg)


class Failing(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def act(event: Event, ctx: RunnerContext) -> None:
        value = InputEvent.from_event(event).input
        ctx.short_term_memory.set("seen", (ctx.short_term_memory.get("seen") or 0) + 1)
        ctx.send_event(OutputEvent(output=f"{value} {ctx.short_term_memory.get('seen')}"))
        fails(value)


class FailingAsync(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def act(event: Event, ctx: RunnerContext) -> None:
        value = InputEvent.from_event(event).input
        ctx.send_event(OutputEvent(output=f"{value} 1"))
        await asyncio.sleep(0)
        fails(value)


@pytest.mark.parametrize("agent", [Failing(), FailingAsync()])
def test_an_action_is_tried_again_and_only_its_last_attempt_counts(agent: Agent) -> None:
    outputs, letters, metrics = run(agent, ["x2", "y0"], **RETRY)
    assert sorted(outputs, key=str) == [{"k0": "x2 1"}, {"k1": "y0 1"}]
    assert letters == []
    assert sorted(DONE) == ["x2", "x2", "x2", "y0"]
    assert metrics["numOfFailedAttempts"] == 2
    assert metrics["numOfDeadLetters"] == 0


@pytest.mark.parametrize("agent", [Failing(), FailingAsync()])
def test_a_poisoned_input_ends_as_a_dead_letter_with_its_context(agent: Agent) -> None:
    outputs, letters, metrics = run(agent, ["x9", "y0"], **RETRY)
    assert outputs == [{"k1": "y0 1"}]
    assert metrics["numOfDeadLetters"] == 1
    (letter,) = letters
    assert json.loads(json.dumps(letter)) == letter
    assert (letter["action"], letter["attempts"], letter["key"], letter["input"]) == ("act", 3, "k0", "x9")
    assert (letter["event_type"], letter["event"]) == ("_input_event", None)
    assert letter["event_id"] == letter["input_event_id"]
    assert (letter["error_type"], letter["error_message"]) == ("builtins.ValueError", "not yet: x9")
    assert "in fails" in letter["stack_trace"]


def test_letters_in_a_file_are_fed_in_again_by_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    inputs = ["first\nline, ü 2", "y0", "with a \t tab 3"]
    outputs, letters, _ = run(FailingAsync(), inputs, on__failure="dead-letter")
    assert [letter["input"] for letter in letters] == [inputs[0], inputs[2]]
    file = tmp_path / "letters.jsonl"
    file.write_text("".join(json.dumps(letter) + "\n" for letter in letters), encoding="utf-8")
    capfd.readouterr()
    assert cli.main(["dead-letters", str(file), "--action", "act", "--format", "inputs"]) == 0
    told = capfd.readouterr()
    assert told.err == ""
    # They failed once, so three more attempts are enough.
    again, letters, _ = run(FailingAsync(), [json.loads(line) for line in told.out.splitlines()], **{**RETRY, "retry_max__attempts": 3})
    assert letters == []
    assert outputs == [{"k1": "y0 1"}]
    assert sorted(again, key=str) == [{"k0": f"{inputs[0]} 1"}, {"k1": f"{inputs[2]} 1"}]


def test_without_a_policy_the_run_fails_and_after_retries_it_is_said_how_often() -> None:
    with pytest.raises(ActionExecutionError, match="not yet") as failure:
        run(Failing(), ["x9"])
    assert " time" not in str(failure.value)
    DONE.clear()
    with pytest.raises(ActionExecutionError, match="for the 3. time: ValueError: not yet: x9"):
        run(Failing(), ["x9"], retry_max__attempts=2, retry_backoff="1 ms")
    assert len(DONE) == 3


class Ending(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def act(event: Event, ctx: RunnerContext) -> None:
        what = InputEvent.from_event(event).input
        DONE.append(what)
        if what == "memory":
            msg = "it did not work"
            raise ValueError(msg) from MemoryError("no more")
        if what == "exit":
            raise SystemExit(3)
        while True:
            ctx.send_event(Event(type="more"))


@pytest.mark.parametrize("what", ["memory", "exit", "without end"])
def test_what_is_not_the_actions_own_failure_fails_the_run(what: str) -> None:
    with pytest.raises(ActionExecutionError):
        run(Ending(), [what], max__events__per__run=50, **RETRY)
    assert DONE == [what]


def call(what: str) -> str:
    fails(what)
    return what + "!"


class Paying(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def act(event: Event, ctx: RunnerContext) -> None:
        first = ctx.durable_execute(call, "first0")
        second = ctx.durable_execute(call, InputEvent.from_event(event).input)
        ctx.send_event(OutputEvent(output=first + second))


class PayingAsync(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def act(event: Event, ctx: RunnerContext) -> None:
        first = await ctx.durable_execute_async(call, "first0")
        second = await ctx.durable_execute_async(call, InputEvent.from_event(event).input)
        ctx.send_event(OutputEvent(output=first + second))


@pytest.mark.parametrize("agent", [Paying(), PayingAsync()])
def test_with_a_journal_a_call_that_returned_is_not_made_again_and_a_letter_neither(agent: Agent, tmp_path: Path) -> None:
    store = {"actionStateStoreBackend": "sqlite", "sqlite_path": tmp_path / "journal.sqlite"}
    for _ in range(2):
        outputs, letters, _metrics = run(agent, ["x2", "y9"], "paying", **RETRY, **store)
        assert outputs == [{"k0": "first0!x2!"}]
        assert [letter["input"] for letter in letters] == ["y9"]
        assert (DONE.count("first0"), DONE.count("x2"), DONE.count("y9")) == (2, 3, 3)


class Refusing(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def act(event: Event, ctx: RunnerContext) -> None:
        msg = "no"
        raise ValueError(msg)


def test_a_letter_that_would_be_too_large_for_the_journal_is_cut_and_says_so(tmp_path: Path) -> None:
    large = '"ä' * 40_000
    store = {"actionStateStoreBackend": "sqlite", "sqlite_path": tmp_path / "journal.sqlite"}
    _, letters, _ = run(Refusing(), [large], "large", on__failure="dead-letter", action__state_max__record__size="100 kb", **store)
    assert "cut by the dead letter" in letters[0]["input"]
    _, letters, _ = run(Refusing(), [large], on__failure="dead-letter")
    assert letters[0]["input"] == large


def test_the_store_in_memory_has_room_for_a_letter_of_any_size() -> None:
    large = "x" * 3_000_000
    store = {"actionStateStoreBackend": "memory"}
    _, letters, _ = run(Refusing(), [large], "any size", on__failure="dead-letter", **store)
    assert letters[0]["input"] == large


def test_letters_as_a_stream_or_table_are_refused_without_flink_by_what_to_use() -> None:
    builder = AgentsExecutionEnvironment.get_execution_environment().from_list([{"value": 1}]).apply(Refusing())
    for method in (builder.get_dead_letters, builder.dead_letters_to_table):
        with pytest.raises(NotImplementedError, match=r"use dead_letters_to_list\(\)"):
            method()


class Gathering(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def act(event: Event, ctx: RunnerContext) -> None:
        async def slow() -> str:
            DONE.append("slow")
            await asyncio.sleep(0.05)
            return "slow"

        both = await ctx.durable_gather(
            ctx.durable_execute_async(slow), ctx.durable_execute_async(call, InputEvent.from_event(event).input)
        )
        ctx.send_event(OutputEvent(output="".join(both)))


@pytest.mark.parametrize("store", [False, True])
def test_calls_under_way_when_their_action_fails_are_left_behind(store: bool, tmp_path: Path) -> None:
    options = {"actionStateStoreBackend": "sqlite", "sqlite_path": tmp_path / "journal.sqlite"} if store else {}
    outputs, letters, _ = run(Gathering(), ["x1"], "gathering", **RETRY, **options)
    assert outputs == [{"k0": "slowx1!"}]
    assert letters == []
    assert DONE.count("slow") == 2


class Timing(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def act(event: Event, ctx: RunnerContext) -> None:
        DONE.append("try")
        await asyncio.wait_for(asyncio.sleep(60 if len(DONE) == 1 else 0), 0.01)
        ctx.send_event(OutputEvent(output="in time"))


def test_a_limit_of_asyncio_is_the_actions_own_failure() -> None:
    outputs, letters, _ = run(Timing(), ["x"], **RETRY)
    assert (outputs, letters, len(DONE)) == ([{"k0": "in time"}], [], 2)


@pytest.mark.parametrize(
    ("raised", "own"),
    [(ValueError(), True), (RecursionError(), True), (MemoryError(), False), (asyncio.CancelledError(), False), (SystemExit(), False)],
)
def test_what_is_an_actions_own_failure(raised: BaseException, own: bool) -> None:
    assert is_own(raised) is own
    outer = ValueError()
    outer.__cause__ = raised
    assert is_own(outer) is (own or isinstance(raised, asyncio.CancelledError))


def test_a_failed_attempt_goes_on_after_the_policies_were_removed(tmp_path: Path) -> None:
    store = {"actionStateStoreBackend": "sqlite", "sqlite_path": tmp_path / "journal.sqlite"}
    with pytest.raises(ActionExecutionError, match="for the 2. time"):
        run(Failing(), ["x2"], "removed", retry_max__attempts=1, retry_backoff="1 ms", **store)
    outputs, _, _ = run(Failing(), ["x2"], "removed", **store)
    assert outputs == [{"k0": "x2 1"}]
