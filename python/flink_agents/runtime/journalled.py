"""Durable calls of runs with a journal.

A call that was made before is not made: what it brought comes from the journal. One that may not start yet, since what it comes
after is not yet in the store, waits: a call of an ``async def`` action as any other does, one of a ``def`` action in its greenlet.
Other keys, and other actions of the run, go on meanwhile.

Positions: a call takes its place when it is asked for, as a scope of its own, and the core hears of the call in it when the call
begins. So what is never awaited never begins.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from flink_agents import _core
from flink_agents.api.durable_call import DurableCall as CallInfo
from flink_agents.runtime.callables import identity_of, is_async, name_of
from flink_agents.runtime.calls import DurableCall
from flink_agents.runtime.recording import (
    EXECUTE,
    RAISE,
    RECONCILE,
    WAIT,
    NotRecordableError,
    failure_record,
    read_record,
    result_record,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from flink_agents.runtime.context import ActionContext


class JournalledCall(DurableCall):
    """A call of an ``async def`` action."""

    # Its number, once the core has heard of it, and what is to be recorded.
    _number: int | None = None
    _record: bytes | None = None
    _failed = False
    # In a group: what the core said of it.
    _decision: tuple[int, bytes | None] | None = None
    # What was asked for, where a reconciler is asked instead.
    _asked_for: Callable[..., Any] | None = None

    def __init__(
        self,
        context: ActionContext,
        func: Callable[..., Any],
        args: tuple,
        kwargs: dict,
        scope: int,
        reconciler: Callable[[], Any] | None,
    ) -> None:
        super().__init__(context, func, args, kwargs)
        self._scope = scope
        self._reconciler = reconciler

    def begin(self) -> None:
        context = self._context
        executor = context.executor
        # Those of whoever waits; it may be made later, when others run.
        self._variables = copy_context()
        try:
            self._check_may_begin()
            self._number, step, record = executor.link.call(
                context.task,
                self._scope,
                identity_of(self._func),
                _core.args_digest(self._args, self._kwargs),
                self._reconciler is not None,
                False,
            )
        except BaseException as error:
            self._settle()
            self._deliver(None, error)
            return
        # What it wrote goes to the store.
        executor.kick()
        if context.beside is not None:
            context.beside.progress()
        if step == WAIT:
            executor.calls[context.task, self._number] = self
        elif self._group is None:
            self.decided(step, record)
        else:
            # What comes of it may end the group, which all its calls are to be asked for before, as in the first attempt.
            self._decision = (step, record)

    def go_on(self) -> None:
        decision, self._decision = self._decision, None
        if decision is not None:
            self.decided(*decision)

    def decided(self, step: int, record: bytes | None) -> bool:
        """Do what the core says; returns whether code of the action has to run on the loop before the core goes on."""
        executor, context = self._context.executor, self._context
        func = self._func
        if step in (EXECUTE, RECONCILE):
            if step == RECONCILE:
                self._asked_for = func
                self._func, self._args, self._kwargs = self._reconciler, (), {}
            self._execute(func)
            return False
        if context.beside is not None:
            context.beside.progress()
        try:
            brought = read_record(func, record or b"")
        except NotRecordableError as error:
            self._settle()
            executor.fail(context, error)
            return False
        self.replayed = True
        failure = brought if step == RAISE else None
        if executor.spans and not context.ended:
            began = context.call_began()
            if not self.shown_otherwise:
                context.show_call(func, began, failure, replayed=True)
        self._settle()
        if step == RAISE:
            self._deliver(None, brought)
        else:
            self._deliver(brought, None)
        # An action that itself waits has been woken.
        return True

    def _execute(self, named: Callable[..., Any]) -> None:
        context = self._context
        executor = context.executor
        try:
            self._info = CallInfo(name_of(named), executor.link.idempotency_key(context.task, self._number))
            self._start()
        except BaseException as error:
            self._settle()
            self._deliver(None, error)

    def _end(self, result: Any, failure: BaseException | None) -> None:
        context = self._context
        # At its end the run cancels what is under way, which says nothing of the calls.
        ends = context.executor.closing or isinstance(failure, KeyboardInterrupt)
        if self._over or context.ended or (ends and failure is not None):
            super()._end(result, failure)
            return
        most = context.executor.link.max_record_size
        try:
            if failure is None:
                self._record = result_record(self._func, result, most, verify=context.executor.verify)
            else:
                self._record = failure_record(self._func, failure, most)
                self._failed = True
        except NotRecordableError as error:
            self._settle()
            context.executor.fail(context, error)
            return
        super()._end(result, failure)

    def _named(self) -> Callable[..., Any]:
        return self._asked_for or self._func

    def _tell(self) -> None:
        if self._told:
            return
        self._told = True
        number, context = self._number, self._context
        if number is not None and not context.ended:
            context.executor.calls.pop((context.task, number), None)
            record, self._record = self._record, None
            context.executor.link.call_ended(context.task, number, self._failed, record)
            context.executor.kick()

    def join(self, scope: int, place: int) -> None:
        self._scope = scope
        self._place = place
        self._awaited = True


class Beside:
    """Code of an ``async def`` action that goes on beside what waits for calls: tasks that it started, and itself when it rests.

    As long as there is some, the core must not take the run for one that does not come to what its journal has: a task that
    waits for a timer may make that call later. That is believed for a bounded time, in which no task makes a call.
    """

    def __init__(self, context: ActionContext) -> None:
        self._context = context
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._progress = 0.0

    def begin(self, task: asyncio.Task[Any]) -> None:
        """Count a task, as long as it goes on."""
        self._count += 1
        task.add_done_callback(self._ended)
        self.progress()

    def rest(self) -> None:
        """Count the action itself, which waits for something else than a call."""
        self._count += 1
        self.progress()

    def rested(self) -> None:
        """Count it no more."""
        self._ended(None)

    def progress(self) -> None:
        """Wait for the tasks for some more time."""
        executor = self._context.executor
        self._progress = executor.loop.time()
        if self._count and self._timer is None and not self._context.ended:
            executor.link.busy(self._context.task, True)
            self._timer = executor.loop.call_later(executor.link.patience, self._look)

    def _look(self) -> None:
        executor = self._context.executor
        self._timer = None
        left = self._progress + executor.link.patience - executor.loop.time()
        if left > 0 and self._count:
            self._timer = executor.loop.call_later(left, self._look)
        else:
            self._over()

    def _ended(self, _: asyncio.Task[Any] | None) -> None:
        self._count -= 1
        if self._count == 0 and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._over()

    def _over(self) -> None:
        context = self._context
        if not context.ended and not context.executor.closing:
            context.executor.link.busy(context.task, False)
            context.executor.kick()


class _CallInGreenlet:
    """A call of an action that waits in its greenlet."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context
        self.answer: tuple[int, bytes | None] = (WAIT, None)

    def decided(self, step: int, record: bytes | None) -> bool:
        self.answer = (step, record)
        executor, task = self._context.executor, self._context.task
        if executor.link.answered_in_place(task):
            executor.go_on(task)
        return False


