"""What the metrics of a run without Flink show: as a snapshot, and as a page."""

import socket
import urllib.request

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment

INPUT = InputEvent.EVENT_TYPE


def first(event, ctx):
    ctx.action_metric_group.get_sub_group("kind", "a").get_counter("mine").inc(2)
    ctx.durable_execute(len, "four")
    ctx.send_event(Event(type="second", attributes={"input": event.get_attr("input")}))


def second(event, ctx):
    ctx.send_event(OutputEvent(output=event.get_attr("input")))


async def waiting(event, ctx):
    await ctx.durable_execute_async(len, "four")
    ctx.send_event(OutputEvent(output=1))


def fails(event, ctx):
    if event.get_attr("input") == 2:
        raise RuntimeError("the third")
    ctx.send_event(OutputEvent(output=1))


def environment(*actions, inputs=3, **options):
    env = AgentsExecutionEnvironment.get_execution_environment()
    for key, value in options.items():
        env.get_config().set_str(key.replace("__", "."), str(value))
    agent = Agent()
    for trigger, action in actions:
        agent.add_action(action.__name__, [trigger], action)
    outputs = env.from_list([{"key": "a", "value": i} for i in range(inputs)]).apply(agent).to_list()
    return env, outputs


def test_a_snapshot_has_what_was_counted():
    env, outputs = environment((INPUT, first), ("second", second))
    env.execute()
    assert len(outputs) == 3
    values = env.metrics().values()
    counted = {
        "numOfEventProcessed": 9,
        "numOfActionsExecuted": 6,
        "action.first.numOfActionsExecuted": 3,
        "action.second.numOfActionsExecuted": 3,
        "action.first.kind.a.mine": 6,
        "numOfRunsInFlight": 0,
        "numOfPendingInputs": 0,
        "numOfSuspendedTasks": 0,
        "numOfFailedAttempts": 0,
        "numOfDeadLetters": 0,
        "numOfFailedAttemptsPerSec": 0,
        "numOfDeadLettersPerSec": 0,
        "numOfLateCallResults": 0,
    }
    assert {name: values[name] for name in counted} == counted
    measured = {
        "numOfEventProcessedPerSec",
        "numOfActionsExecutedPerSec",
        "action.first.numOfActionsExecutedPerSec",
        "action.second.numOfActionsExecutedPerSec",
        "action.first.actionLatencyUs",
        "action.second.actionLatencyUs",
        "action.first.callLatencyUs",
    }
    assert set(values) == measured | set(counted)
    assert all(values[name] > 0 for name in measured if "PerSec" in name)


def test_a_page_says_what_each_metric_means():
    env, _ = environment((INPUT, first), ("second", second))
    env.execute()
    lines = env.metrics().to_prometheus().splitlines()
    agent = env.metrics().agent
    assert f'flink_agents_numOfActionsExecuted{{agent="{agent}"}} 6' in lines
    assert f'flink_agents_action_numOfActionsExecuted{{agent="{agent}",action="first"}} 3' in lines
    assert f'flink_agents_action_actionLatencyUs_count{{agent="{agent}",action="first"}} 3' in lines
    assert f'flink_agents_action_kind_mine{{agent="{agent}",action="first",kind="a"}} 6' in lines
    assert any(line.startswith("# HELP flink_agents_numOfEventProcessed Events processed: ") for line in lines)


@pytest.mark.parametrize("action", [first, waiting])
def test_calls_are_measured_with_a_journal_too(action, tmp_path):
    options = {"actionStateStoreBackend": "sqlite", "sqlite__path": tmp_path / "journal"}
    env, _ = environment((INPUT, action), ("second", second), **options)
    env.execute("run")
    values, name = env.metrics().values(), action.__name__
    assert f"action.{name}.callLatencyUs" in values
    assert (values["numOfActionsReplayed"], values["numOfCallsReplayed"], values["numOfDivergences"]) == (0, 0, 0)
    assert (values["numOfUnacknowledgedRecords"], values["journalKilobytes"], values["numOfHeldOutputs"]) == (0, 0, 0)
    before = values
    env, outputs = environment((INPUT, action), ("second", second), **options)
    env.execute("run")
    values = env.metrics().values()
    assert values["numOfActionsReplayed"] == values["numOfActionsExecuted"] == before["numOfActionsExecuted"]
    assert values["numOfEventProcessed"] == before["numOfEventProcessed"]
    assert f"action.{name}.callLatencyUs" not in values
    assert len(outputs) == 3


def test_a_run_that_failed_shows_what_it_did():
    env, _ = environment((INPUT, fails))
    with pytest.raises(RuntimeError, match="no metrics yet"):
        env.metrics()
    with pytest.raises(RuntimeError, match="the third"):
        env.execute()
    assert env.metrics().values()["numOfActionsExecuted"] == 2


def reads(event, ctx):
    if event.get_attr("input") == 0:
        ctx.send_event(OutputEvent(output=None))
        return
    port = ctx.config.get_int("prometheus.port", None)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        ctx.send_event(OutputEvent(output=[page.headers["Content-Type"], page.read().decode()]))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_the_page_is_served_while_the_run_goes_on_if_it_is_asked_for():
    port = free_port()
    # Every input is worked on before the next is taken, and the page is brought up to date after the first.
    env = AgentsExecutionEnvironment.get_execution_environment()
    env.get_config().set_str("prometheus.port", str(port))
    agent = Agent()
    agent.add_action("reads", [INPUT], reads)
    outputs = env.from_iterable({"key": "a", "value": i} for i in range(2)).apply(agent).to_list()
    env.execute()
    _, (kind, text) = (output["a"] for output in outputs)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert 'flink_agents_action_numOfActionsExecuted{agent="Agent",action="reads"} 1\n' in text
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", port)) != 0, "it ends with the run"


def test_a_port_that_is_taken_is_an_error_that_names_the_option():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        env, _ = environment((INPUT, second), prometheus__port=taken.getsockname()[1])
        with pytest.raises(OSError, match=r"127\.0\.0\.1:\d+: .*prometheus\.port"):
            env.execute()


def test_nobody_is_served_unless_it_is_asked_for(monkeypatch):
    monkeypatch.setattr("flink_agents._core.MetricsServer", None)
    env, _ = environment((INPUT, first))
    env.execute()
    assert env.metrics().values()["numOfActionsExecuted"] == 3


def counts_besides(event, ctx):
    for name in ("numOfEventProcessed", "eventLogWriteFailures"):
        ctx.agent_metric_group.get_counter(name).inc(10)


def test_what_users_add_to_our_counters_is_in_the_count(tmp_path):
    env, _ = environment((INPUT, counts_besides), baseLogDir=tmp_path)
    env.execute()
    values = env.metrics().values()
    assert (values["numOfEventProcessed"], values["eventLogWriteFailures"]) == (33, 30)
