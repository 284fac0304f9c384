"""Shortcuts of the tests that run agents without Flink."""

import pytest

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from local_agents import agent_of


@pytest.fixture
def environment(monkeypatch):
    """Return a new environment."""
    monkeypatch.delenv("FLINK_CONF_DIR", raising=False)
    return AgentsExecutionEnvironment.get_execution_environment()


@pytest.fixture
def run(environment):
    """Return a function that runs actions over (key, value) pairs and returns the outputs as (key, output)."""

    def run(inputs, *actions, config=None):
        for key, value in (config or {}).items():
            environment.get_config().set_str(key, value)
        outputs = (
            environment.from_list([{"key": key, "value": value} for key, value in inputs])
            .apply(agent_of(*actions))
            .to_list()
        )
        environment.execute()
        return [(key, value) for output in outputs for key, value in output.items()]

    return run
