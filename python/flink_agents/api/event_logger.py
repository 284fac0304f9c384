"""Event loggers of users' own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flink_agents.api.configuration import ReadableConfiguration
    from flink_agents.api.events.event import Event
    from flink_agents.api.events.event_context import EventContext
    from flink_agents.api.trace.execution_trace_context import ExecutionTraceContext


@dataclass(frozen=True)
class EventLoggerOpenParams:
    """What an event logger gets to know when it is opened.

    Attributes
    ----------
    agent
        Name of the agent.
    job, task, subtask
        Id of the Flink job, name of the task and number of the subtask. Without Flink the name of the run, or ``local``; the
        agent; 0.
    config
        The configuration of the agent.
    """

    agent: str
    job: str
    task: str
    subtask: int
    config: ReadableConfiguration


class EventLogger(ABC):
    """Writes events somewhere.

    Option ``event-logger`` names a class of this kind as ``module:Class``, which is made without arguments and used in
    place of the event log of the framework. It gets the events whose level is not ``OFF``, uncut. All its methods are called on
    the thread that runs the actions, which waits meanwhile. What :meth:`open` raises fails the run or task; what the others
    raise is logged and counted (``eventLogWriteFailures``), and the job goes on.
    """

    def open(self, params: EventLoggerOpenParams) -> None:  # noqa: B027
        """Get ready; called once, before the first event."""

    @abstractmethod
    def append(self, context: EventContext, event: Event, trace_context: ExecutionTraceContext | None) -> None:
        """Write an event, or with option ``event-log.trace.enabled`` a record of an execution.

        Parameters
        ----------
        trace_context
            Where it belongs in the execution trace; None without that option.
        """

    def flush(self) -> None:  # noqa: B027
        """Make sure that what was written can be read; called when there is nothing else to do."""

    def close(self) -> None:  # noqa: B027
        """End; called once, after the last event."""
