"""Actions that fail: every error names agent, action and key, and nothing is left open."""

import functools
import gc
import sys
import threading
import weakref

import pytest

from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.function import JavaFunction, PythonFunction
from flink_agents.api.resource import Resource, ResourceDescriptor, ResourceType
from flink_agents.runtime.executor import ActionExecutionError
from local_agents import agent_of

INPUT = InputEvent.EVENT_TYPE
KEPT = []


class Odd(Exception):
    def __init__(self, first, *, second):
        super().__init__(first)
        self.second = second


class Silent(Exception):
    def __str__(self):
        raise ValueError("no text")


def boom(event, ctx):
    raise LookupError("nothing there")


def odd(event, ctx):
    raise Odd(1, second=2)


def silent(event, ctx):
    raise Silent


class HoldsALock(Exception):
    """Neither pickled nor copied."""

    def __init__(self):
        super().__init__("held")
        self.lock = threading.Lock()


def unpicklable(event, ctx):
    raise HoldsALock


def half_a_character(event, ctx):
    raise ValueError("half \ud800")


def very_long(event, ctx):
    raise ValueError("x" * 10_000_000)


def leave(event, ctx):
    sys.exit(3)


def interrupt(event, ctx):
    raise KeyboardInterrupt


def recurse(event, ctx):
    recurse(event, ctx)


def coroutine(event, ctx):
    async def inner():
        raise AssertionError("never run")

    return inner()


def generator(event, ctx):
    def inner():
        yield 1

    return inner()


def durable_result(event, ctx):
    return ctx.durable_execute_async(boom, event, ctx)


async def async_coroutine(event, ctx):
    return async_boom(event, ctx)


async def durable_coroutine(event, ctx):
    ctx.durable_execute(async_boom, event, ctx)


def durable_coroutine_directly(event, ctx):
    ctx.durable_execute(functools.partial(async_boom, event), ctx)


async def async_boom(event, ctx):
    raise LookupError("nothing there")


async def async_leave(event, ctx):
    sys.exit(3)


def not_plain(event, ctx):
    fresh = Event(type="next", attributes={"items": []})
    fresh.get_attr("items").append({"when": object()})
    ctx.send_event(fresh)


def lock(event, ctx):
    ctx.send_event(OutputEvent(output=[threading.Lock()]))


def lock_in_memory(event, ctx):
    ctx.short_term_memory.set("a.b", {"locks": [threading.Lock()]})


def surrogates_in_values(event, ctx):
    ctx.short_term_memory.set("a.b", "half \ud800")
    ctx.send_event(OutputEvent(output={"names": [event.get_attr("input"), ctx.short_term_memory.get("a.b")]}))


def surrogate_in_a_path(event, ctx):
    ctx.short_term_memory.set("half \ud800", 1)


def bytes_that_are_no_text(event, ctx):
    ctx.send_event(OutputEvent(output={"picture": b"\xff\xd8"}))


def odd_name_of_a_metric(event, ctx):
    ctx.action_metric_group.get_counter("half \ud800").inc()


def odd_name_of_a_group(event, ctx):
    ctx.action_metric_group.get_sub_group("a\nb")


def no_event(event, ctx):
    ctx.send_event({"type": "x"})


def extra(event, ctx):
    ctx.send_event(Event(type="next", priority=1))


class WithField(Event):
    value: int


def more_fields(event, ctx):
    ctx.send_event(WithField(type="next", value=3))


class WithCache(Event):
    @functools.cached_property
    def squared(self):
        return self.attributes["n"] ** 2


def caches(event, ctx):
    fresh = WithCache(type=OutputEvent.EVENT_TYPE, attributes={"n": 3, "output": 0})
    fresh.set_attr("output", fresh.squared)
    ctx.send_event(fresh)


def reads_a_field(event, ctx):
    event.input  # noqa: B018


def reads_another_field(event, ctx):
    event.inputs  # noqa: B018


def resource_type_as_text(event, ctx):
    ctx.get_resource("model", "chat_model")


def surrogate(event, ctx):
    ctx.send_event(Event(type="half \ud800"))


