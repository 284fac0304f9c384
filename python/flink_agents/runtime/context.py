"""What actions get as their second parameter, and the memory behind it."""

from __future__ import annotations

import copy
import logging
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, model_serializer

from flink_agents._core import ABSENT, OBJECT, WAIT
from flink_agents.api.durable_call import _CURRENT
from flink_agents.api.durable_call import DurableCall as CallInfo
from flink_agents.api.events.event import Event
from flink_agents.api.memory_object import MemoryObject, MemoryType
from flink_agents.api.memory_reference import MemoryRef
from flink_agents.api.runner_context import AsyncExecutionResult, RunnerContext
from flink_agents.api.trace import ExecutionReporter
from flink_agents.runtime.callables import check_call, check_result, identity_of, is_async, name_of
from flink_agents.runtime.scopes import SCOPE, Refusing, Scope, inside_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from flink_agents.api.configuration import ReadableConfiguration
    from flink_agents.api.metric_group import MetricGroup
    from flink_agents.api.resource import Resource, ResourceType
    from flink_agents.runtime.calls import Wait
    from flink_agents.runtime.executor import Action, Executor
    from flink_agents.runtime.memory_uses import MemoryUses

SENSORY = 0
SHORT_TERM = 1
_TYPES = (MemoryType.SENSORY, MemoryType.SHORT_TERM)

# What the link calls them.
_STARTED, _SUCCEEDED, _FAILED = range(3)
# Where details stand in a report.
_DETAILS = 6

# Those of every event; more of them are a subclass's, or what it caches.
_FIELDS = len(Event.model_fields)

_set_dict = BaseModel.__dict__["__dict__"].__set__


class LinkMemoryObject(MemoryObject):
    """An object of sensory or short-term memory. All rules are the core's; this only joins paths."""

    def __repr__(self) -> str:
        fields = self.__dict__
        return f"MemoryObject({_TYPES[fields['_memory']].name}, {fields['_path']!r})"

    __str__ = __repr__

    @model_serializer
    def _stays_here(self) -> Any:
        # Without it pydantic would make an empty dict of it.
        msg = "an object of memory does not travel; send its values, by get_fields(), or a MemoryRef to it"
        raise TypeError(msg)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LinkMemoryObject) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        fields = self.__dict__
        return hash((id(fields["_run"]), fields["_memory"], fields["_path"]))

    def __getattr__(self, name: str) -> Any:
        msg = f"A MemoryObject has no attribute {name!r}; read fields by get({name!r})"
        raise AttributeError(msg)

    def get(self, path_or_ref: str | MemoryRef) -> Any:
        fields = self.__dict__
        memory, above = fields["_memory"], fields["_path"]
        if path_or_ref.__class__ is str:
            path = f"{above}.{path_or_ref}" if above else path_or_ref
        elif isinstance(path_or_ref, MemoryRef):
            memory, path = self._of_ref(path_or_ref)
        else:
            path = self._join(path_or_ref)
        run = fields["_run"]
        answer = run.link.memory_get(run.task, memory, path)
        if answer is WAIT:
            answer = run.ask(run.link.memory_get, memory, path)
        if answer is ABSENT:
            return None
        if answer is OBJECT:
            return _memory_object(run, memory, path)
        if run.memory_uses is not None:
            run.memory_uses.read(memory, path, answer)
        return answer

    def set(self, path: str, value: Any) -> MemoryRef:
        fields = self.__dict__
        run, memory, above = fields["_run"], fields["_memory"], fields["_path"]
        if above or path.__class__ is not str:
            path = self._join(path)
        if run.link.memory_set(run.task, memory, path, value) is WAIT:
            run.ask(run.link.memory_set, memory, path, value)
        if run.memory_uses is not None:
            run.memory_uses.wrote(memory, path, value)
        return _ref(memory, path)

    def new_object(self, path: str) -> MemoryObject:
        fields = self.__dict__
        run, memory, path = fields["_run"], fields["_memory"], self._join(path)
        if run.link.memory_new_object(run.task, memory, path) is WAIT:
            run.ask(run.link.memory_new_object, memory, path)
        return _memory_object(run, memory, path)

    def is_exist(self, path: str) -> bool:
        fields = self.__dict__
        return self._node(fields["_memory"], self._join(path)) is not ABSENT

    def get_field_names(self) -> list[str]:
        fields = self.__dict__
        run, memory, path = fields["_run"], fields["_memory"], fields["_path"]
        names = run.link.memory_children(run.task, memory, path)
        return run.ask(run.link.memory_children, memory, path) if names is WAIT else names

    def get_fields(self) -> dict[str, Any]:
        fields = self.__dict__
        run, memory, above = fields["_run"], fields["_memory"], fields["_path"]
        found = {}
        for name in self.get_field_names():
            path = f"{above}.{name}" if above else name
            node = self._node(memory, path)
            if node is OBJECT:
                found[name] = "NestedObject"
                continue
            if run.memory_uses is not None:
                run.memory_uses.read(memory, path, node)
            found[name] = node
        return found

    def _node(self, memory: int, path: str) -> Any:
        run = self.__dict__["_run"]
        answer = run.link.memory_get(run.task, memory, path)
        return run.ask(run.link.memory_get, memory, path) if answer is WAIT else answer

    def _join(self, path: Any) -> str:
        if not isinstance(path, str):
            msg = f"A memory path must be a text such as 'user.name', not {path!r} of type '{type(path).__name__}'."
            raise TypeError(msg)
        above = self.__dict__["_path"]
        return f"{above}.{path}" if above else path

    def _of_ref(self, ref: MemoryRef) -> tuple[int, str]:
        memory = self.__dict__["_memory"]
        if ref.memory_type is not _TYPES[memory]:
            msg = (
                f"The reference to '{ref.path}' is to {ref.memory_type.name} memory, and this is "
                f"{_TYPES[memory].name} memory; use ref.resolve(ctx)."
            )
            raise ValueError(msg)
        # References are absolute.
        return memory, ref.path


