"""What the compiler of plans finds, and what it refuses."""

import functools
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action, chat_model_setup, mcp_server, prompt, tool
from flink_agents.api.events.event import Event, InputEvent
from flink_agents.api.events.event_type import EventType
from flink_agents.api.function import JavaFunction, PythonFunction
from flink_agents.api.prompts.prompt import LocalPrompt, Prompt
from flink_agents.api.resource import ResourceDescriptor, ResourceName, ResourceType
from flink_agents.api.runner_context import RunnerContext
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.plan.configuration import AgentConfiguration

BUILT_IN = ["chat_model_action", "tool_call_action", "context_retrieval_action"]


class Settings(BaseModel):
    depth: int
    names: list[str] = []


class Base(Agent):
    @action("a")
    @staticmethod
    def first(event: Event, ctx: RunnerContext) -> None:
        pass

    @action("a")
    @staticmethod
    def second(event: Event, ctx: RunnerContext) -> None:
        pass

    @prompt
    @staticmethod
    def text():
        return Prompt.from_text("base")


class Derived(Base):
    @staticmethod
    def helper():
        pass

    @action("b")
    @staticmethod
    async def third(event, ctx):
        pass

    @staticmethod
    @action("c")
    def first(event: "Event", ctx: "RunnerContext"):
        pass


def module_action(event: Event, ctx: RunnerContext) -> None:
    pass


def plan_of(agent, **kwargs):
    return AgentPlan.from_agent(agent, **kwargs)


def with_action(func):
    """An agent whose class has this one action."""
    return type("Made", (Agent,), {"act": staticmethod(action("a")(func))})()


def test_actions_come_in_the_order_of_class_added_built_in():
    agent = Derived().add_action("z", ["t"], module_action).add_action("y", ["t"], module_action)
    plan = plan_of(agent)
    assert list(plan.actions) == ["first", "second", "third", "z", "y", *BUILT_IN]
    assert plan.actions["first"].trigger_conditions == ["c"]
    assert plan.actions["first"].exec.qualname == "Derived.first"
    assert plan.resource_providers[ResourceType.PROMPT]["text"].serialized == {"template": "base"}
    assert plan.agent_name == "Derived"


def test_the_agent_is_not_changed():
    agent = Derived()
    shared = {ResourceType.PROMPT: {"text": Prompt.from_text("env"), "other": Prompt.from_text("env")}}
    for _ in range(2):
        providers = plan_of(agent, resources=shared, name="renamed").resource_providers[ResourceType.PROMPT]
        assert {name: p.serialized["template"] for name, p in providers.items()} == {"text": "base", "other": "env"}
    assert agent.actions == {}
    assert not any(agent.resources.values())
    assert plan_of(agent, name="renamed").agent_name == "renamed"


def three(event, ctx, more):
    pass


def one(event):
    pass


def of_input(event: InputEvent, ctx: RunnerContext):
    pass


def of_text(event: str, ctx: RunnerContext):
    pass


def swapped(ctx: RunnerContext, event: Event):
    pass


def of_self(self, event, ctx):
    pass


def keyword_only(event, *, ctx):
    pass


def star(*args):
    pass


def generator(event, ctx):
    yield event


@pytest.mark.parametrize(
    ("func", "message"),
    [
        (three, r"has the signature \(event, ctx, more\)"),
        (one, r"has the signature \(event\)"),
        (of_input, r"annotated InputEvent, not Event.*use InputEvent.from_event\(event\)"),
        (of_text, "annotated str, not Event"),
        (swapped, "annotated RunnerContext, not Event"),
        (of_self, "drop 'self': actions have no object"),
        (keyword_only, "has the signature"),
        (star, "has the signature"),
        (generator, "is a generator"),
    ],
)
def test_wrong_signatures_are_refused(func, message):
    place = rf"test_compiler\.{func.__name__} \(.*test_compiler\.py:\d+\)"
    for agent in (with_action(func), Agent().add_action("act", ["a"], func)):
        with pytest.raises(TypeError, match=message) as refused:
            plan_of(agent)
        assert "action 'act'" in str(refused.value)
        refused.match(place)