def no_output(event, ctx):
    ctx.send_event(Event(type=OutputEvent.EVENT_TYPE, attributes={"result": 1}))


def send_again(event, ctx):
    ctx.send_event(event)


def for_ever(event, ctx):
    ctx.send_event(Event(type="again"))


def endless(event, ctx):
    while True:
        ctx.send_event(Event(type="other"))


def echo(event, ctx):
    ctx.send_event(OutputEvent(output=event.get_attr("input")))


def keep_context(event, ctx):
    KEPT.append(ctx)
    ctx.short_term_memory.set("n", 1)
    KEPT.append(ctx.short_term_memory)


@pytest.mark.parametrize(("action", "cause", "words"), [
    (boom, LookupError, "LookupError: nothing there"),
    (odd, Odd, "Odd: 1"),
    (silent, Silent, "Silent: <Silent whose text cannot be made: ValueError>"),
    (unpicklable, HoldsALock, "HoldsALock: held"),
    (half_a_character, ValueError, "ValueError: half "),
    (very_long, ValueError, "ValueError: xxx"),
    (lock, TypeError, r"attributes\.output\[0\]: a value of type '_thread.lock' is not JSON-able"),
    (lock_in_memory, TypeError, r"a\.b\.locks\[0\]: memory cannot hold a value of type '_thread.lock'"),
    (surrogate_in_a_path, ValueError, "surrogates not allowed"),
    (bytes_that_are_no_text, ValueError, r"attributes\.output\.picture: .*not UTF-8"),
    (odd_name_of_a_metric, ValueError, "name of a metric is not valid Unicode text"),
    (odd_name_of_a_group, ValueError, "metric group must not have line feeds or tabs: 'a.nb'"),
    (leave, SystemExit, r"called sys.exit\(3\)\. An action must not end the process"),
    (recurse, RecursionError, "RecursionError"),
    (coroutine, TypeError, r"something to await \(coroutine\).* Write the action as 'async def', and await it there"),
    (generator, TypeError, r"a generator \(generator\), which nobody would run.* Go through it in the action"),
    (durable_result, TypeError, r"something to await \(AsyncExecutionResult\)"),
    (async_coroutine, TypeError, r"something to await \(coroutine\).* Await it in the action"),
    (durable_coroutine, TypeError, "async_boom is 'async def', .*a coroutine. .* await durable_execute_async there"),
    (durable_coroutine_directly, TypeError, "is 'async def'"),
    (async_boom, LookupError, "LookupError: nothing there"),
    (async_leave, SystemExit, r"called sys.exit\(3\)"),
    (not_plain, TypeError, r"attributes\.items\[0\]\.when: a value of type 'object' is not JSON-able"),
    (no_event, TypeError, "takes an Event, not a value of type 'dict'"),
    (extra, ValueError, "fields that do not travel from action to action: 'priority'"),
    (more_fields, ValueError, "WithField of type 'next' has fields that do not travel .*: 'value'. Put them"),
    (reads_a_field, AttributeError, r"read it by event.get_attr\('input'\), or .* InputEvent.from_event\(event\)"),
    (reads_another_field, AttributeError, "'Event' object has no attribute 'inputs'"),
    (resource_type_as_text, TypeError, "takes a type such as ResourceType.CHAT_MODEL after the name, not 'chat_model'"),
    (surrogate, ValueError, "the event type 'half .*' is not valid Unicode text: it must not have lone surrogates"),
    (no_output, ValueError, r"needs the attribute 'output'.*\['result'\]"),
    (send_again, ValueError, "make a new event instead of sending the received one again"),
    (endless, RuntimeError, "max-events-per-run"),
], ids=lambda value: getattr(value, "__name__", None))
def test_a_failure_names_agent_action_and_key(run, action, cause, words):
    with pytest.raises(ActionExecutionError, match=words) as raised:
        run([("user-1", 1)], (INPUT, action))
    error = raised.value
    assert str(error).startswith(f"Agent 'Agent', action '{action.__name__}', key 'user-1': ")
    assert (error.agent, error.action, error.key) == ("Agent", action.__name__, "user-1")
    assert isinstance(error.__cause__, cause)


