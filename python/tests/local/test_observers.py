"""Event listeners and event loggers of users' own in runs without Flink: what they are told, and what happens when they fail or hang."""

import logging
import queue
import threading

import pytest

import watching
from flink_agents.api.core_options import AgentConfigOptions
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.trace import ExecutionReporters
from flink_agents.runtime import observers
from flink_agents.runtime.observers import Watch


@pytest.fixture(autouse=True)
def nothing_is_told():
    watching.TOLD.clear()
    watching.Hangs.GO_ON.clear()


def first(event, ctx):
    watching.TOLD.append("first")
    assert "changed" not in event.attributes
    ctx.send_event(Event(type="my.step", attributes={"what": InputEvent.from_event(event).input}))


def second(event, ctx):
    watching.TOLD.append("second")
    assert "changed" not in event.attributes
    ctx.send_event(OutputEvent(output="done"))


ACTIONS = ((InputEvent.EVENT_TYPE, first), ("my.step", second))


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_listener_hears_every_event_before_the_actions_get_it_and_cannot_change_it(run):
    assert run([("k", "a")], *ACTIONS, config={"event-listeners": "watching:Hears"}) == [("k", "done")]
    assert watching.TOLD == [
        ("Hears", "_input_event", {"input": "a"}, None),
        "first",
        ("Hears", "my.step", {"what": "a"}, "first"),
        "second",
        ("Hears", "_output_event", {"output": "done"}, "second"),
    ]


@pytest.mark.parametrize("store", [None, "memory"])
def test_a_listener_that_throws_is_named_once_and_counted_and_others_are_told(run, environment, caplog, store):
    config = {"event-listeners": "watching:Moody;watching:Hears;watching:Exits"}
    if store:
        config.update({"actionStateStoreBackend": store, "job-identifier": "listened"})
    assert run([("k", str(i)) for i in range(5)], *ACTIONS, config=config) == [("k", "done")] * 5
    assert len([told for told in watching.TOLD if told[0] == "Hears"]) == 15
    said = warnings_of(caplog)
    assert len(said) == 2, said
    assert said[0].startswith("Event listener watching:Moody failed, told of _input_event")
    assert said[1].startswith("Event listener watching:Exits failed")
    assert "not in the mood" in caplog.text
    assert environment.metrics().values()["eventListenerFailures"] == 30


def test_a_listener_that_hangs_is_named_with_where_it_is_and_the_run_goes_on_when_it_comes_back(run, monkeypatch, caplog):
    monkeypatch.setattr(observers, "_LIMIT", 0.02)
    said = queue.Queue()
    monkeypatch.setattr(observers.logger, "warning", said.put)
    ended = []
    thread = threading.Thread(
        target=lambda: ended.append(run([("k", "a")], *ACTIONS, config={"event-listeners": "watching:Hangs"}))
    )
    thread.start()
    text = said.get(timeout=60)
    assert text.startswith("Event listener watching:Hangs, told of _input_event, has not come back for ")
    assert "The run waits for it" in text
    assert "watching.py" in text
    assert "in on_event_processed" in text
    assert ended == []
    watching.Hangs.GO_ON.set()
    assert "has come back, after at most" in said.get(timeout=60)
    thread.join()
    assert ended == [[("k", "done")]]


def test_that_many_are_quick_is_not_taken_for_one_that_hangs():
    said = []
    watch = Watch("The run", 0.1, said.append)
    for _ in range(200_000):
        watch.begins("Event listener", "my.step")
        watch.ends()
    watch.close()
    assert said == []


@pytest.mark.parametrize(
    ("option", "name", "why"),
    [
        ("event-listeners", "watching:Gone", "AttributeError"),
        ("event-listeners", "no_such_module:Hears", "No module named 'no_such_module'"),
        ("event-listeners", "watching:NeedsMore", "needed"),
        ("event-listeners", "watching:Keeps", "on_event_processed"),
        ("event-listeners", "watching:Waits", "called directly"),
        ("event-listeners", "watching:", "AttributeError"),
        ("event-listeners", "com.example.Listener", "no class of Python, and there is no JVM here"),
        ("event-logger", "com.example.Logger", "no class of Python, and there is no JVM here"),
        ("event-logger", "watching:Hears", "append"),
    ],
)
def test_one_that_cannot_be_made_is_named_before_anything_runs(run, option, name, why):
    with pytest.raises(ValueError, match=f"(?s)ption {option} names {name}.*{why}"):
        run([("k", "a")], *ACTIONS, config={option: name})
    assert watching.TOLD == []


def test_names_that_are_blank_are_none(run, environment):
    environment.get_config().set(AgentConfigOptions.EVENT_LISTENERS, [" ", ""])
    assert run([("k", "a")], *ACTIONS, config={"event-logger": " "}) == [("k", "done")]
    assert watching.TOLD == ["first", "second"]


