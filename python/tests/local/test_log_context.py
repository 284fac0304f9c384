"""What records of Python's logging say of the action they come from, without Flink and in the lines of a worker."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.runtime import log_context, worker

logger = logging.getLogger("test.log_context")


def called() -> str:
    logger.info("call")
    return "made"


class Logging(Agent):
    """Logs in an action, in an asynchronous one behind it, and in a call of that."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def first(event, ctx) -> None:
        logger.info("first", extra={"key": "the user's own"})
        ctx.send_event(Event(type="second"))

    @action("second")
    @staticmethod
    async def second(event, ctx) -> None:
        logger.info("second")
        made = await ctx.durable_execute_async(called)
        logger.info("after")
        ctx.send_event(OutputEvent(output=made))


def run(caplog, keys: str) -> dict[str, dict[str, str]]:
    """What the records say, by their messages."""
    env = AgentsExecutionEnvironment.get_execution_environment()
    env.get_config().set_str("log.keys", keys)
    env.from_list([{"key": "ann", "value": 1}]).apply(Logging()).to_list()
    with caplog.at_level(logging.INFO):
        env.execute("walk")
        logger.info("outside")
    told = {}
    for record in caplog.records:
        if record.name == logger.name:
            told[record.getMessage()] = {
                name: getattr(record, log_context.PREFIX + name) for name in log_context.FIELDS
            }
    return told


def test_records_of_actions_and_their_calls_say_where_they_belong(caplog) -> None:
    told = run(caplog, "plain")
    first = told["first"]
    assert first["event"] == first["run"] != ""
    assert {name: first[name] for name in ("job", "subtask", "action", "key")} == {
        "job": "walk", "subtask": "0", "action": "first", "key": "ann",
    }
    for where in ("second", "call", "after"):
        assert (told[where]["action"], told[where]["key"], told[where]["run"]) == ("second", "ann", first["run"])
        assert told[where]["event"] not in ("", first["event"])
    assert set(told["outside"].values()) == {""}


@pytest.mark.parametrize(("keys", "shown"), [("hash", "#"), ("none", "")])
def test_keys_are_shown_as_the_option_says(caplog, keys, shown) -> None:
    key = run(caplog, keys)["first"]["key"]
    assert "ann" not in key
    assert key[:1] == shown


def test_lines_of_a_worker_say_it_behind_the_logger(capfd) -> None:
    executor = SimpleNamespace(log_keys="plain", agent="walker")
    context = SimpleNamespace(
        executor=executor, action=SimpleNamespace(name="step"), key="s:a\x1cb\nc", event_id=1, run_id=None
    )
    handler = worker.LogLines()
    record = logging.LogRecord("shop", logging.WARNING, "f.py", 1, "two\nlines", (), None)
    token = log_context.RUNNING.set(context)
    try:
        handler.emit(record)
    finally:
        log_context.RUNNING.reset(token)
    handler.emit(record)
    assert capfd.readouterr().err == (
        "\x1eWshop\x1caction=step\x1ckey=a b c\x1cevent=1\x1ftwo\x1dlines\n\x1eWshop\x1ftwo\x1dlines\n"
    )


def test_the_level_of_a_worker_is_that_of_the_task_manager(monkeypatch) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    link = SimpleNamespace(end_with_parent=lambda: None)
    streams = SimpleNamespace(reconfigure=lambda **_: None)
    monkeypatch.setattr(worker.sys, "stdout", streams)
    monkeypatch.setattr(worker.sys, "stderr", streams)
    try:
        for word, expected in (("DEBUG", logging.DEBUG), ("ERROR", logging.ERROR), ("loud", logging.INFO)):
            monkeypatch.setenv("FLINK_AGENTS_LOG_LEVEL", word)
            root.handlers[:] = []
            worker._prepare_process(link)
            assert root.level == expected
    finally:
        logging.captureWarnings(False)
        root.handlers[:], root.level = before, level