def test_a_signature_may_be_annotated_with_names_that_only_the_type_checker_knows():
    def unresolved(event: "events.Event", ctx: "RunnerContext") -> "None":  # noqa: F821
        pass

    assert "act" in plan_of(with_action(unresolved)).actions


def test_what_an_action_returns_is_warned_of(caplog):
    def returns(event: Event, ctx: RunnerContext) -> int:
        return 1

    with caplog.at_level(logging.WARNING):
        plan_of(with_action(returns))
    assert "what an action returns is dropped" in caplog.text


def test_lambdas_and_closures_in_a_class_are_refused():
    captured = 1

    def closure(event, ctx):
        return captured

    with pytest.raises(TypeError, match="captures captured"):
        plan_of(with_action(closure))
    with pytest.raises(TypeError, match="is a lambda"):
        plan_of(with_action(lambda event, ctx: None))


def test_class_methods_are_refused():
    class WithClassMethod(Agent):
        @action("a")
        @classmethod
        def act(cls, event, ctx):
            pass

    with pytest.raises(TypeError, match="is a class method. Make it a static method"):
        plan_of(WithClassMethod())


def test_an_action_without_condition_is_refused():
    with pytest.raises(ValueError, match="needs at least one trigger condition"):
        plan_of(type("Made", (Agent,), {"act": staticmethod(action()(module_action))})())
    # What the last line marked is a function of this module.
    del module_action._is_action


def test_duplicate_names_are_refused():
    with pytest.raises(ValueError, match="action 'first' is defined twice"):
        plan_of(Derived().add_action("first", ["t"], module_action))
    with pytest.raises(ValueError, match="has a built-in action of that name"):
        plan_of(Agent().add_action("chat_model_action", ["t"], module_action))
    with pytest.raises(ValueError, match="prompt 'text' is defined twice"):
        plan_of(Derived().add_resource("text", ResourceType.PROMPT, Prompt.from_text("x")))


def test_targets_are_checked():
    def placeholder(event, ctx):
        raise NotImplementedError

    java = JavaFunction.for_action("a.B", "run")
    assert plan_of(type("Made", (Agent,), {"act": action("a", target=java)(placeholder)})()).actions["act"].exec is java
    with pytest.raises(TypeError, match="target must be a PythonFunction or a JavaFunction"):
        plan_of(type("Made", (Agent,), {"act": action("a", target="a.B.run")(placeholder)})())
    empty = PythonFunction(module="", qualname="f")
    with pytest.raises(ValueError, match="module of its target PythonFunction is empty"):
        plan_of(type("Made", (Agent,), {"act": action("a", target=empty)(placeholder)})())


def test_the_core_checks_conditions_when_the_plan_is_written():
    with pytest.raises(ValueError, match="bad"):
        plan_of(Agent().add_action("bad", ["type =="], module_action)).to_json()


def test_something_else_than_an_agent_is_refused():
    with pytest.raises(TypeError, match=r"write its name with \(\)"):
        plan_of(Derived)


def test_configurations_of_actions_travel():
    settings = Settings(depth=2, names=["x"])
    config = {"settings": settings, "plain": {"a": [1, 2.5, None, "ü", {"deep": settings}]}}
    plan = plan_of(Agent().add_action("act", ["a"], module_action, **config))
    assert AgentPlan.from_json(plan.to_json()).actions["act"].config == config


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1, 2}, "config.value: a builtins.set cannot travel"),
        ({"a": [object()]}, r"config\.value\.a\[0\]: a builtins.object cannot travel"),
        (print, "config.value: .*Give the name of the function"),
        ((1, 2), "config.value: .*a list, which a tuple would become"),
        ({1: 2}, "config.value: the key 1 is no text"),
        (float("nan"), "a value that JSON cannot hold"),
        (open, "config.value"),
    ],
)
def test_configurations_that_cannot_travel_are_refused_with_their_path(value, message):
    plan = plan_of(Agent().add_action("act", ["a"], module_action, value=value))
    with pytest.raises((TypeError, ValueError), match=message):
        plan.to_json()


