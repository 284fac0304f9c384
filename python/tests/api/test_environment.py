"""The entry point and what importing it costs, versions, the trace, calls."""

import asyncio
import concurrent.futures
import json
import subprocess
import sys
import types
import uuid

import pytest

import flink_agents
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import ResourceType
from flink_agents.api.runner_context import AsyncExecutionResult
from flink_agents.api.trace import ExecutionLifecycleEvents, ExecutionReporter, ExecutionReporters
from flink_agents.api.version_compatibility import FlinkVersionManager


class Environment(AgentsExecutionEnvironment):
    def get_config(self, path=None):
        return None

    def from_datastream(self, input, key_selector=None):
        return None

    def from_table(self, input, key_selector=None):
        return None

    def from_list(self, input):
        return None

    def from_iterable(self, input):
        return None

    def execute(self, job_name=None):
        return None


def test_importing_the_entry_point_does_not_import_what_is_slow():
    program = "import sys, json, flink_agents.api.execution_environment; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(run.stdout)}
    assert not loaded & {"pyflink", "yaml", "asyncio", "py4j", "docstring_parser"}


def test_an_agent_is_compiled_without_building_validators():
    # The first validator makes pydantic look through all installed distributions for plugins (older ones always do).
    program = (
        "import sys\n"
        "import pydantic\n"
        "class Deferred(pydantic.BaseModel, defer_build=True):\n"
        "    x: int\n"
        "loaded = 'pydantic.plugin._loader' in sys.modules\n"
        "from flink_agents.plan.actions.tool_call_action import process_tool_request\n"
        "from flink_agents.api.agents.agent import Agent\n"
        "from flink_agents.api.events.event import Event, InputEvent, OutputEvent\n"
        "from flink_agents.plan.agent_plan import AgentPlan\n"
        "agent = Agent().add_action('act', ['_input_event'], process_tool_request)\n"
        "AgentPlan.from_json(AgentPlan.from_agent(agent).to_json())\n"
        "OutputEvent(output=InputEvent.from_event(InputEvent(input={'a': 1})).input)\n"
        "print('pydantic.plugin._loader' in sys.modules and not loaded)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_the_environment_is_made_by_the_runtime(monkeypatch):
    made = []
    for name in ("local", "remote"):
        module = types.ModuleType(f"flink_agents.runtime.{name}_environment")
        module.create_instance = lambda name=name, **kwargs: made.append((name, kwargs)) or Environment()
        monkeypatch.setitem(sys.modules, module.__name__, module)
    assert isinstance(AgentsExecutionEnvironment.get_execution_environment(option=1), Environment)
    AgentsExecutionEnvironment.get_execution_environment(env="e", t_env="t")
    assert made == [("local", {"option": 1}), ("remote", {"env": "e", "t_env": "t"})]
    with pytest.raises(ValueError, match="a table environment without env"):
        AgentsExecutionEnvironment.get_execution_environment(t_env="t")


def test_shared_resources():
    env = Environment()
    assert env.add_resource("p", ResourceType.PROMPT, Prompt.from_text("x")) is env
    assert env.resources[ResourceType.PROMPT].keys() == {"p"}
    with pytest.raises(ValueError, match="The environment: prompt p already defined"):
        env.add_resource("p", ResourceType.PROMPT, Prompt.from_text("x"))


def test_the_version_is_that_of_the_core():
    assert flink_agents.__version__ == flink_agents._core.version()
    with pytest.raises(AttributeError):
        flink_agents.nothing  # noqa: B018


def test_versions_of_flink(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.1.3.dev0")
    manager = FlinkVersionManager()
    assert (manager.version, manager.major_version) == ("2.1.3.dev0", "2.1")
    assert manager.ge("2.1")
    assert manager.ge("1.20.3")
    assert not manager.ge("2.2")
    assert manager.lt("2.10")


def test_without_flink_there_is_no_version(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    manager = FlinkVersionManager()
    assert manager.version is None
    assert manager.major_version is None
    assert not manager.ge("1.0")
    assert not manager.lt("9.0")


def test_calls_are_awaited_once():
    async def run(executor):
        result = AsyncExecutionResult(executor, divmod, (7, 2), {})
        value = await result
        with pytest.raises(RuntimeError, match="awaited once only"):
            await result
        return value

    assert asyncio.run(run(None)) == (3, 1)
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        assert asyncio.run(run(executor)) == (3, 1)


def test_exceptions_of_calls_reach_who_awaits():
    async def run(executor):
        await AsyncExecutionResult(executor, divmod, (1, 0), {})

    for executor in (None, concurrent.futures.ThreadPoolExecutor(1)):
        with pytest.raises(ZeroDivisionError):
            asyncio.run(run(executor))


class Reporter(ExecutionReporter):
    def __init__(self):
        self.reports = []

    def report_execution_started(self, entity_type, entity_name, entity_metadata=None):
        self.reports.append(("started", entity_name))

    def report_execution_succeeded(self, entity_type, entity_name, entity_metadata=None):
        self.reports.append(("succeeded", entity_name))

    def report_execution_failed(self, entity_type, entity_name, entity_metadata, error, problem_category=None):
        raise error


def test_reports_reach_contexts_that_take_them_and_never_fail_the_caller(caplog):
    reporter = Reporter()
    ExecutionReporters.started(reporter, "tool", "a")
    ExecutionReporters.succeeded(reporter, "tool", "a")
    ExecutionReporters.failed(reporter, "tool", "a", None, ValueError("x"))
    ExecutionReporters.started(object(), "tool", "b")
    assert reporter.reports == [("started", "a"), ("succeeded", "a")]
    assert "A report to the execution trace failed" in caplog.text


def test_lifecycle_events():
    assert ExecutionLifecycleEvents.expected_status("_execution_failed_event") == "failed"
    assert ExecutionLifecycleEvents.expected_status(str(uuid.uuid4())) is None
    assert len(ExecutionLifecycleEvents.EVENT_TYPES) == 4
