"""Runs the Python actions that a core asks for, without Flink (``_core.Local``) and in a worker (``_core.Worker``).

The link says what to run (``next``) and takes what becomes of it; this module knows nothing of keys, order or memory
rules. ``def`` actions are called directly, or in a greenlet if the link may let a question wait (``may_wait``); ``async
def`` actions are tasks of one asyncio loop.

*Owned state*: actions that have begun and not ended, the loop. *Order to use*: :meth:`Executor.pump` until nothing can
run, then, if something is pending, :meth:`Executor.wait`, and again. *Threads*: one.

The loop runs only inside ``wait``: ``def`` actions are called outside of it, so that they may use ``asyncio.run``
themselves. An asynchronous step goes like this::

    RunAction -> asyncio task -> coroutine step -> link.suspend -> (what it waits for) -> link.wake
              -> Resume from link.next -> next step -> ... -> link.finish
"""

from __future__ import annotations

import inspect
import logging
import time
import traceback
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from flink_agents import _core
from flink_agents.api.events.event import Event
from flink_agents.api.function import PythonFunction
from flink_agents.plan.actions.built_in import NEEDS
from flink_agents.runtime.callables import check_outcome
from flink_agents.runtime.context import ActionContext
from flink_agents.runtime.log_context import RUNNING, Runs

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Iterator

    from flink_agents.api.chat_models.text_part import TextPart
    from flink_agents.api.configuration import ReadableConfiguration
    from flink_agents.api.metric_group import MetricGroup
    from flink_agents.api.resource_context import ResourceContext
    from flink_agents.api.runner_context import AsyncExecutionResult
    from flink_agents.plan.agent_plan import AgentPlan
    from flink_agents.runtime.observers import Observers
    from flink_agents.runtime.threads import CallThreads

logger = logging.getLogger(__name__)

# Characters of a failure, with its traceback, that a host is told.
_LONGEST = 100_000
# How long tasks that do not end when they are cancelled are waited for.
_LAST_SECONDS = 5.0
# Turns of the loop after which it is not waited for any more that nothing on it is ready: something there never rests.
_MOST_TURNS = 1000

_new_event = Event.__new__
_uuid_of = _core.uuid_of
_set_dict = BaseModel.__dict__["__dict__"].__set__
_set_fields_set = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private = BaseModel.__dict__["__pydantic_private__"].__set__


class ActionExecutionError(RuntimeError):
    """An action failed. The exception it raised is the ``__cause__``.

    Attributes
    ----------
    agent, action
        Their names.
    key
        The key whose input was being worked on.
    """

    def __init__(self, message: str, agent: str = "", action: str = "", key: Any = None) -> None:
        super().__init__(message)
        self.agent = agent
        self.action = action
        self.key = key


class Action:
    """An action as it is run."""

    __slots__ = ("config", "function", "is_async", "name")

    def __init__(self, name: str, function: Callable[..., Any], config: dict[str, Any] | None = None) -> None:
        self.name = name
        self.function = function
        self.config = config
        self.is_async = inspect.iscoroutinefunction(function)


def actions_of(plan: AgentPlan) -> Iterator[Action]:
    """Yield the actions of a plan that are Python's; their modules are imported.

    Raises
    ------
    ImportError
        If a function cannot be found; the message names agent and action.
    """
    for action in plan.actions.values():
        if isinstance(action.exec, PythonFunction):
            try:
                function = action.exec.as_callable()
            except ImportError as error:
                msg = f"Agent '{plan.agent_name}', action '{action.name}': {error}"
                raise ImportError(msg) from error
            needed = NEEDS.get(action.name)
            if needed is not None and needed not in plan.resource_providers:
                # An agent without models pays for no loop.
                function = _in_one_step(function)
            yield Action(action.name, function, action.config)