_new_memory_object = LinkMemoryObject.__new__


def _memory_object(run: ActionContext, memory: int, path: str) -> LinkMemoryObject:
    # Not pydantic's constructor: there is nothing to validate, and this runs in nearly every action.
    made = _new_memory_object(LinkMemoryObject)
    _set_dict(made, {"_run": run, "_memory": memory, "_path": path})
    return made


# References are immutable, and agents use a few paths again and again.
_refs: dict[tuple[int, str], MemoryRef] = {}
_MANY_REFS = 1000


def _ref(memory: int, path: str) -> MemoryRef:
    ref = _refs.get((memory, path))
    if ref is None:
        if len(_refs) >= _MANY_REFS:
            _refs.clear()
        ref = _refs[memory, path] = MemoryRef(memory_type=_TYPES[memory], path=path)
    return ref


def _root_of(error: BaseException) -> BaseException:
    """Return what was raised first."""
    seen = {id(error)}
    while True:
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is None or id(cause) in seen:
            return error
        seen.add(id(cause))
        error = cause


def name_of_class(of: type) -> str:
    """Return the name of a class as tracebacks have it."""
    return of.__qualname__ if of.__module__ in ("builtins", "__main__") else f"{of.__module__}.{of.__qualname__}"


class CallInPlace(AsyncExecutionResult):
    """A call of an action that is not asynchronous: made where it is awaited."""

    def __init__(
        self, context: ActionContext, func: Callable[..., Any], args: tuple, kwargs: dict, reconciler: Any
    ) -> None:
        super().__init__(None, func, args, kwargs)
        self._context = context
        self._reconciler = reconciler

    def _make(self) -> Any:
        return self._context._execute(self._func, self._args, self._kwargs, self._reconciler)