def forgets_to_await(event, ctx):
    ctx.durable_execute_async(boom, event, ctx)


def test_a_durable_call_that_nobody_awaits_is_told(run):
    with pytest.warns(RuntimeWarning, match=r"durable_execute_async\(boom\) was never awaited, so boom was not called"):
        assert run([("k", 1)], (INPUT, forgets_to_await)) == []


def test_what_an_event_caches_is_no_field(run):
    assert run([("k", 1)], (INPUT, caches)) == [("k", 9)]


def test_half_a_surrogate_pair_travels_in_values(run):
    assert run([("k", "half \udc00")], (INPUT, surrogates_in_values)) == [("k", {"names": ["half \udc00", "half \ud800"]})]


def test_an_interrupt_is_not_the_action_s_error(run):
    with pytest.raises(KeyboardInterrupt):
        run([("k", 1)], (INPUT, interrupt))


def test_an_endless_chain_of_events_is_stopped(run):
    with pytest.raises(RuntimeError, match="max-events-per-run"):
        run([("k", 1)], ([INPUT, "again"], for_ever))


def test_outputs_before_a_failure_stay_in_the_list(environment):
    def fail_at_500(event, ctx):
        if event.get_attr("input") == 500:
            raise LookupError
        echo(event, ctx)

    agent = agent_of()
    agent.add_action("fail_at_500", [INPUT], fail_at_500)
    outputs = environment.from_list([{"key": 0, "value": n} for n in range(1000)]).apply(agent).to_list()
    with pytest.raises(ActionExecutionError):
        environment.execute()
    assert outputs == [{0: n} for n in range(500)]


def test_a_context_kept_after_its_action_is_refused(run):
    KEPT.clear()
    run([("k", 1)], (INPUT, keep_context))
    context, memory = KEPT
    for use in (
        lambda: context.send_event(Event(type="x")),
        lambda: memory.get("n"),
        lambda: memory.set("n", 2),
        lambda: context.sensory_memory.new_object("o"),
        memory.get_field_names,
    ):
        with pytest.raises(RuntimeError, match="context cannot be used any more"):
            use()
    KEPT.clear()


def test_a_thread_cannot_use_the_context_of_an_action(environment):
    go = threading.Event()
    errors = []

    def start_thread(event, ctx):
        def late():
            go.wait()
            try:
                ctx.send_event(OutputEvent(output="late"))
            except RuntimeError as error:
                errors.append(str(error))

        thread = threading.Thread(target=late)
        thread.start()
        KEPT.append(thread)

    KEPT.clear()
    agent = agent_of()
    # Captures are refused for agents that travel; here a thread needs them.
    agent.add_action("echo", [INPUT], echo)
    function = PythonFunction(module=__name__, qualname="start_thread")
    function._func = start_thread
    agent.add_action("start_thread", [INPUT], function)
    outputs = environment.from_list([{"key": 0, "value": 1}]).apply(agent).to_list()
    environment.execute()
    go.set()
    KEPT.pop().join()
    assert outputs == [{0: 1}]
    assert len(errors) == 1 and "on its own thread" in errors[0]


class Kept(Resource):
    name: str
    fails: bool = False
    exits: bool = False
    opens: str = ""

    @classmethod
    def resource_type(cls):
        return ResourceType.CHAT_MODEL

    def open(self):
        KEPT.append(f"open {self.name}")
        if self.opens == self.name:
            raise ConnectionError("nobody there")
        if self.opens == f"odd {self.name}":
            raise Odd("nobody there", second=2)

    def close(self):
        KEPT.append(f"close {self.name}")
        if self.fails:
            raise OSError("cannot close")
        if self.exits:
            sys.exit(3)


def use_resources(event, ctx):
    for name in ("one", "two"):
        resource = ctx.get_resource(name, ResourceType.CHAT_MODEL)
        assert resource is ctx.get_resource(name, ResourceType.CHAT_MODEL)
        assert resource.metric_group is ctx.action_metric_group
    if event.get_attr("input") == "fail":
        raise LookupError("after use")
    if event.get_attr("input") == "missing":
        ctx.get_resource("three", ResourceType.CHAT_MODEL)


