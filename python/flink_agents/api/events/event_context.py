"""What event listeners and event loggers get to know beside the event itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EventContext:
    """When an event was processed.

    Attributes
    ----------
    event_type
        The type of the event.
    timestamp
        When it was processed: an ISO-8601 instant in UTC.
    """

    event_type: str
    timestamp: str