def test_a_configuration_of_a_class_inside_a_function_is_refused():
    class Local(BaseModel):
        x: int = 1

    plan = plan_of(Agent().add_action("act", ["a"], module_action, value=Local()))
    with pytest.raises(TypeError, match="defined inside a function.*Move the class to a module"):
        plan.to_json()


def test_wrong_returns_of_resources_are_refused():
    class Nothing(Agent):
        @prompt
        @staticmethod
        def text():
            pass

    class NoDescriptor(Agent):
        @chat_model_setup
        @staticmethod
        def model():
            return LocalPrompt(template="x")

    class Parameters(Agent):
        @prompt
        @staticmethod
        def text(language):
            return Prompt.from_text(language)

    for agent, message in [
        (Nothing(), "@prompt 'text' returned nothing; it must return a Prompt"),
        (NoDescriptor(), "returned a LocalPrompt; it must return a ResourceDescriptor"),
        (Parameters(), "takes parameters"),
    ]:
        with pytest.raises(TypeError, match=message):
            plan_of(agent)


def test_mcp_servers_have_to_be_there_when_the_agent_is_applied():
    class WithServer(Agent):
        @mcp_server
        @staticmethod
        def server():
            return ResourceDescriptor(clazz=ResourceName.MCP_SERVER, command="no-such-program-at-all", max_retries=0)

    with pytest.raises(ValueError, match="mcp_server 'server': .* when the agent is applied.*no-such-program-at-all"):
        plan_of(WithServer())


def test_tools_are_checked():
    class BadInjection(Agent):
        @tool(injected_args={"missing": {}})
        @staticmethod
        def add(a: int):
            return a

    class Star(Agent):
        @tool
        @staticmethod
        def add(*numbers):
            return sum(numbers)

    with pytest.raises(ValueError, match="has no parameter missing"):
        plan_of(BadInjection())
    with pytest.raises(TypeError, match=r"tool 'add'.*\*numbers, which cannot be given by name"):
        plan_of(Star())


def test_arguments_of_resources_that_cannot_travel_are_refused():
    agent = Agent().add_resource("m", ResourceType.CHAT_MODEL, ResourceDescriptor(clazz="a.B", client=object()))
    with pytest.raises(TypeError, match=r"The argument 'client' of the chat_model 'm' \(a.B\) cannot travel"):
        plan_of(agent)


def test_wrappers_of_java_resources_must_say_of_what():
    wrapper = "flink_agents.api.chat_models.java_chat_model.JavaChatModelSetup"
    agent = Agent().add_resource("m", ResourceType.CHAT_MODEL, ResourceDescriptor(clazz=wrapper))
    with pytest.raises(KeyError, match="add java_clazz="):
        plan_of(agent)


def test_what_is_defined_in_a_function_runs_here_and_is_refused_when_submitted():
    class Local(Agent):
        @action("a")
        @staticmethod
        def act(event: Event, ctx: RunnerContext) -> None:
            pass

    plan = plan_of(Local())
    assert json.loads(plan.to_json())["actions"]["act"]["exec"]["qualname"].endswith("<locals>.Local.act")
    assert plan.actions["act"].exec.as_callable() is Local.act
    with pytest.raises(ValueError, match="Agent 'Local' cannot be submitted.*\n.*action 'act': .*Move it to the top"):
        plan.check_travels()


def test_an_agent_of_main_runs_there_and_is_refused_when_submitted(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "from flink_agents.api.agents.agent import Agent\n"
        "from flink_agents.api.decorators import action, tool\n"
        "from flink_agents.plan.agent_plan import AgentPlan\n"
        "class Mine(Agent):\n"
        "    @action('a')\n"
        "    @staticmethod\n"
        "    def act(event, ctx):\n"
        "        print('ran')\n"
        "    @tool\n"
        "    @staticmethod\n"
        "    def add(a: int):\n"
        "        return a\n"
        "plan = AgentPlan.from_agent(Mine())\n"
        "plan.actions['act'].exec.as_callable()(None, None)\n"
        "AgentPlan.from_json(plan.to_json()).actions['act'].exec.as_callable()(None, None)\n"
        "try:\n"
        "    plan.check_travels()\n"
        "except ValueError as error:\n"
        "    print(error)\n",
        encoding="utf-8",
    )
    run = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    assert lines[:2] == ["ran", "ran"]
    assert "Agent 'Mine' cannot be submitted" in lines[2]
    assert "action 'act': __main__.Mine.act is defined in the program that was started" in lines[3]
    assert "Move the agent into a module" in lines[3]
    assert "tool 'add'" in lines[4]