class ActionContext(RunnerContext, ExecutionReporter):
    """The context of one action that runs. The core refuses it once the action has ended."""

    _sensory: LinkMemoryObject | None = None
    _short_term: LinkMemoryObject | None = None
    _config: dict[str, Any] | None = None
    # Of an asynchronous action: whether it has ended, and its last wait for durable calls.
    ended = False
    wait: Wait | None = None
    # With a journal: the tasks that it started.
    beside: Any = None
    # For the log: ids of the event that triggered it, and of the run's input, if that is known.
    event_id: Any = None
    run_id: Any = None
    # For live spans: calls that have begun, and what the next report says besides.
    calls_shown = 0
    details: dict[str, Any] | None = None
    # What of its use of memory becomes events; None if nothing does.
    memory_uses: MemoryUses | None = None

    def __init__(self, executor: Executor, task: int, action: Action, key: str) -> None:
        self.executor = executor
        self.link = executor.link
        self.task = task
        self.action = action
        # The canonical text.
        self.key = key

    def __repr__(self) -> str:
        return f"RunnerContext(action {self.action.name!r})"

    def let_go(self) -> None:
        """Let go of what refers to this, since the action has ended.

        Else each action would leave a cycle to the garbage collector, which lets those that are older pile up.
        """
        self._sensory = self._short_term = self.beside = None

    def ask(self, method: Callable[..., Any], *args: Any) -> Any:
        """Repeat a question to the link until the answer has come; other keys go on meanwhile."""
        answer: Any = WAIT
        while answer is WAIT:
            self.executor.park(self.task)
            answer = method(self.task, *args)
        return answer

    def send_event(self, event: Event) -> None:
        if not isinstance(event, Event):
            msg = (
                f"send_event takes an Event, not a value of type '{type(event).__name__}'; for a result send "
                "OutputEvent(output=…)."
            )
            raise TypeError(msg)
        fields = event.__dict__
        # A subclass may have declared fields of its own.
        if event.__pydantic_extra__ or len(fields) != _FIELDS:
            self._refuse_more_fields(event)
        if fields["type"] == "_output_event" and "output" not in fields["attributes"]:
            msg = (
                "An event of type '_output_event' needs the attribute 'output', which leaves the agent; it has "
                f"{list(fields['attributes'])}. Send OutputEvent(output=…)."
            )
            raise ValueError(msg)
        id = fields["id"] if self.executor.uuids else fields["id"].int
        self.link.send(self.task, id, fields["type"], fields["attributes"])

    def _refuse_more_fields(self, event: Event) -> None:
        names = [*(event.__pydantic_extra__ or ()), *(type(event).model_fields.keys() - Event.model_fields.keys())]
        if names:
            shown = ", ".join(repr(name) for name in sorted(names))
            msg = (
                f"The {type(event).__name__} of type '{event.type}' has fields that do not travel from action to "
                f"action: {shown}. Put them into attributes, and let properties read them there."
            )
            raise ValueError(msg)

    def get_resource(self, name: str, type: ResourceType, metric_group: MetricGroup | None = None) -> Resource:
        self._check_outside()
        resource = self.executor.resources.get_resource(name, type)
        resource.set_metric_group(metric_group or self.action_metric_group)
        return resource

    @property
    def action_config(self) -> Any:
        config = self._config
        if config is None and self.action.config is not None:
            # What an action changes in it is not to reach other keys: after a recovery it would be gone.
            config = self._config = copy.deepcopy(self.action.config)
        return config

    def get_action_config_value(self, key: str) -> Any:
        config = self.action.config if self._config is None else self._config
        value = None if config is None else config.get(key)
        if value is None or value.__class__ in (str, int, float, bool):
            return value
        return self.action_config.get(key)

    @property
    def sensory_memory(self) -> MemoryObject:
        memory = self._sensory
        if memory is None:
            memory = self._sensory = _memory_object(self, SENSORY, "")
        return memory

    @property
    def short_term_memory(self) -> MemoryObject:
        memory = self._short_term
        if memory is None:
            memory = self._short_term = _memory_object(self, SHORT_TERM, "")
        return memory

    @property
    def long_term_memory(self) -> Any:
        """``None``: this release has none."""
        return None

    @property
    def agent_metric_group(self) -> MetricGroup:
        self._check_outside()
        return self.executor.metrics

    @property
    def action_metric_group(self) -> MetricGroup:
        self._check_outside()
        return self.executor.metrics.get_sub_group("action", self.action.name)

    def durable_execute(
        self, func: Callable[..., Any], *args: Any, reconciler: Callable[[], Any] | None = None, **kwargs: Any
    ) -> Any:
        check_call(func, reconciler)
        if is_async(func):
            msg = (
                f"durable_execute takes a function that returns its result, and {name_of(func)} is 'async def', whose "
                "result would be a coroutine. Write the action as 'async def' too, and await durable_execute_async there."
            )
            raise TypeError(msg)
        return self._execute(func, args, kwargs, reconciler)

    def _execute(self, func: Callable[..., Any], args: tuple, kwargs: dict, reconciler: Any) -> Any:
        scope = self._scope()
        if self.executor.journalled:
            return self.executor.call_here(self, func, args, kwargs, scope, reconciler)
        link = self.link
        link.call_begin(self.task, scope)
        try:
            if self.executor.spans:
                return self._shown(func, args, kwargs)
            return self.call_in_place(func, args, kwargs, None)
        finally:
            link.call_end(self.task)

    def _shown(self, func: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
        began = self.call_began()
        raised: BaseException | None = None
        try:
            return self.call_in_place(func, args, kwargs, None)
        except BaseException as error:
            raised = error
            raise
        finally:
            self.show_call(func, began, raised)

    # ---- calls as live spans, where there are any

    def call_began(self) -> tuple[int, int]:
        """Return when a call begins, in microseconds since 1970, and how many of the action's calls have begun before."""
        number = self.calls_shown
        self.calls_shown = number + 1
        return time_ns() // 1000, number

    def show_call(
        self,
        func: Callable[..., Any],
        began: tuple[int, int],
        failure: BaseException | None,
        *,
        ended: int | None = None,
        replayed: bool = False,
    ) -> None:
        """Tell live spans of a call that is over, now or when ``ended`` says."""
        start, number = began
        if ended is None:
            ended = start if replayed else time_ns() // 1000
        try:
            problem: list[str | None] = [None, None]
            if failure is not None:
                # What was first may not have travelled with it to a journal and back.
                problem = [name_of_class(type(failure)), str(failure)]
            own, _, _ = identity_of(func).partition("\0")
            self.link.report_call(self.task, [own, number, start, ended, replayed, *problem])
        except Exception:
            # Spans are there to look at; the call they show must not fail for one.
            logging.getLogger("flink_agents").warning("A durable call could not be shown as a span.", exc_info=True)

    def call_in_place(self, func: Callable[..., Any], args: tuple, kwargs: dict, info: CallInfo | None) -> Any:
        """Call a function for which the action waits without giving way."""
        if self.executor.call_timeout is not None:
            return self.executor.call_with_limit(self, func, args, kwargs, info)
        # Other code of the action does not run meanwhile.
        link, self.link = self.link, Refusing(func)
        began = perf_counter_ns()
        token = SCOPE.set(Scope(self, -1, func))
        current = _CURRENT.set(info or CallInfo(name_of(func)))
        try:
            return check_result(func, func(*args, **kwargs))
        finally:
            _CURRENT.reset(current)
            SCOPE.reset(token)
            self.link = link
            self.executor.called(self.action, perf_counter_ns() - began)

    def durable_execute_async(
        self, func: Callable[..., Any], *args: Any, reconciler: Callable[[], Any] | None = None, **kwargs: Any
    ) -> AsyncExecutionResult:
        check_call(func, reconciler)
        if self.action.is_async:
            # Before there is something to await: it refuses those who must not call.
            if self.executor.journalled:
                scope = self.link.call_scope(self.task, self._scope(), False)
                return self.executor.journalled_call(self, func, args, kwargs, scope, reconciler)
            self.link.call_begin(self.task, self._scope())
            return self.executor.durable_call(self, func, args, kwargs)
        if is_async(func):
            msg = (
                f"{name_of(func)} is 'async def', and action '{self.action.name}' is not, so it cannot await it. Write the "
                "action as 'async def'."
            )
            raise TypeError(msg)
        # Awaited in a loop of the action's own, which nobody else uses.
        self._scope()
        return CallInPlace(self, func, args, kwargs, reconciler)

    def durable_gather(
        self, *calls: AsyncExecutionResult, cancel_on_failure: bool = True, return_exceptions: bool = False
    ) -> Awaitable[list[Any]]:
        if not self.action.is_async:
            return super().durable_gather(
                *calls, cancel_on_failure=cancel_on_failure, return_exceptions=return_exceptions
            )
        self._check_calls(calls)
        link, task = self.link, self.task
        number = link.call_scope(task, self._scope(), True)
        return self.executor.call_group(
            self, calls, number, cancel_on_failure=cancel_on_failure, return_exceptions=return_exceptions
        )

    def _check_calls(self, calls: tuple[Any, ...]) -> None:
        seen: set[int] = set()
        for place, call in enumerate(calls):
            never_begun = getattr(call, "never_begun", None)
            if not isinstance(call, AsyncExecutionResult) or never_begun is None:
                msg = (
                    f"durable_gather takes what durable_execute_async returned, not {call!r}; for other things to await "
                    "use asyncio.gather."
                )
                raise TypeError(msg)
            if not never_begun(self) or id(call) in seen:
                msg = (
                    f"Argument {place + 1} of durable_gather is a call that was awaited before, is given twice, or is "
                    "another action's; ask for it anew by durable_execute_async."
                )
                raise ValueError(msg)
            seen.add(id(call))

    def _scope(self) -> int:
        """Return the number of the scope in which the calling code asks for durable calls."""
        scope = SCOPE.get()
        # A call may run another agent to its end.
        if scope is None or scope.context.executor is not self.executor:
            return 0
        if scope.call is not None:
            raise RuntimeError(inside_call(scope.call))
        if scope.context is not self:
            msg = (
                f"Action '{scope.context.action.name}' uses the context of action '{self.action.name}'; an action can use "
                "only its own."
            )
            raise RuntimeError(msg)
        return scope.number

    def _check_outside(self) -> None:
        scope = SCOPE.get()
        if scope is not None and scope.call is not None and scope.context.executor is self.executor:
            raise RuntimeError(inside_call(scope.call))

    def report_execution_started(
        self, entity_type: str, entity_name: str, entity_metadata: Mapping[str, Any] | None = None
    ) -> None:
        self._report(_STARTED, entity_type, entity_name, entity_metadata)

    def report_execution_succeeded(
        self, entity_type: str, entity_name: str, entity_metadata: Mapping[str, Any] | None = None
    ) -> None:
        self._report(_SUCCEEDED, entity_type, entity_name, entity_metadata)

    def report_execution_failed(
        self,
        entity_type: str,
        entity_name: str,
        entity_metadata: Mapping[str, Any] | None,
        error: BaseException,
        problem_category: str | None = None,
    ) -> None:
        if self.link.traced:
            root = _root_of(error)
            self._report(
                _FAILED, entity_type, entity_name, entity_metadata, problem_category, name_of_class(type(root)), str(root)
            )

    def _report(
        self, status: int, entity_type: str, name: str, metadata: Mapping[str, Any] | None, *problem: str | None
    ) -> None:
        if self.link.traced:
            what: list[Any] = [entity_type, name, None if metadata is None else dict(metadata), *problem]
            if self.details:
                what += [None] * (_DETAILS - len(what))
                what.append(self.details)
            self.link.report(self.task, status, what)

    @property
    def config(self) -> ReadableConfiguration:
        return self.executor.config

    def close(self) -> None:
        """Do nothing: what a context uses belongs to the executor."""

