"""Events about runs."""

from __future__ import annotations

from typing import Any, ClassVar, Dict

from flink_agents.api.events.event import Event


class AgentRunBeginEvent(Event):
    """Tells that an input begins to be worked on; sent if ``agent-run.begin-event`` is set.

    Parameters
    ----------
    key
        The key of the run, as text.
    value
        Short-term memory as it is then: path to value.
    """

    EVENT_TYPE: ClassVar[str] = "_agent_run_begin_event"

    def __init__(self, *, key: str, value: Dict[str, Any]) -> None:
        super().__init__(type=self.EVENT_TYPE, attributes={"key": key, "value": value})

    @classmethod
    def from_event(cls, event: Event) -> AgentRunBeginEvent:
        """Return an event as an AgentRunBeginEvent; ``ValueError`` if it lacks an attribute."""
        cls._require(event, "key", "value")
        return cls._view(event)

    @property
    def key(self) -> str:
        """The key of the run, as text."""
        return self.attributes["key"]

    @property
    def value(self) -> Dict[str, Any]:
        """Short-term memory at the beginning: path to value."""
        return self.attributes["value"]
