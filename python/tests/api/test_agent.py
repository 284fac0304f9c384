"""Agents, decorators and functions by name."""

import functools

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action, java_resource, prompt, tool
from flink_agents.api.events.event import Event, InputEvent
from flink_agents.api.function import ACTION_PARAMETER_TYPES, JavaFunction, PythonFunction
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import ResourceDescriptor, ResourceType
from flink_agents.api.runner_context import RunnerContext


def module_action(event: Event, ctx: RunnerContext) -> None:
    pass


class Outer:
    class Inner:
        @staticmethod
        def act(event, ctx):
            return "inner"

    def method(self, event, ctx):
        pass


def test_a_function_is_found_again_by_its_name():
    named = PythonFunction.from_callable(Outer.Inner.act)
    assert (named.module, named.qualname) == (__name__, "Outer.Inner.act")
    again = PythonFunction(module=named.module, qualname=named.qualname)
    assert again.as_callable() is Outer.Inner.act
    assert again == named


def traced(func):
    @functools.wraps(func)
    def wrapper(*args):
        return func(*args)

    return wrapper


def untraced(func):
    def wrapper(event, ctx):
        return func(event, ctx)

    return wrapper


@traced
def wrapped(event, ctx):
    return "wrapped"


@untraced
def renamed(event, ctx):
    pass


def test_decorated_functions_are_named_if_the_decorator_keeps_the_name():
    named = PythonFunction.from_callable(wrapped)
    assert PythonFunction(module=named.module, qualname=named.qualname).as_callable()(None, None) == "wrapped"
    with pytest.raises(TypeError, match="captures func .*functools.wraps"):
        PythonFunction.from_callable(renamed)


def test_java_actions_have_the_parameters_of_actions():
    assert JavaFunction.for_action("a.B", "run").parameter_types == list(ACTION_PARAMETER_TYPES)


@pytest.mark.parametrize(
    ("module", "qualname", "message"),
    [
        ("no_such_module_here", "f", "its module no_such_module_here cannot be imported here .* -pyfs"),
        (__name__, "nothing", "has no nothing"),
        (__name__, "Outer.nothing", r"Outer .*has no nothing"),
        (__name__, "test.<locals>.f", "defined inside a function"),
        (__name__, "__name__", "is a str, not a function"),
    ],
)
def test_a_function_that_is_not_there_is_named(module, qualname, message):
    with pytest.raises(ImportError, match=message):
        PythonFunction(module=module, qualname=qualname).as_callable()


def test_lambdas_closures_and_bound_methods_are_refused_with_a_remedy():
    captured = 5

    def closure(event, ctx):
        return captured

    class Callable:
        def __call__(self, event, ctx):
            pass

    agent = Agent()
    for func, message in [
        (lambda event, ctx: None, "test_agent.py:.* is a lambda. .* write it with 'def' in a module"),
        (closure, "captures captured of the function around it"),
        (Outer().method, "is a method bound to Outer"),
        (Callable(), "has no name to find it by"),
        (5, "5 is not a function"),
    ]:
        with pytest.raises(TypeError, match=message) as refused:
            agent.add_action("mine", ["t"], func)
        assert str(refused.value).startswith("Agent Agent, action 'mine': ")
    assert agent.actions == {}


def test_added_actions():
    agent = Agent().add_action("a", ["t"], module_action, threshold=3).add_action("b", ["t"], module_action)
    conditions, function, config = agent.actions["a"]
    assert (conditions, function.qualname, config) == (["t"], "module_action", {"threshold": 3})
    assert agent.actions["b"][2] is None


def test_agents_that_forget_super_init():
    class Forgetful(Agent):
        def __init__(self):
            self.other = 1

    assert Forgetful().add_action("a", ["t"], module_action).actions.keys() == {"a"}
    assert Forgetful().resources[ResourceType.TOOL] == {}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("", ["t"]), ValueError, "a text that is not blank"),
        (("a", []), ValueError, "at least one trigger condition"),
        (("a", [" "]), ValueError, "none may be blank"),
        (("a", "t"), TypeError, r"write \['t'\]"),
        (("a", [InputEvent]), TypeError, "as text, not"),
        (("taken", ["t"]), ValueError, "'taken' is already defined"),
    ],
)
def test_wrong_actions_are_refused(arguments, error, message):
    agent = Agent().add_action("taken", ["t"], module_action)
    with pytest.raises(error, match=message):
        agent.add_action(*arguments, module_action)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("taken", ResourceType.PROMPT, Prompt.from_text("x")), ValueError, "prompt taken already defined"),
        ((" ", ResourceType.PROMPT, Prompt.from_text("x")), ValueError, "not blank"),
        (("p", "prompt", Prompt.from_text("x")), TypeError, "is no resource type"),
        (("p", ResourceType.TOOL, Prompt.from_text("x")), TypeError, "is a prompt, not a tool"),
        (("p", ResourceType.PROMPT, "x"), TypeError, "not as a str"),
    ],
)
def test_wrong_resources_are_refused(arguments, error, message):
    agent = Agent().add_resource("taken", ResourceType.PROMPT, Prompt.from_text("x"))
    agent.add_resource("taken", ResourceType.CHAT_MODEL, ResourceDescriptor(clazz="a.B"))
    with pytest.raises(error, match=message):
        agent.add_resource(*arguments)


def test_decorators_only_mark():
    @action("a", "b == 1")
    def act(event, ctx):
        return 5

    assert act(None, None) == 5
    assert (act._is_action, act._trigger_conditions, act._target) == (True, ["a", "b == 1"], None)
    assert java_resource(Outer)._is_java_resource

    @tool(injected_args={"x": {"source": "config"}})
    def with_arguments(x):
        return x

    assert with_arguments(3) == 3
    assert with_arguments._is_tool


def test_conditions_that_are_no_text_are_refused():
    with pytest.raises(TypeError, match="Write its EVENT_TYPE"):
        action(InputEvent)
    with pytest.raises(TypeError, match="not bare @action"):

        @action
        def act(event, ctx):
            pass


def test_two_members_of_one_name_are_refused():
    with pytest.raises(ValueError, match="defines the action 'act' twice: .*test_agent.py:"):

        class Twice(Agent):
            @action("a")
            @staticmethod
            def act(event, ctx):
                pass

            @staticmethod
            @action("b")
            def act(event, ctx):  # noqa: F811
                pass

    with pytest.raises(ValueError, match="defines the prompt 'text' twice"):

        class TwicePrompt(Agent):
            @prompt
            @staticmethod
            def text():
                return Prompt.from_text("x")

            @prompt
            @staticmethod
            def text():  # noqa: F811
                return Prompt.from_text("y")


def test_a_class_may_be_defined_again():
    for _ in range(2):

        class Again(Agent):
            @action("a")
            @staticmethod
            def act(event, ctx):
                pass

        assert Again.act._is_action
