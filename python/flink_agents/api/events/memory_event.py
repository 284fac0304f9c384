"""Events about what an action did with memory; sent when it has finished, if ``memory.generate-event.*`` says so."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List

from flink_agents.api.events.event import Event


class MemoryEvent(Event):
    """What an action did with memory.

    Parameters
    ----------
    key
        The key of the run, as text.
    value
        What was written or read: path to value.
    """

    EVENT_TYPE: ClassVar[str | None] = None

    def __init__(self, *, key: str, value: Dict[str, Any]) -> None:
        self._init(key=key, value=value)

    def _init(self, **attributes: Any) -> None:
        if self.EVENT_TYPE is None:
            msg = "MemoryEvent has no type of its own: make one of its subclasses."
            raise TypeError(msg)
        super().__init__(type=self.EVENT_TYPE, attributes=attributes)

    @classmethod
    def is_memory_type(cls, type: str | None) -> bool:
        """Tell whether an event type is one of these."""
        return type in _CLASSES

    @classmethod
    def from_event(cls, event: Event) -> MemoryEvent:
        """Return an event as the memory event of its type: same id, attributes and lineage.

        Raises
        ------
        ValueError
            If it is no memory event, or not one of this class.
        """
        found = _CLASSES.get(event.type)
        if found is None or not issubclass(found, cls):
            wanted = [name for name, each in _CLASSES.items() if issubclass(each, cls)]
            msg = f"Event {event.id} of type '{event.type}' is no {cls.__name__}; those have the type {wanted}."
            raise ValueError(msg)
        found._require(event, "key", "value")
        return found._view(event)

    @property
    def key(self) -> str:
        """The key of the run, as text."""
        return self.attributes["key"]

    @property
    def value(self) -> Dict[str, Any]:
        """What was written or read: path to value."""
        return self.attributes["value"]


class ShortTermWriteEvent(MemoryEvent):
    """Short-term memory was written."""

    EVENT_TYPE: ClassVar[str] = "_short_term_write_event"


class ShortTermReadEvent(MemoryEvent):
    """Short-term memory was read."""

    EVENT_TYPE: ClassVar[str] = "_short_term_read_event"


class SensoryWriteEvent(MemoryEvent):
    """Sensory memory was written."""

    EVENT_TYPE: ClassVar[str] = "_sensory_write_event"


class SensoryReadEvent(MemoryEvent):
    """Sensory memory was read."""

    EVENT_TYPE: ClassVar[str] = "_sensory_read_event"


class LongTermUpdateEvent(MemoryEvent):
    """Long-term memory was changed.

    Parameters
    ----------
    key, value
        As those of every memory event.
    cleared_sets
        The memory sets that were emptied before.
    """

    EVENT_TYPE: ClassVar[str] = "_long_term_update_event"

    def __init__(self, *, key: str, value: Dict[str, Any], cleared_sets: List[str] | None = None) -> None:
        self._init(key=key, value=value, cleared_sets=cleared_sets or [])

    @property
    def cleared_sets(self) -> List[str]:
        """The memory sets that were emptied before."""
        return self.attributes.get("cleared_sets") or []


class LongTermGetEvent(MemoryEvent):
    """Long-term memory was looked up."""

    EVENT_TYPE: ClassVar[str] = "_long_term_get_event"


class LongTermSearchEvent(MemoryEvent):
    """Long-term memory was searched."""

    EVENT_TYPE: ClassVar[str] = "_long_term_search_event"

    @property
    def results(self) -> Dict[str, Dict[str, List[Dict[str, Any]]]]:
        """What was found: memory set to query to items, each with ``id``, ``value`` and ``score``."""
        return self.value


_CLASSES: Dict[str | None, type[MemoryEvent]] = {
    event_class.EVENT_TYPE: event_class
    for event_class in (
        ShortTermWriteEvent,
        ShortTermReadEvent,
        SensoryWriteEvent,
        SensoryReadEvent,
        LongTermUpdateEvent,
        LongTermGetEvent,
        LongTermSearchEvent,
    )
}
