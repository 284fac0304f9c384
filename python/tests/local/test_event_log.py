"""The event log of runs without Flink: in files, and by Python's logging."""

import json
import logging
import os
import threading
import time

import pytest

from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.trace import ExecutionReporters
from flink_agents.cli import main as cli
from local_agents import agent_of

LOGGER = "flink_agents.EventLog"


def first(event, ctx):
    ctx.send_event(Event(type="my.step", attributes={"what": {"x": [1, 2.5, None], "name": InputEvent.from_event(event).input}}))


def second(event, ctx):
    ctx.send_event(OutputEvent(output="done"))


ACTIONS = ((InputEvent.EVENT_TYPE, first), ("my.step", second))


def counted(environment):
    values = environment.metrics().values()
    return tuple(values[f"eventLog{name}"] for name in ("TruncatedEvents", "WriteFailures", "DroppedEvents"))


def said_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def lines_of(directory):
    files = list(directory.glob("events-*.log"))
    assert len(files) == 1, files
    return [json.loads(line) for line in files[0].read_text("utf-8").splitlines()]


def test_a_file_has_every_event_with_where_it_came_from(run, tmp_path):
    directory = tmp_path / "logs"
    assert run([("k", "ä")], *ACTIONS, config={"baseLogDir": str(directory)}) == [("k", "done")]
    start, step, end = lines_of(directory)
    assert list(start) == ["timestamp", "logLevel", "eventId", "eventType", "eventAttributes"]
    assert start["eventType"] == "_input_event"
    assert start["eventAttributes"] == {"input": "ä"}
    assert step["eventAttributes"] == {"what": {"x": [1, 2.5, None], "name": "ä"}}
    assert (step["upstreamEventId"], step["upstreamActionName"]) == (start["eventId"], "first")
    assert (end["upstreamEventId"], end["upstreamActionName"]) == (step["eventId"], "second")
    assert end["eventAttributes"] == {"output": "done"}


def test_levels_and_cuts_are_those_of_the_configuration(run, environment, tmp_path):
    config = {
        "baseLogDir": str(tmp_path),
        "event-log.level": "off",
        "event-log.type.my.level": "STANDARD",
        "event-log.standard.max-string-length": "3",
        "prettyPrint": "false",
    }
    run([("k", "long text")], *ACTIONS, config=config)
    (line,) = lines_of(tmp_path)
    assert line["eventAttributes"]["what"]["name"] == {"truncatedString": "lon...", "omittedChars": 6}
    assert counted(environment) == (1, 0, 0)


def test_a_logger_gets_lines_with_their_place(run, environment, caplog):
    config = {"event-log.standard.max-string-length": "2"}
    with caplog.at_level(logging.INFO, logger=LOGGER):
        run([("k", str(i)) for i in range(300)], *ACTIONS, config=config)
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == LOGGER]
    assert len(lines) == 900
    assert list(lines[0])[2:5] == ["jobId", "taskName", "subtaskId"]
    assert {line["eventType"] for line in lines} == {"_input_event", "my.step", "_output_event"}
    # Inputs and steps from the hundredth on, and every output.
    assert counted(environment) == (200 + 200 + 300, 0, 0)


class Refusing(logging.Handler):
    def handle(self, record):
        msg = f"refused {len(record.getMessage()) > 0}"
        raise OSError(msg)


def test_lines_that_a_handler_refuses_are_counted_and_the_run_goes_on(run, environment, caplog):
    handler, target = Refusing(), logging.getLogger(LOGGER)
    target.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, logger=LOGGER):
            assert len(run([("k", "a"), ("k", "b")], *ACTIONS)) == 2
    finally:
        target.removeHandler(handler)
    assert counted(environment) == (0, 6, 0)
    (warning,) = said_of(caplog)
    assert "OSError: refused True" in warning
    assert "eventLogWriteFailures" in warning


def test_nothing_is_logged_where_nobody_listens(run, caplog):
    with caplog.at_level(logging.WARNING, logger=LOGGER):
        run([("k", "a")], *ACTIONS)
    assert [record for record in caplog.records if record.name == LOGGER] == []


def test_a_directory_that_cannot_be_made_loses_lines_until_it_can_and_the_run_goes_on(environment, tmp_path, caplog):
    file = tmp_path / "file"
    file.write_text("")
    logs = file / "below"
    environment.get_config().set_str("baseLogDir", str(logs))

    def inputs():
        yield {"key": "k", "value": "a"}
        file.unlink()
        until = time.monotonic() + 60
        while not logs.exists():
            assert time.monotonic() < until
            yield {"key": "k", "value": "b"}
        # Nothing of this one is lost.
        yield {"key": "k", "value": "c"}

    outputs = list(environment.from_iterable(inputs()).apply(agent_of(*ACTIONS)).execute_stream())
    lines = lines_of(logs)
    assert {line["eventType"] for line in lines} == {"_input_event", "my.step", "_output_event"}
    lost = 3 * len(outputs) - len(lines)
    assert lost > 0
    assert counted(environment) == (0, lost, 0)
    first, second = said_of(caplog)
    assert f"{logs}/events-" in first
    assert "Not a directory" in first
    assert "option baseLogDir" in first
    assert f"is written again; {lost} events are missing" in second


