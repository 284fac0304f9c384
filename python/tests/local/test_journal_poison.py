"""A recorded exception that nobody catches ends the run each time it is started, and how to get out of that."""

import pytest

from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.runtime.executor import ActionExecutionError
from local_agents import agent_of

INPUT = InputEvent.EVENT_TYPE
CALLS = []


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Return a function that runs one action over an input with a journal, and returns the outputs."""
    monkeypatch.delenv("FLINK_CONF_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    CALLS.clear()

    def go(action, name="run"):
        env = AgentsExecutionEnvironment.get_execution_environment()
        env.get_config().set_str("actionStateStoreBackend", "sqlite")
        built = env.from_list([{"key": "a", "value": 1}]).apply(agent_of((INPUT, action)))
        outputs = built.to_list()
        env.execute(name)
        return outputs

    return go


def answer(question):
    CALLS.append(question)
    if len(CALLS) == 1:
        msg = "a bad day"
        raise ConnectionError(msg)
    return "answered"


def answer_again(question):
    return answer(question)


def careless(event, ctx):
    ctx.send_event(OutputEvent(output=ctx.durable_execute(answer, "q")))


def test_it_is_raised_at_each_start_and_the_call_is_not_made_again(go):
    for _ in range(3):
        with pytest.raises(ActionExecutionError, match="a bad day"):
            go(careless)
    assert CALLS == ["q"]


def test_an_action_that_now_handles_it_goes_on(go):
    with pytest.raises(ActionExecutionError, match="a bad day"):
        go(careless)

    def careful(event, ctx):
        try:
            careless(event, ctx)
        except ConnectionError:
            ctx.send_event(OutputEvent(output="given up"))

    careful.__name__ = "careless"
    assert go(careful) == [{"a": "given up"}]
    assert CALLS == ["q"]


def test_under_another_name_the_function_is_called_again(go, caplog):
    with pytest.raises(ActionExecutionError, match="a bad day"):
        go(careless)

    def renamed(event, ctx):
        ctx.send_event(OutputEvent(output=ctx.durable_execute(answer_again, "q")))

    renamed.__name__ = "careless"
    assert go(renamed) == [{"a": "answered"}]
    assert CALLS == ["q", "q"]
    assert "answer_again" in caplog.text
    # That is recorded now.
    assert go(renamed) == [{"a": "answered"}]
    assert len(CALLS) == 2
