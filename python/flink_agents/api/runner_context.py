"""What an action can do: its second parameter."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Dict, List

if TYPE_CHECKING:
    from flink_agents.api.configuration import ReadableConfiguration
    from flink_agents.api.events.event import Event
    from flink_agents.api.memory.long_term_memory import BaseLongTermMemory
    from flink_agents.api.memory_object import MemoryObject
    from flink_agents.api.metric_group import MetricGroup
    from flink_agents.api.resource import Resource, ResourceType

__all__ = ["AsyncExecutionResult", "RunnerContext"]


class DurableCallTimeoutError(TimeoutError):
    """A durable call took longer than option ``call.timeout`` allows. Whatever it brings later is dropped."""


class AsyncExecutionResult:
    """A call that has been asked for. Await it, once, inside the ``async def`` action that asked.

    It is to asyncio what a coroutine is: ``asyncio.gather``, ``wait_for``, ``shield`` and ``ensure_future`` take it, and the
    call begins when it is awaited or made a task.

    Parameters
    ----------
    executor
        Something with ``submit(func, *args, **kwargs)`` that returns a ``concurrent.futures.Future``; ``None`` makes
        the call in place, when it is awaited.
    func, args, kwargs
        The call.
    """

    __slots__ = ("_args", "_awaited", "_executor", "_func", "_kwargs")

    def __init__(self, executor: Any, func: Callable, args: tuple, kwargs: dict) -> None:
        self._executor = executor
        self._func = func
        self._args = args
        self._kwargs = kwargs
        self._awaited = False

    def __del__(self) -> None:
        # As coroutines do: the call would be missed without a word.
        if not self._awaited:
            name = getattr(self._func, "__qualname__", self._func)
            warnings.warn(
                f"durable_execute_async({name}) was never awaited, so {name} was not called", RuntimeWarning, 2
            )

    def close(self) -> None:
        """Give the call up; it cannot be awaited any more."""
        self._awaited = True

    def __await__(self) -> Any:
        if self._awaited:
            msg = "The result of durable_execute_async can be awaited once only; keep what 'await' returned."
            raise RuntimeError(msg)
        self._awaited = True
        if self._executor is None:
            return self._make()
        # asyncio is there in every process that awaits, but not in every one that imports the API.
        import asyncio

        future = self._executor.submit(self._func, *self._args, **self._kwargs)
        return (yield from asyncio.wrap_future(future).__await__())

    def _make(self) -> Any:
        return self._func(*self._args, **self._kwargs)


class RunnerContext(ABC):
    """What an action can do. Only for use inside the action that got it, from its own thread."""

    @abstractmethod
    def send_event(self, event: Event) -> None:
        """Send an event. It is taken as it is now; actions that it triggers run when this one has finished.

        Raises
        ------
        TypeError, ValueError
            If a value in it cannot be made plain; the message has the path to it.
        """

    @abstractmethod
    def get_resource(
        self,
        name: str,
        type: ResourceType,
        metric_group: MetricGroup = None,  # type: ignore[assignment]
    ) -> Resource:
        """Return a resource of the agent; made when it is first asked for, once per worker.

        Parameters
        ----------
        name, type
            Name and type of the resource.
        metric_group
            Where it reports metrics; this action's group if left out.

        Raises
        ------
        KeyError
            If the agent has none of that name and type.
        """

    @property
    @abstractmethod
    def action_config(self) -> Dict[str, Any]:
        """The configuration of this action, ``None`` if it has none."""

    @abstractmethod
    def get_action_config_value(self, key: str) -> Any:
        """Return a value of the configuration of this action, ``None`` if there is none."""

    @property
    @abstractmethod
    def sensory_memory(self) -> MemoryObject:
        """Memory of this run: it is cleared when everything that one input caused is done."""

    @property
    @abstractmethod
    def short_term_memory(self) -> MemoryObject:
        """Memory of this key: it lasts from input to input."""

    @property
    @abstractmethod
    def long_term_memory(self) -> BaseLongTermMemory:
        """Memory outside of the job, ``None`` if it is not configured."""

    @property
    @abstractmethod
    def agent_metric_group(self) -> MetricGroup | None:
        """Metrics of the agent."""

    @property
    @abstractmethod
    def action_metric_group(self) -> MetricGroup | None:
        """Metrics of this action."""

    @abstractmethod
    def durable_execute(
        self,
        func: Callable[[Any], Any],
        *args: Any,
        reconciler: Callable[[], Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call a function whose result is recorded, so that it is not called again after a recovery.

        It holds up all keys of the worker until it returns. Inside the function the context must not be used: neither
        memory, events, resources and metrics nor further durable calls.

        Parameters
        ----------
        func
            The function; found again by its name after a recovery. Not ``async def``.
        *args, **kwargs
            Its arguments.
        reconciler
            Tells after a recovery whether a call that was under way took place: called without arguments.

        Raises
        ------
        DurableCallTimeoutError
            If option ``call.timeout`` is set and the call takes longer. The function is then called in another thread,
            which goes on until it returns, since Python has no way to interrupt it.
        """

    @abstractmethod
    def durable_execute_async(
        self,
        func: Callable[[Any], Any],
        *args: Any,
        reconciler: Callable[[], Any] | None = None,
        **kwargs: Any,
    ) -> AsyncExecutionResult:
        """Do the same without holding up other keys: ``await`` the result, inside an ``async def`` action.

        Thousands of calls can be under way at a time. A blocking function is called by one of ``num-async-threads`` threads,
        an ``async def`` one is awaited on the loop of the worker without a thread; both see a copy of the context
        variables. The call begins when it is awaited.

        A call is given up when the wait for it is cancelled (``asyncio.timeout``, ``wait_for``, ``cancel``) or its time is
        over. An ``async def`` function is then cancelled. A blocking one cannot be interrupted: it goes on until it
        returns, and what it brings is dropped; the metric ``numOfLateCallResults`` of the agent counts that.

        Raises
        ------
        DurableCallTimeoutError
            Where the result is awaited: if the call takes longer than option ``call.timeout``, by default unlimited.
        TypeError
            If ``func`` cannot be called, or is ``async def`` and the action is not.
        """

    def durable_gather(
        self, *calls: AsyncExecutionResult, cancel_on_failure: bool = True, return_exceptions: bool = False
    ) -> Awaitable[List[Any]]:
        """Make calls side by side: ``await`` the result, a list in the order of the calls.

        An addition to the reference's API. Unlike ``asyncio.gather`` it tells the runtime that no call depends on another.

        Parameters
        ----------
        *calls
            What :meth:`durable_execute_async` returned, each not awaited yet.
        cancel_on_failure
            Whether the first call that fails ends the wait at once, by its exception; the others are given up. If not,
            all calls end, then the exception of the first one in order that failed is raised; from Python 3.11 on
            it has the others as notes (``__notes__``).
        return_exceptions
            Whether exceptions stand in the list instead, where results would; all calls end then.
        """
        # Contexts that tests of agents bring themselves have no way to do it side by side.
        return _one_after_another(calls, cancel_on_failure and not return_exceptions, return_exceptions)

    @property
    @abstractmethod
    def config(self) -> ReadableConfiguration:
        """The configuration of the agent."""

    @abstractmethod
    def close(self) -> None:
        """Release what the context holds; called by the runtime."""


async def _one_after_another(
    calls: tuple[AsyncExecutionResult, ...], cancel_on_failure: bool, return_exceptions: bool
) -> List[Any]:
    results: List[Any] = []
    first: BaseException | None = None
    for call in calls:
        if first is not None and cancel_on_failure:
            call.close()
            continue
        try:
            results.append(await call)
        except Exception as error:
            if return_exceptions:
                results.append(error)
            else:
                first = first or error
    if first is not None:
        raise first
    return results