def test_an_agent_of_a_module_travels():
    plan_of(Derived()).check_travels()
    assert Path(__file__).exists()


def gone(event, ctx):
    pass


kept, gone = gone, None


def test_a_function_whose_name_was_given_away_is_refused_when_submitted():
    plan = plan_of(Agent().add_action("act", ["a"], kept))
    with pytest.raises(ValueError, match="cannot be found again by its name: .*gone is not there"):
        plan.check_travels()


def test_decorated_actions():
    def traced(func):
        @functools.wraps(func)
        def wrapper(*args):
            return func(*args)

        return wrapper

    plan = plan_of(with_action(traced(one_more)))
    assert plan.actions["act"].exec.qualname == "one_more"
    with pytest.raises(TypeError, match="has the signature"):
        plan_of(with_action(traced(three)))


def one_more(event: Event, ctx: RunnerContext) -> None:
    pass


def test_what_is_not_there_is_named():
    plan = plan_of(Derived())
    assert plan.get_resource_provider("text", ResourceType.PROMPT).name == "text"
    with pytest.raises(KeyError, match="has no prompt 'other'; it has 'text'"):
        plan.get_resource_provider("other", ResourceType.PROMPT)
    with pytest.raises(KeyError, match="has no tool 'x'; it has none"):
        plan.get_resource_provider("x", ResourceType.TOOL)


def test_plans_that_are_none_are_refused():
    with pytest.raises(ValueError):
        AgentPlan.from_json("{")
    with pytest.raises(ValueError):
        AgentPlan.from_json('{"actions": []}')


def test_configuration_goes_into_the_plan():
    config = AgentConfiguration({"chat": {"async": False}})
    assert plan_of(Agent(), config=config).to_dict()["config"] == {"conf_data": {"chat.async": False}}
    assert EventType.InputEvent == "_input_event"


class Failing(Agent):
    @prompt
    @staticmethod
    def text():
        return {}["missing"]


def test_a_resource_function_that_fails_is_named():
    with pytest.raises(ValueError, match="Agent 'Failing', @prompt 'text' failed .*KeyError: 'missing'") as raised:
        plan_of(Failing())
    assert isinstance(raised.value.__cause__, KeyError)


class HidesAction(Base):
    @staticmethod
    def second(event: Event, ctx: RunnerContext) -> None:
        pass


class HidesPrompt(Base):
    text = None


class Mixin:
    @staticmethod
    def first(event, ctx):
        pass


class HidesByMixin(Mixin, Base):
    pass


@pytest.mark.parametrize(("agent", "words"), [
    (HidesAction, r"HidesAction\.second hides the action of its superclass .*Base, but .* with @action to replace it, or rename it"),
    (HidesByMixin, r"Mixin\.first hides the action of .*Base, but is none itself"),
    (HidesPrompt, r"HidesPrompt\.text hides the prompt of its superclass .*Base, .* @prompt to replace it"),
])
def test_an_inherited_member_does_not_disappear_by_mistake(agent, words):
    with pytest.raises(ValueError, match=rf"Agent '{agent.__name__}': .*{words}"):
        plan_of(agent())


def test_a_replacement_may_be_replaced_and_may_be_of_another_kind():
    class OtherKind(Base):
        @tool
        @staticmethod
        def first(x: int) -> int:
            """Add."""
            return x

    plan = plan_of(OtherKind())
    assert list(plan.actions) == ["second", *BUILT_IN]
    assert "first" in plan.resource_providers[ResourceType.TOOL]
