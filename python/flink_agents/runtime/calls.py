"""Durable calls that ``async def`` actions ask for.

A call is asked for, which gives it its position, begins when it is awaited, and ends once: by its result, by what it raised,
or by being given up. What it brings after that is dropped, and counted. Blocking functions are called by
:class:`~flink_agents.runtime.threads.CallThreads`, ``async def`` ones by a task of the loop. Whoever waits does so for one
future of the loop, so that all of asyncio can be around it: a call is to asyncio what a coroutine is.
"""

from __future__ import annotations

import asyncio
import warnings
from contextvars import copy_context
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any

from flink_agents.api.durable_call import _CURRENT
from flink_agents.api.durable_call import DurableCall as CallInfo
from flink_agents.api.runner_context import AsyncExecutionResult, DurableCallTimeoutError
from flink_agents.runtime.callables import check_result, is_async, name_of
from flink_agents.runtime.scopes import SCOPE, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flink_agents.runtime.context import ActionContext
    from flink_agents.runtime.threads import CallThreads


class Wait:
    """A wait for calls: by the action itself, or by a task that it started.

    When the action itself waits, it has to get its turn from the core before it may go on. So its result is held back until
    then, and there is one wait instead of two.

    Attributes
    ----------
    future
        What is awaited.
    woken
        Whether the core has been told that what the action waits for has come.
    """

    __slots__ = ("_context", "_failure", "_result", "by_action", "future", "woken")

    def __init__(self, context: ActionContext) -> None:
        self._context = context
        self._result: Any = None
        self._failure: BaseException | None = None
        # Set by the steps of the action when they see that it is they who wait.
        self.by_action = False
        self.woken = False
        self.future = context.executor.loop.create_future()
        # For those steps.
        context.wait = self

    def end(self, result: Any, failure: BaseException | None) -> None:
        """Bring what was waited for."""
        if self.future.done():
            # Cancelled, which whoever waited does not know yet.
            self._context.executor.late()
            return
        self._result = result
        self._failure = failure
        if self.by_action:
            self.woken = True
            self._context.executor.wake(self._context.task, self)
        else:
            self.set_result(None)

    def done(self) -> bool:
        """Whether there is nothing left to do when the turn comes."""
        return False

    def set_result(self, _: None) -> None:
        """Tell whoever waits."""
        if self.future.done():
            # Cancelled between the result and the turn.
            self._context.executor.late()
        elif self._failure is None:
            self.future.set_result(self._result)
        else:
            self.future.set_exception(self._failure)

    def drop(self) -> None:
        """Bring nothing."""
        self.future.cancel()


