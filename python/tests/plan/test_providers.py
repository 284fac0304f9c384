"""Making resources of their recipes, tools and built-in actions."""

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.function import JavaFunction
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import Resource, ResourceDescriptor, ResourceType
from flink_agents.api.resource_context import ResourceContext
from flink_agents.api.tools.function_tool import FunctionTool as DeclaredTool
from flink_agents.api.tools.tool import Tool, ToolType
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.plan.configuration import AgentConfiguration


class Connection(Resource):
    base_url: str
    timeout: int = 30

    @classmethod
    def resource_type(cls):
        return ResourceType.CHAT_MODEL_CONNECTION


class Odd(Exception):
    def __init__(self, first, second):
        super().__init__(first)


class Failing(Connection):
    def __init__(self, **kwargs):
        raise Odd("no network", 2)


class Context(ResourceContext):
    def get_resource(self, name, resource_type):
        raise KeyError(name)

    def generate_available_skills_prompt(self, *skill_names):
        return ""

    def get_skill_dirs(self, *skill_names):
        return []


def add(a: int, b: int = 2) -> int:
    """Adds."""
    return a + b


def plan_with(resource_type, instance):
    plan = AgentPlan.from_agent(Agent().add_resource("r", resource_type, instance))
    return AgentPlan.from_json(plan.to_json()).get_resource_provider("r", resource_type)


def test_constructor_arguments_come_from_descriptor_and_configuration():
    descriptor = ResourceDescriptor(clazz=f"{__name__}.Connection", base_url="http://a")
    provider = plan_with(ResourceType.CHAT_MODEL_CONNECTION, descriptor)
    config = AgentConfiguration({"Connection.timeout": 5, "Connection.base_url": "http://b", "Other.timeout": 1})
    context = Context()
    made = provider.provide(context, config)
    assert (made.base_url, made.timeout, made.resource_context) == ("http://a", 5, context)
    assert provider.provide(context, config) is not made


def test_what_cannot_be_made_is_named():
    kind = ResourceType.CHAT_MODEL_CONNECTION
    for clazz, error, message in [
        (f"{__name__}.Connection", Exception, "'r' cannot be made: .*base_url"),
        (f"{__name__}.Failing", RuntimeError, "'r' cannot be made: Odd: no network"),
        ("no_such_module.A", ImportError, "'r' cannot be made: .*no_such_module"),
    ]:
        provider = plan_with(kind, ResourceDescriptor(clazz=clazz))
        with pytest.raises(error, match=f"(?s)The chat_model_connection {message}"):
            provider.provide(None, AgentConfiguration())


def test_prompts_and_tools_travel_by_their_fields():
    context = Context()
    prompt = plan_with(ResourceType.PROMPT, Prompt.from_text("{a}")).provide(context, AgentConfiguration())
    assert prompt.format_string(a="1") == "1"
    assert prompt.resource_context is context
    declared = Tool.from_callable(add, injected_args={"b": {"source": "config"}})
    tool = plan_with(ResourceType.TOOL, declared).provide(context, AgentConfiguration())
    assert (tool.name, tool.metadata.description, tool.tool_type()) == ("add", "Adds.", ToolType.FUNCTION)
    assert list(tool.metadata.get_parameters_dict()["properties"]) == ["a"]
    assert tool.injected_args["b"].key == "b"
    assert tool.call(a=1, b=5) == 6


def test_java_tools_are_named_after_their_resource_and_not_called_here():
    java = JavaFunction(qualname="a.B", method_name="run", parameter_types=["int"])
    tool = plan_with(ResourceType.TOOL, DeclaredTool(func=java)).provide(None, AgentConfiguration())
    assert tool.name == "r"
    with pytest.raises(NotImplementedError, match=r"is the Java method a\.B\.run"):
        tool.call(a=1)


def test_java_resources_are_refused_by_name():
    descriptor = ResourceDescriptor(
        clazz="flink_agents.api.chat_models.java_chat_model.JavaChatModelSetup", java_clazz="org.example.Model"
    )
    provider = plan_with(ResourceType.CHAT_MODEL, descriptor)
    with pytest.raises(NotImplementedError, match="The chat_model 'r' is org.example.Model, a Java class"):
        provider.provide(None, AgentConfiguration())