def call_here(
    context: ActionContext,
    func: Callable[..., Any],
    args: tuple,
    kwargs: dict,
    scope: int,
    reconciler: Callable[[], Any] | None,
) -> Any:
    """Make a call for which the action waits in place; returns its result, or raises what it raised."""
    executor, task = context.executor, context.task
    link = executor.link
    if reconciler is not None and is_async(reconciler):
        msg = (
            f"reconciler must be a function that returns its result here, and {name_of(reconciler)} is 'async def'. Await "
            "durable_execute_async in an 'async def' action instead."
        )
        raise TypeError(msg)
    if scope != 0:
        msg = (
            f"Durable call '{name_of(func)}' was asked for by a task that action '{context.action.name}' started, which cannot "
            "wait in place. Await durable_execute_async there."
        )
        raise RuntimeError(msg)
    number, step, record = link.call(
        task, scope, identity_of(func), _core.args_digest(args, kwargs), reconciler is not None, True
    )
    if step == WAIT:
        waiting = executor.calls[task, number] = _CallInGreenlet(context)
        link.await_in_place(task)
        _park(context)
        step, record = waiting.answer
    if step not in (EXECUTE, RECONCILE):
        link.call_ended(task, number)
        try:
            brought = read_record(func, record or b"")
        except NotRecordableError as error:
            executor.fail(context, error)
            raise
        if executor.spans:
            context.show_call(func, context.call_began(), brought if step == RAISE else None, replayed=True)
        if step == RAISE:
            raise brought
        return brought
    named = name_of(func)
    asked_for = func
    began = context.call_began() if executor.spans else None
    raised: BaseException | None = None
    if step == RECONCILE:
        func, args, kwargs = reconciler, (), {}
    outcome: bytes | None = None
    failed = False
    most = link.max_record_size
    try:
        try:
            info = CallInfo(named, link.idempotency_key(task, number))
            result = context.call_in_place(func, args, kwargs, info)
        except Exception as error:
            failed = True
            raised = error
            outcome = failure_record(func, error, most)
            raise
        outcome = result_record(func, result, most, verify=executor.verify)
        return result
    except NotRecordableError as error:
        executor.fail(context, error)
        raise
    finally:
        if began is not None:
            context.show_call(asked_for, began, raised)
        link.call_ended(task, number, failed, outcome)


def _park(context: ActionContext) -> None:
    """Give way; an asyncio loop that the action runs itself stands still meanwhile, and is none to the others."""
    loop = asyncio._get_running_loop()
    if loop is None or loop is context.executor.loop:
        context.executor.park(context.task)
        return
    asyncio._set_running_loop(None)
    try:
        context.executor.park(context.task)
    finally:
        asyncio._set_running_loop(loop)