def _in_one_step(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an ``async def`` action as one that is not, which never has to wait."""

    def run(event: Event, ctx: ActionContext) -> None:
        coroutine = function(event, ctx)
        try:
            coroutine.send(None)
        except StopIteration:
            return
        coroutine.close()
        msg = f"action '{ctx.action.name}' had to wait, though it has nothing to wait for"
        raise RuntimeError(msg)

    return run


class Executor:
    """Runs the actions of one agent.

    Parameters
    ----------
    link
        ``_core.Local``, ``_core.Worker`` or what behaves like them.
    actions
        Those that run here, by name; the link numbers them by its own list ``link.actions``.
    agent
        Its name, for messages.
    resources, config, metrics
        What contexts give to actions.
    verify
        Default of option ``values.verify``: whether results of durable calls are compared with what would come back.
    """

    def __init__(
        self,
        link: _core.Link,
        actions: Iterable[Action],
        *,
        agent: str,
        resources: ResourceContext,
        config: ReadableConfiguration,
        metrics: MetricGroup,
        verify: bool = False,
    ) -> None:
        self.link = link
        self.agent = agent
        self.resources = resources
        self.config = config
        self.metrics = metrics
        self._call_latencies: dict[str, Any] = {}
        by_name = {action.name: action for action in actions}
        # Those of other languages are missing.
        self._actions: list[Any] = [by_name.get(name) for name in link.actions]
        self.uuids: bool = getattr(link, "uuids", False)
        self.has_async = any(action.is_async for action in by_name.values())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # Futures, or what behaves like them.
        self._resumes: dict[int, Any] = {}
        self._parked: dict[int, Any] = {}
        self._pool: list[Any] = []
        self._hub: Any = None
        self._failure: BaseException | None = None
        self._threads: CallThreads | None = None
        self._make_call: Any = None
        # With a journal: calls that may not start yet, by task and number.
        self.journalled: bool = getattr(link, "journalled", False)
        self.calls: dict[tuple[int, int], Any] = {}
        # Whether calls are shown as live spans.
        self.spans: bool = getattr(link, "spans", False)
        # Who is told what models say while they say it, if anybody.
        self.on_text: Callable[[TextPart], None] | None = None
        # The greenlet that goes on next, and whether code on the loop does before the core is asked again.
        self._next_greenlet: Any = None
        self._stirred = False
        self._drive: Any = None
        self._new_task: Any = None
        self.call_timeout: float | None = link.call_timeout
        self.verify = config.get_bool("values.verify", verify)
        self.closing = False
        self._interrupted = False
        # Whether failed actions may be tried again or end as dead letters, how many wait, and how often the one that fails was tried.
        self.policies: bool = getattr(link, "policies", False)
        self._backing_off = 0
        # Which uses of memory become events.
        self._memory_events: int = getattr(link, "memory_events", 0)
        # A journal may have failures of a time when there were policies. A worker's waits are the TaskManager's.
        self._backs_off = hasattr(link, "backoffs") and (self.policies or self.journalled)
        self.attempts = 1
        # For the log: the run's name, how keys are shown, and which run is a key's.
        self.job = ""
        self.log_keys: str = config.get_str("log.keys", "hash")
        self._runs = Runs()
        # The user's own listeners and logger, if there are some.
        self.observers: Observers | None = None

    # ---- for those who drive

    @property
    def pending(self) -> bool:
        """Whether something has begun that :meth:`wait` or :meth:`answered` brings on."""
        return bool(self._tasks or self._parked or self._backing_off)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of asynchronous actions; it runs only inside :meth:`wait`."""
        if self._loop is None:
            # Agents without asynchronous actions never pay for this import.
            import asyncio

            from flink_agents.runtime.steps import drive, new_task

            self._drive = drive
            self._new_task = asyncio.Task
            self._loop = asyncio.new_event_loop()
            self._loop.set_task_factory(new_task)
        return self._loop

    def pump(self) -> None:
        """Run what can run now.

        Raises
        ------
        ActionExecutionError
            If an action fails.
        RuntimeError
            If the core says that the run of a key cannot go on.
        """
        if not self.link.may_wait:
            self._pump()
            return
        # One greenlet runs one action after another; only where one really waits the rest goes on in the next.
        while self._pump_once():
            if self._failure is not None:
                self._raise_failure()

    def _pump_once(self) -> bool:
        """Pump in a greenlet; returns whether there may be more to do."""
        parked = self._in_greenlet(self._pump)
        while self._next_greenlet is not None:
            greenlet, self._next_greenlet = self._next_greenlet, None
            parked = self._switch(greenlet)
        if self._stirred:
            self._stirred = False
            self._run_ready()
            return True
        return parked is not None

    def _run_ready(self) -> None:
        """Run the loop until nothing on it is ready: what has got its answer asks its next question."""
        ready = getattr(self.loop, "_ready", None)
        for _ in range(_MOST_TURNS):
            self.turn()
            if ready is not None and not ready:
                return

    def _pump(self) -> None:
        step_of = self.link.next
        finish = self.link.finish
        actions = self._actions
        uuids = self.uuids
        while True:
            step: Any = step_of()
            if step is None:
                break
            if step.__class__ is int:
                self._resume(step)
                if self._next_greenlet is not None:
                    return
                continue
            if step.__class__ is list:
                self._call_ready(*step)
                if self._stirred or self._failure is not None or self._next_greenlet is not None:
                    break
                continue
            if step.__class__ is dict:
                self.observers.told(step)  # type: ignore[union-attr]
                if self._failure is not None:
                    break
                continue
            task, number, key, event_id, event_type, attributes, upstream_id, upstream_action = step
            action = actions[number]
            if action is None:
                self._foreign(number)
            if not uuids:
                event_id = _uuid_of(event_id)
                upstream_id = None if upstream_id is None else _uuid_of(upstream_id)
            event = _new_event(Event)
            _set_dict(event, {
                "id": event_id,
                "type": event_type,
                "attributes": attributes,
                "upstream_event_id": upstream_id,
                "upstream_action_name": upstream_action,
            })
            _set_fields_set(event, {"type", "attributes"})
            _set_extra(event, {})
            _set_private(event, None)
            context = ActionContext(self, task, action, key)
            if upstream_id is None:
                self._runs.begins(key, event_id)
            context.event_id = event_id
            context.run_id = self._runs.of(key)
            if self._memory_events:
                from flink_agents.runtime.memory_uses import uses_of

                context.memory_uses = uses_of(self._memory_events, event_type)
            if action.is_async:
                self._begin(context, event)
            else:
                try:
                    # A context of its own: what it sets in context variables is for nobody else, as in a task of asyncio.
                    own = copy_context()
                    own.run(RUNNING.set, context)
                    result = own.run(action.function, event, context)
                    if result is not None:
                        check_outcome(action, result)
                    if context.memory_uses is not None:
                        context.memory_uses.send(context)
                except BaseException as exception:
                    if self.closing:
                        # What was parked is ended.
                        raise
                    if self.policies and self.goes_on(context, event, exception):
                        continue
                    raise self._error(context, exception) from _cause(exception)
                finally:
                    context.let_go()
                if self.journalled:
                    self._complete(context)
                else:
                    finish(task)
            if self._failure is not None:
                self._raise_failure()
        if self._failure is not None:
            self._raise_failure()
        if self.observers is not None:
            self.observers.flush()
        if self._backs_off:
            self._back_off()

    def _back_off(self) -> None:
        """Wait with the failed actions that the core says are to wait."""
        link: Any = self.link
        for task, seconds in link.backoffs(time.time_ns() // 1_000_000):
            self._backing_off += 1
            self.loop.call_later(seconds, self._backed_off, task)

    def _backed_off(self, task: int) -> None:
        self._backing_off -= 1
        link: Any = self.link
        link.backoff_over(task)
        self.kick()

    def goes_on(self, context: ActionContext, event: Event, raised: BaseException) -> bool:
        """Whether the run goes on without the attempt of an action that has failed."""
        if self._failure is not None or self._interrupted or context.ended:
            return False
        from flink_agents.runtime.failures import is_own

        if not is_own(raised) or not self._is_settled(context, event, raised):
            return False
        # Tasks that it started are left behind.
        context.ended = True
        for call in [call for call in self.calls if call[0] == context.task]:
            del self.calls[call]
        return True

    def _is_settled(self, context: ActionContext, event: Event, raised: BaseException) -> bool:
        """Let the core decide what becomes of an action that failed itself; whether that was done."""
        from flink_agents.runtime.failures import settle

        return settle(self, context, event, raised)

    def turn(self) -> None:
        """Run what is ready on the loop, without waiting; raises what :meth:`wait` does."""
        self.kick()
        self.wait()

    def wait(self) -> None:
        """Run the asyncio loop until something has changed that :meth:`pump` can go on with.

        Raises
        ------
        ActionExecutionError
            If an action fails.
        RuntimeError
            If it is interrupted, or a task that an action started calls ``sys.exit``.
        """
        try:
            if not self._interrupted:
                self.loop.run_forever()
        except SystemExit as error:
            msg = (
                f"Agent '{self.agent}': a task that an action started called sys.exit({shown(error.code)}). It must "
                "not end the process: return to end the task, raise an exception to fail it."
            )
            raise RuntimeError(msg) from error
        if self._interrupted:
            msg = f"Agent '{self.agent}' was interrupted."
            raise RuntimeError(msg)
        if self._failure is not None:
            self._raise_failure()

    def interrupt(self) -> None:
        """Make :meth:`wait` raise, now and from now on. May be called from any thread."""
        self._interrupted = True
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(loop.stop)
            except RuntimeError:
                # It was closed meanwhile: nobody waits.
                return

    def kick(self) -> None:
        """Make :meth:`wait` return after the callbacks that are ready. To be called in the thread of the loop."""
        if self._loop is not None and not self.closing:
            self._loop.stop()

    def answered(self, tasks: Iterable[int]) -> None:
        """Go on with actions whose questions to the link have been answered."""
        for task in tasks:
            parked = self._parked.pop(task, None)
            if parked is None:
                continue
            if hasattr(parked, "set_result"):
                if not parked.done():
                    parked.set_result(None)
            else:
                self._switch(parked)
            if self._failure is not None:
                break
        if self._failure is not None:
            self._raise_failure()

    def close(self) -> None:
        """End what is unfinished, and the loop."""
        self.closing = True
        # Those of asynchronous actions are ended with their tasks, below.
        parked = [waiting for waiting in self._parked.values() if not hasattr(waiting, "set_result")]
        self._parked.clear()
        for greenlet in parked:
            greenlet.throw()
        self._pool.clear()
        loop = self._loop
        try:
            if loop is not None and not loop.is_closed():
                self._cancel_all(loop)
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            if loop is not None:
                loop.close()
            if self._threads is not None:
                self._threads.close()
            self._close_observers()

    def _close_observers(self) -> None:
        observers, self.observers = self.observers, None
        if observers is None:
            return
        try:
            # A worker has gone through everything that came.
            link: Any = self.link
            for step in link.unobserved() if hasattr(link, "unobserved") else ():
                observers.told(step)
        finally:
            observers.close()

    def _cancel_all(self, loop: asyncio.AbstractEventLoop) -> None:
        import asyncio

        tasks = asyncio.all_tasks(loop)
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        ended, left = loop.run_until_complete(asyncio.wait(tasks, timeout=_LAST_SECONDS))
        for task in ended:
            # Looked at, so that asyncio does not complain: what matters of it was told.
            _ = task.cancelled() or task.exception()
        if left:
            logger.warning(
                "Agent '%s': %d asyncio tasks did not end when they were cancelled, and are left behind: %s",
                self.agent,
                len(left),
                ", ".join(sorted(_place_of_task(task) for task in left)[:3]),
            )

    # ---- for contexts

    def park(self, task: int) -> None:
        """Give way until the link has the answer for a task's question."""
        from greenlet import getcurrent

        current = getcurrent()
        # The action may have greenlets of its own, as some database libraries do.
        outermost = current
        while outermost.parent is not None and outermost.parent is not self._hub:
            outermost = outermost.parent
        if outermost.parent is None:
            msg = (
                "Memory that has to be fetched from the TaskManager can be read only by the action itself, not by "
                "threads or tasks that it started; read it before, and pass the value on."
            )
            raise RuntimeError(msg)
        self._hub.switch((task, current))

    @property
    def threads(self) -> CallThreads:
        """The threads that make blocking calls."""
        if self._threads is None:
            from flink_agents.runtime.threads import CallThreads

            wake_up = partial(self.loop.call_soon_threadsafe, self._deliver) if self.has_async else None
            self._threads = CallThreads(self.config.get_int("num-async-threads", 1000), wake_up)
        return self._threads

    def durable_call(
        self, context: ActionContext, func: Callable[..., Any], args: tuple, kwargs: dict
    ) -> AsyncExecutionResult:
        """Return a call of an asynchronous action, to be awaited."""
        make = self._make_call
        if make is None:
            from flink_agents.runtime.calls import DurableCall

            make = self._make_call = DurableCall
        return make(context, func, args, kwargs)

    def call_group(
        self, context: ActionContext, calls: tuple[Any, ...], scope: int, **ends: bool
    ) -> AsyncExecutionResult:
        """Return calls of an asynchronous action, to be awaited together."""
        from flink_agents.runtime.calls import CallGroup

        group = CallGroup(context, calls, **ends)
        for place, call in enumerate(calls):
            call.join(scope, place)
        return group

    def call_with_limit(
        self, context: ActionContext, func: Callable[..., Any], args: tuple, kwargs: dict, info: Any = None
    ) -> Any:
        """Make a blocking call for which nobody else may run, as long as it may take."""
        from flink_agents.runtime.calls import CallHere

        return CallHere(context, func, args, kwargs, info).result(self.threads)

    def wake(self, task: int, wait: Any) -> None:
        """Tell the link that what an action waits for has come; ``wait`` is told when the action may go on."""
        self._resumes[task] = wait
        self.link.wake(task)
        self.kick()

    def called(self, action: Action, nanos: int) -> None:
        """Note how long a durable call of an action took."""
        latency = self._call_latencies.get(action.name)
        if latency is None:
            group: Any = self.metrics.get_sub_group("action", action.name)
            latency = self._call_latencies[action.name] = group.get_sampled_histogram("callLatencyUs")
        latency.update((nanos + 500) // 1000)

    def late(self) -> None:
        """Count what a call has brought after it was given up."""
        if not self.closing:
            self.metrics.get_counter("numOfLateCallResults").inc()
            # Hosts take metrics between two waits.
            self.kick()

    def in_thread(self, func: Callable[[], Any]) -> asyncio.Future[Any]:
        """Let a thread call a function, for code on the loop that awaits the future."""
        from flink_agents.runtime.threads import Called

        called = Called(self.loop, func, self.late)
        self.threads.submit(called)
        return called.future

    def _deliver(self) -> None:
        if self._threads is not None:
            self._threads.deliver()

    # ---- with a journal

    def journalled_call(self, *call: Any) -> AsyncExecutionResult:
        """Return a call of an asynchronous action, to be awaited."""
        make = self._make_call
        if make is None:
            from flink_agents.runtime.journalled import JournalledCall

            make = self._make_call = JournalledCall
        return make(*call)

    def call_here(self, *call: Any) -> Any:
        """Make a call for which the action waits in place."""
        from flink_agents.runtime.journalled import call_here

        return call_here(*call)

    def fail(self, context: ActionContext, error: Exception) -> None:
        """End the run, whatever the action does next."""
        if self._failure is None:
            failure = self._error(context, error)
            failure.__cause__ = error
            self._failure = failure
        self.kick()

    def _call_ready(self, task: int, number: int, step: int, record: bytes | None) -> None:
        call = self.calls.pop((task, number), None)
        # Else it was given up.
        if call is not None and call.decided(step, record):
            self._stirred = True

    def go_on(self, task: int) -> None:
        """Go on with an action that waited in place."""
        self._resume(task)

    def _complete(self, context: ActionContext) -> None:
        if self._failure is not None:
            # The action has caught what it must not go on after.
            self._raise_failure()
        try:
            self.link.finish(context.task)
        except ValueError as error:
            raise self._error(context, error) from error

    # ---- actions that wait for the link

    def _in_greenlet(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function in a pooled greenlet; returns the greenlet to go on with if it parked."""
        from greenlet import getcurrent, greenlet

        if self._hub is None:
            self._hub = getcurrent()
        runner = self._pool.pop() if self._pool else greenlet(_serve, self._hub)
        # It runs in place of the caller, so it has its context variables.
        runner.gr_context = getcurrent().gr_context
        return self._switch(runner, function, args)

    def _switch(self, parked: Any, *args: Any) -> Any:
        answer = parked.switch(*args)
        if answer.__class__ is tuple:
            task, parked = answer
            self._parked[task] = parked
            return parked
        self._pool.append(answer)
        return None

    # ---- asynchronous actions

    def _begin(self, context: ActionContext, event: Event) -> None:
        loop = self.loop
        task = self._new_task(self._drive(self, context, event), loop=loop)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = self._failure or task.exception()
        self.kick()

    def _resume(self, task: int) -> None:
        parked = self._parked.pop(task, None) if self.journalled else None
        if parked is not None:
            if not hasattr(parked, "set_result"):
                self._next_greenlet = parked
            elif not parked.done():
                parked.set_result(None)
            return
        future = self._resumes.pop(task, None)
        if future is not None and not future.done():
            future.set_result(None)

    # ---- outcomes

    def _foreign(self, number: int) -> None:
        msg = (
            f"Agent '{self.agent}': action '{self.link.actions[number]}' is not written in Python, and there is no JVM "
            "here to run it. Run the agent on Flink."
        )
        raise NotImplementedError(msg)

    def _error(self, context: ActionContext, exception: BaseException) -> BaseException:
        if isinstance(exception, KeyboardInterrupt):
            return exception
        error = self.error_of(context, exception)
        self.link.fail(context.task, _text(error, exception))
        return error

    def error_of(self, context: ActionContext, exception: BaseException) -> ActionExecutionError:
        """Return the error that names agent, action and key."""
        name = type(exception).__name__
        if isinstance(exception, SystemExit):
            what = (
                f"it called sys.exit({shown(exception.code)}). An action must not end the process: return to end the "
                "action, raise an exception to fail the run"
            )
        else:
            what = f"{name}: {shown(exception, plain=True)}"
            if not context.action.is_async and isinstance(exception, RuntimeError) and "running event loop" in what:
                what += (
                    ". The thread that runs the agent runs an asyncio loop already, as those of notebooks do: write "
                    "the action as 'async def' and await there what it runs"
                )
        key = _core.key_of(context.key)
        again = f", for the {self.attempts}. time" if self.attempts > 1 else ""
        message = f"Agent '{self.agent}', action '{context.action.name}', key {shown(key)}{again}: {what}"
        return ActionExecutionError(message, self.agent, context.action.name, key)

    def place_of(self, context: ActionContext) -> str:
        """Return which action it is that runs, for messages."""
        return f"agent '{self.agent}', action '{context.action.name}', key {shown(_core.key_of(context.key))},"

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure


def _serve(function: Any, args: Any) -> Any:
    """Body of a pooled greenlet: one call after another."""
    from greenlet import getcurrent

    own = getcurrent()
    while True:
        function(*args)
        # Nothing of the user is to live on in the pool.
        function = args = None
        function, args = own.parent.switch(own)


def _place_of_task(task: asyncio.Task[Any]) -> str:
    """Return where a task waits."""
    frames = task.get_stack()
    return f"{frames[-1].f_code.co_filename}:{frames[-1].f_lineno}" if frames else task.get_name()


def _cause(exception: BaseException) -> BaseException | None:
    return exception.__cause__ if isinstance(exception, KeyboardInterrupt) else exception


def shown(value: Any, *, plain: bool = False) -> str:
    """Return a value as text for a message, whatever its class does."""
    try:
        return str(value) if plain else repr(value)
    except BaseException as error:
        return f"<{type(value).__name__} whose text cannot be made: {type(error).__name__}>"


def _text(error: BaseException, cause: BaseException) -> str:
    """Return message and traceback of a failed action, for a host that has only text."""
    try:
        lines = traceback.format_exception(type(cause), cause, cause.__traceback__)
    except BaseException as broken:
        lines = [f"(the traceback cannot be shown: {type(broken).__name__})"]
    return shortened(f"{error}\n{''.join(lines)}")


def shortened(text: str) -> str:
    """Return the text as a host can be told it: neither too long nor with what is no character."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST // 2]}\n… ({len(text) - _LONGEST:,} characters left out) …\n{text[-_LONGEST // 2:]}"
    return valid_unicode(text)


def valid_unicode(text: str) -> str:
    """Return the text with halves of surrogate pairs written out: what cannot be sent is not to hide a failure."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