class DurableCall(AsyncExecutionResult):
    """One call. All methods but :meth:`make` are for the loop's thread."""

    # Whether somebody waits for it, or nobody ever will.
    _awaited = False
    # Whether it has ended or was given up, and whether that was told to the core.
    _over = _told = False
    _group: CallGroup | None = None
    _place = 0
    # What the function may learn of it, if that is more than its name.
    _info: CallInfo | None = None
    # Whether what it brought came from a journal.
    replayed = False
    # Whether live spans show it as what it calls, such as a chat, so that it is not one more.
    shown_otherwise = False
    # When it was begun, and which call of its action it was, where live spans want to know.
    _began_at: tuple[int, int] | None = None
    # When a thread had made it.
    _ended_at: int | None = None
    _timer: asyncio.TimerHandle | None = None
    # Seconds between its begin and when it is made, which are no part of its time limit. A result of a journal does not wait.
    delay = 0.0
    # Of one that is awaited on the loop.
    _task: asyncio.Task[None] | None = None
    # Of a blocking one: whether a thread has begun it, and what came of it.
    _called = False
    _nanos = 0
    _variables: Any = None
    _result: Any = None
    _failure: BaseException | None = None

    def __init__(self, context: ActionContext, func: Callable[..., Any], args: tuple, kwargs: dict) -> None:
        self._context = context
        self._func = func
        self._args = args
        self._kwargs = kwargs

    def __await__(self) -> Any:
        if self._awaited:
            msg = "The result of durable_execute_async can be awaited once only; keep what 'await' returned."
            raise RuntimeError(msg)
        self._awaited = True
        wait = self._wait = Wait(self._context)
        self.begin()
        try:
            return (yield from wait.future)
        finally:
            # Cancelled, or its coroutine was closed.
            self.give_up()
            # The traceback of what it raises has this frame.
            wait = self._wait = None

    def begin(self) -> None:
        """Begin it; what goes wrong with that is how it ends."""
        try:
            self._check_may_begin()
            self._start()
        except BaseException as error:
            self._settle()
            self._deliver(None, error)

    def _check_may_begin(self) -> None:
        context = self._context
        if context.executor.closing:
            msg = "The run is over: no durable call begins any more."
            raise asyncio.CancelledError(msg)
        if context.ended:
            msg = (
                f"Durable call '{name_of(self._func)}' was asked for by action '{context.action.name}', which has "
                "ended; await calls before the action ends."
            )
            raise RuntimeError(msg)

    def _start(self) -> None:
        executor = self._context.executor
        if self.delay > 0:
            self._timer = executor.loop.call_later(self.delay, self._delayed)
            self.delay = 0.0
            return
        if executor.spans:
            began = self._context.call_began()
            self._began_at = None if self.shown_otherwise else began
        if executor.call_timeout is not None:
            self._timer = executor.loop.call_later(executor.call_timeout, self._too_long)
        variables = self._variables
        if not is_async(self._func):
            self._variables = copy_context() if variables is None else variables
            executor.threads.submit(self)
        elif variables is None:
            self._task = asyncio.Task(self._await(), loop=executor.loop)
        else:
            # A task takes a copy of the variables of whoever makes it.
            self._task = variables.run(_task, self._await(), executor.loop)

    def _delayed(self) -> None:
        self._timer = None
        DurableCall.begin(self)

    # ---- the two ways to make it

    async def _await(self) -> None:
        # Of this task alone.
        SCOPE.set(Scope(self._context, -1, self._func))
        _CURRENT.set(self._info or CallInfo(name_of(self._func)))
        result = failure = None
        began = perf_counter_ns()
        try:
            result = await self._func(*self._args, **self._kwargs)
        except asyncio.CancelledError as error:
            if self._over:
                # It has ended by being given up: nothing came late.
                return
            failure = deliverable(self._func, error)
        except KeyboardInterrupt as error:
            # The user's, who wants the whole to end.
            failure = error
        except BaseException as error:
            failure = deliverable(self._func, error)
        self._task = None
        self._measured(perf_counter_ns() - began)
        self._end(result, failure)
        # Its traceback has this frame.
        failure = None

    def make(self) -> None:
        if self._over:
            # Given up before its turn.
            return
        self._called = True
        shown = self._began_at
        if shown is not None:
            # It may have waited for a thread.
            self._began_at = (time_ns() // 1000, shown[1])
        began = perf_counter_ns()
        try:
            self._result = self._variables.run(_call, self)
        except BaseException as error:
            self._failure = deliverable(self._func, error)
        self._nanos = perf_counter_ns() - began
        if shown is not None:
            # It may wait for the loop.
            self._ended_at = time_ns() // 1000

    def made(self) -> None:
        result, failure = self._result, self._failure
        self._result = self._failure = self._variables = None
        if self._called:
            self._measured(self._nanos)
            self._end(result, failure)

    def _measured(self, nanos: int) -> None:
        if not self._over:
            self._context.executor.called(self._context.action, nanos)

    # ---- its end

    def _end(self, result: Any, failure: BaseException | None) -> None:
        if self._began_at is not None:
            self._show(failure)
        if self._over:
            self._context.executor.late()
        elif self._context.ended:
            # Only a task that was left behind can be waiting for it.
            self._settle()
            self._context.executor.late()
            (self._group or self).drop()
        else:
            self._settle()
            self._deliver(result, failure)

    def _deliver(self, result: Any, failure: BaseException | None) -> None:
        if self._group is not None:
            self._group.member_ended(self._place, result, failure)
        else:
            self._wait.end(result, failure)

    def _too_long(self) -> None:
        self._timer = None
        if not self._over:
            task, self._task = self._task, None
            self._end(None, too_long(self._context, self._func, waited=not self._called and task is None))
            if task is not None:
                task.cancel()

    def drop(self) -> None:
        """Bring nothing to whoever waits."""
        self._wait.drop()

    def give_up(self) -> None:
        """Drop what it brings; an ``async def`` function is cancelled."""
        if not self._over:
            if self._began_at is not None:
                self._show(asyncio.CancelledError("It was given up: nobody waits for it any more."))
            self._settle()
            if self._task is not None:
                self._task.cancel()

    def _show(self, failure: BaseException | None) -> None:
        began, self._began_at = self._began_at, None
        if began is not None and not self._context.ended:
            self._context.show_call(self._named(), began, failure, ended=self._ended_at)

    def _named(self) -> Callable[..., Any]:
        return self._func

    def _settle(self) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._tell()

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            context = self._context
            if not context.ended:
                context.executor.link.call_end(context.task)

    def close(self) -> None:
        """Give the call up; it cannot be awaited any more."""
        self._awaited = True
        self.give_up()

    # ---- for groups

    def join(self, scope: int, place: int) -> None:
        """Become part of a group, at this place instead of the one that it was given."""
        link, task = self._context.executor.link, self._context.task
        link.call_begin(task, scope)
        link.call_end(task)
        self._place = place
        self._awaited = True

    def begin_in(self, group: CallGroup) -> None:
        """Begin it; the group is told how it ends."""
        self._group = group
        self.begin()

    def go_on(self) -> None:
        """All calls of the group have begun."""

    def leave(self) -> None:
        """Give it up, if it has not ended: its group is over."""
        self.give_up()
        self._group = None

    def never_begun(self, context: ActionContext) -> bool:
        """Whether it is a call of this context's action that nobody has waited for."""
        return self._context is context and not self._awaited

    @property
    def function(self) -> Any:
        """What is called."""
        return self._func

    def __del__(self) -> None:
        if not self._awaited:
            name = getattr(self._func, "__qualname__", self._func)
            warnings.warn(
                f"durable_execute_async({name}) was never awaited, so {name} was not called", RuntimeWarning, 2
            )
        if not self._told:
            try:
                self._tell()
            except RuntimeError:
                # Cycles are collected in any thread: the core warns of a call too many.
                return


def _task(coroutine: Any, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
    return asyncio.Task(coroutine, loop=loop)


def _call(call: DurableCall | CallHere) -> Any:
    """Make a blocking call, in a thread and context variables of its own."""
    SCOPE.set(Scope(call._context, -1, call._func))
    _CURRENT.set(call._info or CallInfo(name_of(call._func)))
    return check_result(call._func, call._func(*call._args, **call._kwargs))


class CallGroup(AsyncExecutionResult):
    """Calls side by side. It ends when all have ended, or, if so asked, when the first has failed.

    If so asked, exceptions are results.
    """

    _awaited = _over = False

    def __init__(
        self,
        context: ActionContext,
        members: Sequence[DurableCall],
        *,
        cancel_on_failure: bool,
        return_exceptions: bool = False,
    ) -> None:
        self._context = context
        self._members = members
        self._cancel_on_failure = cancel_on_failure
        self._return_exceptions = return_exceptions
        self._left = len(members)
        self._results: list[Any] = [None] * len(members)
        self._failures: list[tuple[int, BaseException]] = []

    def __await__(self) -> Any:
        if self._awaited:
            msg = "The result of durable_gather can be awaited once only; keep what 'await' returned."
            raise RuntimeError(msg)
        self._awaited = True
        if not self._members:
            return []
        wait = self._wait = Wait(self._context)
        try:
            for member in self._members:
                # The first may have failed at once.
                if not self._over:
                    member.begin_in(self)
            for member in self._members:
                if not self._over:
                    member.go_on()
            return (yield from wait.future)
        finally:
            self._give_up()

    def member_ended(self, place: int, result: Any, failure: BaseException | None) -> None:
        """Take note that a call has ended."""
        self._left -= 1
        if failure is None:
            self._results[place] = result
        elif self._return_exceptions and isinstance(failure, Exception):
            self._results[place] = failure
        elif self._cancel_on_failure:
            self._give_up()
            self._wait.end(None, failure)
            return
        else:
            self._failures.append((place, failure))
        if self._left == 0:
            self._over = True
            self._wait.end(self._results, self._failed() if self._failures else None)

    def drop(self) -> None:
        """Bring nothing to whoever waits."""
        self._wait.drop()

    def _failed(self) -> BaseException:
        """Return the first failure in the order of the calls; it has the others as notes."""
        (_, first), *others = sorted(self._failures, key=lambda one: one[0])
        if hasattr(first, "add_note"):
            for place, failure in others:
                first.add_note(
                    f"Durable call '{name_of(self._members[place].function)}', made side by side with it, failed as "
                    f"well: {type(failure).__name__}: {failure}"
                )
        return first

    def _give_up(self) -> None:
        self._over = True
        for member in self._members:
            member.leave()

    def close(self) -> None:
        """Give the calls up; they cannot be awaited any more."""
        self._awaited = True
        self._give_up()

    def __del__(self) -> None:
        if not self._awaited:
            names = ", ".join(str(getattr(one.function, "__qualname__", one.function)) for one in self._members)
            warnings.warn(
                f"durable_gather({names}) was never awaited, so none of them was called", RuntimeWarning, 2
            )


class CallHere:
    """A blocking call of an action that is not asynchronous, made by a thread since it has a time limit."""

    def __init__(
        self, context: ActionContext, func: Callable[..., Any], args: tuple, kwargs: dict, info: CallInfo | None = None
    ) -> None:
        import threading

        self._context = context
        self._func = func
        self._args = args
        self._kwargs = kwargs
        self._info = info
        self._variables = copy_context()
        self._ended = threading.Lock()
        self._ended.acquire()
        self._called = self._given_up = False
        self._nanos = 0
        self._result: Any = None
        self._failure: BaseException | None = None

    def result(self, threads: CallThreads) -> Any:
        """Make the call; raises what it raised, or ``DurableCallTimeoutError``."""
        executor = self._context.executor
        # In a worker without a loop nobody else looks.
        threads.deliver()
        threads.submit(self)
        in_time = self._ended.acquire(timeout=executor.call_timeout)
        if not in_time:
            self._given_up = True
            raise too_long(self._context, self._func, waited=not self._called)
        threads.deliver()
        self._context.executor.called(self._context.action, self._nanos)
        if self._failure is not None:
            raise self._failure
        return self._result

    def make(self) -> None:
        if not self._given_up:
            self._called = True
            began = perf_counter_ns()
            try:
                self._result = self._variables.run(_call, self)
            except BaseException as error:
                self._failure = deliverable(self._func, error)
            self._nanos = perf_counter_ns() - began
        self._ended.release()

    def made(self) -> None:
        if self._given_up and self._called:
            self._context.executor.late()


def deliverable(func: Any, failure: BaseException) -> BaseException:
    """Return what to raise in the action: exceptions that would end more than the action are told by another."""
    if isinstance(failure, Exception) and not isinstance(failure, (StopIteration, StopAsyncIteration)):
        return failure
    what = type(failure).__name__
    remedy = "A call must not end the process: it returns a value or raises an exception."
    if isinstance(failure, asyncio.CancelledError):
        remedy = "It was cancelled, though nobody had given up the call."
    elif isinstance(failure, Exception):
        remedy = "An iterator was at its end where the call asked it for more, by next()."
    error = RuntimeError(f"Durable call '{name_of(func)}' raised {what}({_arguments(failure)}). {remedy}")
    error.__cause__ = failure
    return error


def _arguments(failure: BaseException) -> str:
    try:
        return ", ".join(map(repr, failure.args))
    except BaseException as error:
        return f"<{type(error).__name__}>"


def too_long(context: ActionContext, func: Any, *, waited: bool) -> DurableCallTimeoutError:
    """Return the error of a call that was given up for its time limit."""
    executor = context.executor
    begun = "It was given up, and what it brings later is dropped."
    if waited and executor.threads.all_busy:
        begun = (
            f"It had not begun, since all {executor.threads.limit} threads for calls were busy; num-async-threads is their "
            "number."
        )
    return DurableCallTimeoutError(
        f"Durable call '{name_of(func)}' of {executor.place_of(context)} took longer than {executor.call_timeout:g} s. "
        f"{begun} The limit is option call.timeout."
    )