def with_resources(environment, value, **arguments):
    KEPT.clear()
    for name in ("one", "two"):
        descriptor = ResourceDescriptor(clazz=f"{__name__}.Kept", name=name, **arguments)
        environment.add_resource(name, ResourceType.CHAT_MODEL, descriptor)
    environment.from_list([{"value": value}]).apply(agent_of((INPUT, use_resources)))
    environment.execute()


def run_agent(agent):
    environment = AgentsExecutionEnvironment.get_execution_environment()
    outputs = environment.from_list([{"value": 1}]).apply(agent).to_list()
    environment.execute()
    return outputs


def run_another(event, ctx):
    ctx.send_event(OutputEvent(output=run_agent(agent_of((INPUT, echo)))[0][0]))


def stop_iteration(event, ctx):
    raise StopIteration


def test_an_action_may_run_an_environment_of_its_own(run):
    assert run([("k", 0)], (INPUT, run_another)) == [("k", 1)]


def test_stop_iteration_does_not_end_the_run_silently(run):
    with pytest.raises(ActionExecutionError, match="action 'stop_iteration'.*StopIteration"):
        run([("k", 0)], (INPUT, stop_iteration))


def test_an_action_in_java_is_named():
    agent = agent_of()
    agent.add_action("in_java", [INPUT], JavaFunction.for_action("com.example.Actions", "run"))
    with pytest.raises(NotImplementedError, match="action 'in_java' is not written in Python"):
        run_agent(agent)


def test_a_function_whose_module_is_missing_is_named():
    agent = agent_of()
    agent.add_action("elsewhere", [INPUT], PythonFunction(module="nowhere.at_all", qualname="f"))
    with pytest.raises(ImportError, match=r"action 'elsewhere'.*nowhere\.at_all"):
        run_agent(agent)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


def test_resources_are_made_once_and_closed_in_reverse(environment):
    with_resources(environment, 0)
    assert KEPT == ["open one", "open two", "close two", "close one"]


def test_resources_are_closed_after_a_failure(environment):
    with pytest.raises(ActionExecutionError, match="after use"):
        with_resources(environment, "fail", fails=True)
    assert KEPT[2:] == ["close two", "close one"]


def test_a_resource_that_cannot_be_closed_is_an_error_and_the_others_are_closed(environment):
    with pytest.raises(RuntimeError, match="chat_model 'two' of agent 'Agent' could not be closed: OSError"):
        with_resources(environment, 0, fails=True)
    assert KEPT[2:] == ["close two", "close one"]


def test_a_resource_that_leaves_when_closed_does_not_end_the_process(environment):
    with pytest.raises(RuntimeError, match="chat_model 'two' of agent 'Agent' could not be closed: SystemExit: 3"):
        with_resources(environment, 0, exits=True)
    assert KEPT[2:] == ["close two", "close one"]


@pytest.mark.parametrize(("opens", "error", "words"), [
    ("two", ConnectionError, "ConnectionError: The chat_model 'two' cannot be opened: nobody there"),
    ("odd two", RuntimeError, "RuntimeError: The chat_model 'two' cannot be opened: Odd: nobody there"),
])
def test_a_resource_that_cannot_be_opened_is_named(environment, opens, error, words):
    with pytest.raises(ActionExecutionError, match=words) as raised:
        with_resources(environment, 0, opens=opens)
    assert type(raised.value.__cause__) is error and raised.value.__cause__.__cause__ is not None
    assert KEPT[2:] == ["close one"]


def test_a_missing_resource_is_named_with_those_there_are(environment):
    with pytest.raises(ActionExecutionError, match="no chat_model 'three'.*'one', 'two'") as raised:
        with_resources(environment, "missing")
    assert isinstance(raised.value.__cause__, KeyError)


def test_nothing_of_a_run_is_kept_after_it():
    environment = AgentsExecutionEnvironment.get_execution_environment()
    environment.from_list([{"value": n} for n in range(10)]).apply(agent_of((INPUT, echo)))
    environment.execute()
    gone = weakref.ref(environment)
    del environment
    gc.collect()
    assert gone() is None
