"""Listeners of processed events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flink_agents.api.events.event import Event
    from flink_agents.api.events.event_context import EventContext


class EventListener(ABC):
    """Is told of every event that an agent processes, before the actions that it triggers run.

    Option ``event-listeners`` names classes of this kind as ``module:Class``; each is made without arguments, once for each
    run, on Flink once for each worker. It is called on the thread that runs the actions, which waits meanwhile: one that
    has something long to do hands it to a thread of its own. What it raises is logged and counted
    (``eventListenerFailures``), and the job goes on.
    """

    @abstractmethod
    def on_event_processed(self, context: EventContext, event: Event) -> None:
        """Take note of an event. It is a copy: what is changed in it, actions do not see."""