def test_a_logger_is_used_in_place_of_the_event_log_and_gets_what_levels_leave(run, tmp_path):
    config = {
        "event-logger": "watching:Keeps",
        "baseLogDir": str(tmp_path),
        "event-log.type.my.level": "OFF",
        "event-log.standard.max-string-length": "1",
        "mine": "x",
    }
    assert run([("k", "abc")], *ACTIONS, config=config) == [("k", "done")]
    told = [one for one in watching.TOLD if isinstance(one, tuple)]
    assert told[0] == ("open", "Agent", "local", "Agent", 0, "x")
    assert [one[:2] for one in told if one[0] == "append"] == [("append", "_input_event"), ("append", "_output_event")]
    start, end = (one[2] for one in told if one[0] == "append")
    assert start.attributes == {"input": "abc"}
    assert end.upstream_action_name == "second"
    assert [one[3] for one in told if one[0] == "append"] == [None, None]
    assert told[-2:] == [("flush",), ("close",)]
    assert list(tmp_path.iterdir()) == []


def test_with_a_trace_a_logger_gets_records_of_executions_and_where_events_belong(run):
    def reports(event, ctx):
        ExecutionReporters.started(ctx, "tool", "add", {"toolCallId": "1"})
        ExecutionReporters.failed(ctx, "tool", "add", {"toolCallId": "1"}, OSError("no"), "tool_call_failed")
        ctx.send_event(OutputEvent(output="done"))

    config = {"event-logger": "watching:Keeps", "event-log.trace.enabled": "true", "log.keys": "plain"}
    run([("k", "a")], (InputEvent.EVENT_TYPE, reports), config=config)
    told = [one for one in watching.TOLD if one[0] == "append"]
    assert [one[1] for one in told] == [
        "_input_event",
        "_execution_started_event",
        "_execution_started_event",
        "_execution_failed_event",
        "_execution_finished_event",
        "_output_event",
    ]
    places = [one[3] for one in told]
    assert len({(place.input_run_id, place.business_key, place.agent_name) for place in places}) == 1
    assert (places[0].business_key, places[0].execution_id) == ("k", None)
    assert (places[2].entity_type, places[2].entity_name, places[2].entity_metadata) == ("tool", "add", {"toolCallId": "1"})
    assert places[2].parent_execution_id == places[1].execution_id == places[5].execution_id
    failed = told[3][2].attributes
    assert (failed["problemCategory"], failed["errorMessage"]) == ("tool_call_failed", "no")


def test_a_logger_gets_the_failure_that_ends_the_run(run):
    def broken(event, ctx):
        msg = "not today"
        raise ValueError(msg)

    with pytest.raises(Exception, match="not today"):
        run(
            [("k", "a")], (InputEvent.EVENT_TYPE, broken),
            config={"event-logger": "watching:Keeps", "event-log.trace.enabled": "true"},
        )
    told = [one for one in watching.TOLD if one[0] == "append"]
    assert told[-1][1] == "_execution_failed_event"
    assert watching.TOLD[-1] == ("close",)


def test_a_logger_that_throws_everywhere_is_named_once_and_counted_and_the_run_goes_on(run, environment, caplog):
    assert len(run([("k", str(i)) for i in range(4)], *ACTIONS, config={"event-logger": "watching:Broken"})) == 4
    (said,) = warnings_of(caplog)
    assert said.startswith("Event logger watching:Broken failed, told of _input_event")
    # Twelve events, at least one flush, the end.
    values = environment.metrics().values()
    assert values["eventLogWriteFailures"] >= 14
    assert (values["eventLogTruncatedEvents"], values["eventLogDroppedEvents"]) == (0, 0)


def test_a_logger_that_hangs_is_named_and_misses_nothing_when_it_comes_back(run, monkeypatch):
    monkeypatch.setattr(observers, "_LIMIT", 0.02)
    said = queue.Queue()
    monkeypatch.setattr(observers.logger, "warning", said.put)
    ended = []
    thread = threading.Thread(
        target=lambda: ended.append(run([("k", "a"), ("l", "b")], *ACTIONS, config={"event-logger": "watching:HangsAtFirst"}))
    )
    thread.start()
    text = said.get(timeout=60)
    assert text.startswith("Event logger watching:HangsAtFirst, told of _input_event, has not come back for ")
    assert "The run waits for it" in text
    assert "in append" in text
    assert ended == []
    watching.Hangs.GO_ON.set()
    assert "has come back, after at most" in said.get(timeout=60)
    thread.join()
    assert ended == [[("k", "done"), ("l", "done")]]
    assert len([told for told in watching.TOLD if told[0] == "append"]) == 6
    assert watching.TOLD[-1] == ("close",)


def test_a_logger_that_cannot_be_opened_fails_the_run_with_its_reason(run):
    with pytest.raises(RuntimeError, match="event log of agent 'Agent' cannot be opened by watching:Closed.*no door"):
        run([("k", "a")], *ACTIONS, config={"event-logger": "watching:Closed"})
    assert watching.TOLD == []


def test_what_a_listener_throws_in_an_asynchronous_run_does_not_end_it(run):
    async def waits(event, ctx):
        ctx.send_event(OutputEvent(output=await ctx.durable_execute_async(len, "abc")))

    outputs = run(
        [(f"k{i}", i) for i in range(50)], (InputEvent.EVENT_TYPE, waits),
        config={"event-listeners": "watching:Moody", "event-logger": "watching:Keeps"},
    )
    assert [value for _, value in outputs] == [3] * 50
    assert len([told for told in watching.TOLD if told[0] == "Moody"]) == 100
    assert len([told for told in watching.TOLD if told[0] == "append"]) == 100
