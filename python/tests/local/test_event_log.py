"""The event log of runs without Flink: in files, and by Python's logging."""

import json
import logging
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


def test_levels_and_cuts_are_those_of_the_configuration(run, tmp_path):
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


def test_a_logger_gets_lines_with_their_place(run, caplog):
    with caplog.at_level(logging.INFO, logger=LOGGER):
        run([("k", str(i)) for i in range(300)], *ACTIONS)
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == LOGGER]
    assert len(lines) == 900
    assert list(lines[0])[2:5] == ["jobId", "taskName", "subtaskId"]
    assert {line["eventType"] for line in lines} == {"_input_event", "my.step", "_output_event"}


def test_nothing_is_logged_where_nobody_listens(run, caplog):
    with caplog.at_level(logging.WARNING, logger=LOGGER):
        run([("k", "a")], *ACTIONS)
    assert [record for record in caplog.records if record.name == LOGGER] == []


def test_a_directory_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file.below.*baseLogDir"):
        run([("k", "a")], *ACTIONS, config={"baseLogDir": str(tmp_path / "file" / "below")})


def test_a_log_that_cannot_be_written_warns_once_and_the_run_goes_on(run, tmp_path, caplog):
    other = AgentsExecutionEnvironment.get_execution_environment()
    other.get_config().set_str("baseLogDir", str(tmp_path))
    other.from_list([{"key": "k", "value": "a"}]).apply(agent_of(*ACTIONS)).to_list()
    other.execute()
    (file,) = tmp_path.glob("events-*.log")
    file.unlink()
    file.symlink_to("/dev/full")
    assert len(run([("k", str(i)) for i in range(50)], *ACTIONS, config={"baseLogDir": str(tmp_path)})) == 50
    warnings = [record.getMessage() for record in caplog.records if "cannot be written" in record.getMessage()]
    assert len(warnings) == 1
    assert "No space left" in warnings[0]


def test_a_directory_that_is_read_only_is_named(run):
    # Also for root, for whom permissions of files are none.
    with pytest.raises(OSError, match="/sys/kernel/logs.*baseLogDir"):
        run([("k", "a")], *ACTIONS, config={"baseLogDir": "/sys/kernel/logs"})


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