def file_of_the_run(tmp_path):
    """Return the file to which runs write, removed."""
    other = AgentsExecutionEnvironment.get_execution_environment()
    other.get_config().set_str("baseLogDir", str(tmp_path))
    other.from_list([{"key": "k", "value": "a"}]).apply(agent_of(*ACTIONS)).to_list()
    other.execute()
    (file,) = tmp_path.glob("events-*.log")
    file.unlink()
    return file


def test_a_log_that_cannot_be_written_warns_once_and_the_run_goes_on(run, environment, tmp_path, caplog):
    file_of_the_run(tmp_path).symlink_to("/dev/full")
    assert len(run([("k", str(i)) for i in range(50)], *ACTIONS, config={"baseLogDir": str(tmp_path)})) == 50
    warnings = [record.getMessage() for record in caplog.records if "cannot be written" in record.getMessage()]
    assert len(warnings) == 1
    assert "No space left" in warnings[0]
    assert counted(environment) == (0, 150, 0)
    page = environment.metrics().to_prometheus().splitlines()
    assert 'flink_agents_eventLogWriteFailures{agent="Agent"} 150' in page
    assert any(line.startswith("# HELP flink_agents_eventLogWriteFailures Events that could not") for line in page)


def test_a_directory_that_is_read_only_loses_lines_and_the_run_goes_on(run, environment, caplog):
    # Also for root, for whom permissions of files are none.
    assert run([("k", "a")], *ACTIONS, config={"baseLogDir": "/sys/kernel/logs"}) == [("k", "done")]
    (warning,) = said_of(caplog)
    assert "/sys/kernel/logs/events-" in warning
    assert "option baseLogDir" in warning
    assert "The job goes on" in warning
    assert counted(environment) == (0, 3, 0)


class Pipe:
    """The other end of a pipe that is read from the moment when it is told to."""

    def __init__(self, path):
        os.mkfifo(path)
        self.reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(self.reading, True)
        self.types = []
        self.thread = threading.Thread(target=self.read)

    def read(self):
        with open(self.reading, "rb") as file:
            self.types.extend(json.loads(line)["eventType"] for line in file)


PIPES = []


def reads_the_pipe_at_last(event, ctx):
    if event.get_attr("input") == "last":
        PIPES[0].thread.start()


def test_a_full_queue_drops_events_and_counts_them_where_it_is_told_to(run, environment, tmp_path):
    PIPES[:] = [Pipe(file_of_the_run(tmp_path))]
    # Each line of these is more than a pipe holds: the writer waits within the first, until somebody reads.
    inputs = [("k", "x" * 200_000) for _ in range(20)] + [("k", "last")]
    config = {
        "baseLogDir": str(tmp_path), "event-log.level": "VERBOSE", "event-log.queue-size": "1", "event-log.on-full": "drop",
    }
    run(inputs, (InputEvent.EVENT_TYPE, reads_the_pipe_at_last), config=config)
    PIPES[0].thread.join()
    truncated, failures, dropped = counted(environment)
    assert (truncated, failures) == (0, 0)
    assert dropped > 0
    assert len(PIPES[0].types) == len(inputs) - dropped


def test_a_directory_that_vanishes_is_made_again(environment, tmp_path):
    logs = tmp_path / "logs"
    environment.get_config().set_str("baseLogDir", str(logs))

    def inputs():
        yield {"key": "k", "value": "a"}
        logs.rename(tmp_path / "gone")
        until = time.monotonic() + 60
        while not logs.exists():
            assert time.monotonic() < until
            yield {"key": "k", "value": "b"}
        # Nothing of this one is lost.
        yield {"key": "k", "value": "c"}

    outputs = list(environment.from_iterable(inputs()).apply(agent_of(*ACTIONS)).execute_stream())
    assert all(output == {"k": "done"} for output in outputs)
    assert {line["eventType"] for line in lines_of(logs)} == {"_input_event", "my.step", "_output_event"}


def test_the_trace_has_records_of_actions(run, tmp_path):
    config = {"baseLogDir": str(tmp_path), "event-log.trace.enabled": "true"}
    run([("k", "a")], *ACTIONS, config=config)
    lines = lines_of(tmp_path)
    assert [line["eventType"] for line in lines] == [
        "_input_event",
        "_execution_started_event",
        "_execution_finished_event",
        "my.step",
        "_execution_started_event",
        "_execution_finished_event",
        "_output_event",
    ]
    assert len({line["inputRunId"] for line in lines}) == 1
    assert {line["businessKey"] for line in lines} == {"#9b046e6d3b52"}
    assert lines[3]["executionId"] == lines[1]["executionId"] == lines[2]["executionId"]
    assert lines[1]["entityName"] == "first"


