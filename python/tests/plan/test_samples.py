"""Plans equal those that the reference makes of the same agents."""

import json
from pathlib import Path

import pytest
import sample_agent
from sample_agent import OutData, SmallAgent

from flink_agents.api.agents.agent import Agent
from flink_agents.api.agents.react_agent import ReActAgent
from flink_agents.api.agents.types import OutputSchema
from flink_agents.api.core_options import AgentExecutionOptions, ErrorHandlingStrategy
from flink_agents.api.function import JavaFunction
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import ResourceDescriptor, ResourceType
from flink_agents.api.tools.tool import Tool
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.plan.configuration import AgentConfiguration

SAMPLES = Path(__file__).resolve().parents[3] / "e2e-test" / "conformance" / "plan-samples"


def sample(name):
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


def small_plan():
    config = AgentConfiguration()
    config.set_int("kafkaActionStateTopicNumPartitions", 128)
    config.set(AgentExecutionOptions.ERROR_HANDLING_STRATEGY, ErrorHandlingStrategy.RETRY)
    config.set(AgentExecutionOptions.CHAT_ASYNC, False)
    agent = SmallAgent()
    agent.add_action("added_action", ["other.event"], sample_agent.java_declared, threshold=3, names=["a", "b"])
    agent.add_resource("mul", ResourceType.TOOL, Tool.from_callable(sample_agent.mul))
    return AgentPlan.from_agent(agent, config)


def chat_model():
    return ResourceDescriptor(clazz="sample_res.Setup", connection="conn", model="m")


def test_the_small_agent():
    plan = small_plan().to_dict()
    expected = sample("head/python-small-agent.plan.json")
    assert plan == expected
    assert list(plan["actions"]) == list(expected["actions"])


def test_the_empty_agent():
    assert AgentPlan.from_agent(Agent()).to_dict() == sample("head/python-empty-agent.plan.json")


def test_the_react_agent_with_a_pydantic_schema():
    agent = ReActAgent(chat_model=chat_model(), prompt=Prompt.from_text("{a}+{b}"), output_schema=OutData)
    plan = AgentPlan.from_agent(agent).to_dict()
    expected = sample("head/python-react-agent-pydantic-schema.plan.json")
    assert plan == expected
    assert list(plan["actions"]) == list(expected["actions"])


def test_the_react_agent_with_a_row_schema(pyflink):
    info = pyflink.RowTypeInfo(
        [pyflink.BasicTypeInfo(pyflink.BasicType.INT), pyflink.BasicTypeInfo(pyflink.BasicType.STRING)],
        ["result", "why"],
    )
    plan = AgentPlan.from_agent(ReActAgent(chat_model=chat_model(), output_schema=info)).to_dict()
    assert plan == sample("head/python-react-agent-row-schema.plan.json")


def test_the_core_takes_every_plan_and_gives_it_back_unchanged():
    plan = small_plan()
    assert json.loads(plan.to_json()) == plan.to_dict()
    assert list(json.loads(plan.to_json())["actions"]) == list(plan.actions)


def test_a_plan_that_was_read_is_written_the_same():
    text = small_plan().to_json()
    assert json.loads(AgentPlan.from_json(text).to_json()) == json.loads(text)


@pytest.mark.parametrize("name", sorted(path.name for path in (SAMPLES / "0.3.1").glob("*.plan.json")))
def test_plans_of_the_release_are_read(name):
    plan = AgentPlan.from_json((SAMPLES / "0.3.1" / name).read_text(encoding="utf-8"))
    expected = sample(f"0.3.1/{name}")
    assert plan.actions.keys() == expected["actions"].keys()
    assert {kind.value: set(named) for kind, named in plan.resource_providers.items() if named} == {
        kind: set(named) for kind, named in expected["resource_providers"].items() if named
    }
    assert plan.config.conf_data == expected["config"]["conf_data"]


def test_an_output_schema_of_the_release_comes_back_as_an_object():
    text = (SAMPLES / "0.3.1" / "python-react-agent-pydantic-schema.plan.json").read_text(encoding="utf-8")
    schema = AgentPlan.from_json(text).actions["start_action"].config["output_schema"]
    assert isinstance(schema, OutputSchema)
    assert schema.output_schema is OutData


def test_a_row_schema_comes_back_as_one_of_pyflink(pyflink):
    text = (SAMPLES / "0.3.1" / "python-react-agent-row-schema.plan.json").read_text(encoding="utf-8")
    plan = AgentPlan.from_json(text)
    assert str(plan.actions["start_action"].config["output_schema"].output_schema) == (
        "RowTypeInfo(result: Integer, why: String)"
    )
    assert json.loads(plan.to_json())["actions"]["start_action"]["config"]["output_schema"]["module"] == (
        "flink_agents.api.agents.types"
    )


def test_a_java_configuration_is_read_as_its_values():
    text = (SAMPLES / "0.3.1" / "java-react-agent-pojo-schema.plan.json").read_text(encoding="utf-8")
    plan = AgentPlan.from_json(text)
    start = next(action for action in plan.actions.values() if action.config)
    assert isinstance(start.exec, JavaFunction)
    assert all(not isinstance(value, dict) or "@class" not in value for value in start.config.values())
