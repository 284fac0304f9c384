"""Steps of ``async def`` actions: each action is a task of the executor's loop, which tells the link of every real wait."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any

from flink_agents.runtime.callables import check_outcome
from flink_agents.runtime.log_context import RUNNING
from flink_agents.runtime.scopes import SCOPE, Scope

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from flink_agents.api.events.event import Event
    from flink_agents.runtime.context import ActionContext
    from flink_agents.runtime.executor import Executor
    from flink_agents.runtime.journalled import Beside

logger = logging.getLogger(__name__)


class _NotNow:
    """Stands for the link of a context while its action waits for memory from the TaskManager."""

    def __getattr__(self, name: str) -> Any:
        msg = (
            "The action waits, for memory from the TaskManager or for a durable call: its context can be used only by its own "
            "code, while that runs; let tasks that it started return their results to it, and use the context there."
        )
        raise RuntimeError(msg)


_NOT_NOW: Any = _NotNow()


def new_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """Task factory of loops: a task that is started in a scope is a scope of its own, by the order of the starts."""
    scope = SCOPE.get()
    if scope is None or scope.call is not None:
        return asyncio.Task(coroutine, loop=loop, **options)
    context = scope.context
    if context.ended:
        # It was left behind: the core counts its calls no more, and refuses them.
        return asyncio.Task(coroutine, loop=loop, **options)
    inner = Scope(context, context.executor.link.call_scope(context.task, scope.number, False))
    given = options.get("context")
    if given is not None:
        given.run(SCOPE.set, inner)
        return _beside(context, asyncio.Task(coroutine, loop=loop, **options))
    # The task takes a copy of what is set now.
    token = SCOPE.set(inner)
    try:
        return _beside(context, asyncio.Task(coroutine, loop=loop, **options))
    finally:
        SCOPE.reset(token)


def _beside(context: ActionContext, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
    if context.executor.journalled:
        _beside_of(context).begin(task)
    return task


def _beside_of(context: ActionContext) -> Beside:
    if context.beside is None:
        from flink_agents.runtime.journalled import Beside

        context.beside = Beside(context)
    return context.beside


async def drive(executor: Executor, context: ActionContext, event: Event) -> None:
    """Run an ``async def`` action as a task of the loop."""
    # Of this task alone.
    SCOPE.set(Scope(context, 0))
    RUNNING.set(context)
    try:
        await _Steps(executor, context, event)
    except BaseException as exception:
        if executor.closing:
            if not isinstance(exception, (asyncio.CancelledError, GeneratorExit)):
                # The run has ended, or has failed for another reason, which is the one to be told.
                logger.warning(
                    "Agent '%s', action '%s': it failed while it was ended, since the run is over.",
                    executor.agent,
                    context.action.name,
                    exc_info=exception,
                )
            raise
        if executor.policies and executor.goes_on(context, event, exception):
            executor.kick()
            return
        error = executor._error(context, exception)
        if error is not exception:
            error.__cause__ = exception
        # Not raised: asyncio would let SystemExit and KeyboardInterrupt through, and name others too late.
        executor._failure = executor._failure or error
        executor.kick()
    finally:
        context.let_go()


class _Steps:
    """Awaits a coroutine, and tells the link of every real wait."""

    __slots__ = ("_context", "_coroutine", "_executor")

    def __init__(self, executor: Executor, context: ActionContext, event: Event) -> None:
        self._executor = executor
        self._context = context
        self._coroutine: Coroutine[Any, Any, Any] = context.action.function(event, context)

    def __await__(self) -> Any:
        executor, coroutine, context = self._executor, self._coroutine, self._context
        task, link = context.task, context.link
        value: Any = None
        raised: BaseException | None = None
        thrown: BaseException | None = None
        try:
            while True:
                try:
                    if link.may_wait:
                        waited_for, raised, cancelled = yield from self._step(value, thrown)
                        if raised is not None:
                            raise raised
                        if cancelled is not None:
                            value, thrown = None, cancelled
                            continue
                    elif thrown is None:
                        waited_for = coroutine.send(value)
                    else:
                        waited_for = coroutine.throw(thrown)
                except StopIteration as end:
                    if end.value is not None:
                        check_outcome(context.action, end.value)
                    if context.memory_uses is not None:
                        context.memory_uses.send(context)
                    context.ended = True
                    link.finish(task)
                    executor.kick()
                    return
                wait, context.wait = context.wait, None
                if wait is not None:
                    wait.by_action = wait.future is waited_for
                rests = executor.journalled and (wait is None or not wait.by_action)
                if rests:
                    _beside_of(context).rest()
                link.suspend(task)
                executor.kick()
                value = thrown = None
                try:
                    value = yield waited_for
                except BaseException as exception:
                    if executor.closing:
                        raise
                    thrown = exception
                if wait is None or not wait.woken:
                    link.wake(task)
                    if rests:
                        context.beside.rested()
                elif task not in executor._resumes:
                    # The turn has come with the result.
                    continue
                else:
                    # Cancelled between the result and the turn.
                    executor.late()
                thrown = yield from self._turn(thrown)
        except BaseException as exception:
            if (
                executor.closing
                and not isinstance(exception, GeneratorExit)
                and inspect.getcoroutinestate(coroutine) == inspect.CORO_SUSPENDED
            ):
                yield from self._clean_up(exception)
            raise
        finally:
            # Tracebacks of what was raised, which these refer to, have this frame.
            wait = waited_for = raised = thrown = None
            coroutine.close()

    def _clean_up(self, thrown: BaseException | None) -> Any:
        """Cancel the coroutine and let it end as asyncio would: what it closes on its way out may wait, too."""
        coroutine = self._coroutine
        value: Any = None
        while True:
            try:
                waited_for = coroutine.send(value) if thrown is None else coroutine.throw(thrown)
            except StopIteration:
                return
            value = thrown = None
            try:
                value = yield waited_for
            except GeneratorExit:
                raise
            except BaseException as exception:
                thrown = exception

    def _turn(self, thrown: BaseException | None) -> Any:
        """Wait until the core lets the action go on; a cancellation meanwhile is delivered then."""
        executor, task = self._executor, self._context.task
        future = executor._resumes[task] = executor.loop.create_future()
        executor.kick()
        while True:
            try:
                yield from future
                return thrown
            except BaseException as exception:
                if executor.closing:
                    raise
                thrown = exception
            if task not in executor._resumes:
                return thrown
            future = executor._resumes[task] = executor.loop.create_future()

    def _step(self, value: Any, thrown: BaseException | None) -> Any:
        """One step in a greenlet, in which questions to the link may wait: (waited for, raised, cancelled)."""
        executor = self._executor
        outcome: list[Any] = []
        cancelled: BaseException | None = None
        context = self._context
        link = context.link
        parked = executor._in_greenlet(_step, self._coroutine, value, thrown, outcome)
        while parked is not None:
            # This asyncio task waits in its place. To the link the action runs; tasks that it started do meanwhile.
            task = context.task
            context.link = _NOT_NOW
            future = executor._parked[task] = executor.loop.create_future()
            executor.kick()
            while True:
                try:
                    yield from future
                    break
                except BaseException as exception:
                    if executor.closing:
                        context.link = link
                        parked.throw()
                        raise
                    # Delivered at the next wait of the action itself: this one is not of its making.
                    cancelled = exception
                if task not in executor._parked:
                    break
                future = executor._parked[task] = executor.loop.create_future()
            context.link = link
            parked = executor._switch(parked)
        waited_for, raised = outcome
        # The exception's traceback has the list.
        outcome.clear()
        return waited_for, raised, cancelled


def _step(coroutine: Coroutine[Any, Any, Any], value: Any, thrown: BaseException | None, outcome: list[Any]) -> None:
    try:
        waited_for = coroutine.send(value) if thrown is None else coroutine.throw(thrown)
    except BaseException as exception:
        outcome[:] = (None, exception)
    else:
        outcome[:] = (waited_for, None)