def test_the_trace_has_the_failure_that_ends_the_run(run, tmp_path):
    def broken(event, ctx):
        msg = "not today"
        raise ValueError(msg)

    config = {"baseLogDir": str(tmp_path), "event-log.trace.enabled": "true"}
    with pytest.raises(Exception, match="not today"):
        run([("k", "a")], (InputEvent.EVENT_TYPE, broken), config=config)
    last = lines_of(tmp_path)[-1]
    assert last["status"] == "failed"
    assert last["problemCategory"] == "action_execution_failed"
    assert last["eventAttributes"] == {"errorType": "ValueError", "errorMessage": "not today"}


def reports(event, ctx):
    metadata = {"toolCallId": "1", "toolType": "function"}
    ExecutionReporters.started(ctx, "tool", "add", metadata)
    ExecutionReporters.succeeded(ctx, "tool", "add", metadata)
    ExecutionReporters.started(ctx, "llm", "model")
    try:
        try:
            json.loads("{")
        except ValueError as error:
            msg = "no answer"
            raise RuntimeError(msg) from error
    except RuntimeError as error:
        ExecutionReporters.failed(ctx, "llm", "model", None, error, "model_call_failed")
    ctx.send_event(OutputEvent(output="done"))


async def reports_async(event, ctx):
    ExecutionReporters.started(ctx, "tool", "wait")
    await ctx.durable_execute_async(len, "abc")
    ExecutionReporters.succeeded(ctx, "tool", "wait")
    ctx.send_event(OutputEvent(output="done"))


def test_the_trace_has_what_actions_report(run, tmp_path):
    config = {"baseLogDir": str(tmp_path), "event-log.trace.enabled": True}
    assert run([("k", "a")], (InputEvent.EVENT_TYPE, reports), config=config) == [("k", "done")]
    _, action, begun, ended, called, failed, finished, _ = lines_of(tmp_path)
    assert begun["entityMetadata"] == {"toolCallId": "1", "toolType": "function"}
    assert begun["parentExecutionId"] == called["parentExecutionId"] == action["executionId"] == finished["executionId"]
    assert (ended["executionId"], ended["status"]) == (begun["executionId"], "success")
    assert (failed["executionId"], failed["problemCategory"]) == (called["executionId"], "model_call_failed")
    assert failed["eventAttributes"]["errorType"] == "json.decoder.JSONDecodeError"
    assert failed["eventAttributes"]["errorMessage"].startswith("Expecting property name")


def test_without_a_trace_reports_cost_nothing_and_say_nothing(run, tmp_path, caplog):
    run([("k", "a")], (InputEvent.EVENT_TYPE, reports), config={"baseLogDir": str(tmp_path)})
    assert [line["eventType"] for line in lines_of(tmp_path)] == ["_input_event", "_output_event"]
    assert caplog.records == []


def test_a_report_that_cannot_be_told_is_a_warning(run, tmp_path, caplog):
    def odd(event, ctx):
        ExecutionReporters.started(ctx, "tool", "add", {"what": object()})
        ctx.send_event(OutputEvent(output="done"))

    config = {"baseLogDir": str(tmp_path), "event-log.trace.enabled": True}
    assert run([("k", "a")], (InputEvent.EVENT_TYPE, odd), config=config) == [("k", "done")]
    assert ["A report to the execution trace failed."] == [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("target", ["file", "logging"])
def test_the_trace_command_rebuilds_the_runs_of_a_log(run, tmp_path, caplog, capsys, target):
    config = {"event-log.trace.enabled": True, "log.keys": "plain"}
    if target == "file":
        config["baseLogDir"] = str(tmp_path)
    inputs = [(f"k{i % 7}", str(i)) for i in range(21)]
    with caplog.at_level(logging.INFO, logger=LOGGER):
        run(inputs, (InputEvent.EVENT_TYPE, reports), (InputEvent.EVENT_TYPE, reports_async), config=config)
    if target == "logging":
        lines = [record.getMessage() for record in caplog.records if record.name == LOGGER]
        (tmp_path / "taskmanager.log.event-log.log").write_text("".join(line + "\n" for line in lines), "utf-8")
    assert cli.main(["trace", str(tmp_path), "--format", "json"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    runs = json.loads(told.out)["runs"]
    assert len(runs) == 21
    assert sorted(shown["key"] for shown in runs) == sorted(key for key, _ in inputs)
    for shown in runs:
        assert (shown["status"], shown["traced"], shown["agent"]) == ("problems", True, "Agent")
        assert [event["type"] for event in shown["events"]] == ["_input_event", "_output_event", "_output_event"]
        executions = {(one["kind"], one["name"]): one for one in shown["executions"]}
        assert {name: one["status"] for name, one in executions.items()} == {
            ("action", "reports"): "done",
            ("tool", "add"): "done",
            ("llm", "model"): "failed",
            ("action", "reports_async"): "done",
            ("tool", "wait"): "done",
        }
        parent = shown["executions"][executions["tool", "wait"]["parent"]]
        assert parent["name"] == "reports_async"
        assert parent["ms"] >= executions["tool", "wait"]["ms"]
