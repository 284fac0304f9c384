"""What one execution of an action has set in memory and got from it, as far as that becomes events (``memory.generate-event.*``)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from flink_agents.api.events.memory_event import (
    MemoryEvent,
    SensoryReadEvent,
    SensoryWriteEvent,
    ShortTermReadEvent,
    ShortTermWriteEvent,
)

if TYPE_CHECKING:
    from flink_agents.runtime.context import ActionContext

# By the bits of the core, which is also the order in which they are sent.
_EVENTS = (SensoryWriteEvent, ShortTermWriteEvent, SensoryReadEvent, ShortTermReadEvent)
_WRITE, _READ = 0, 2


class MemoryUses:
    """Values by their paths, for each kind of use; the last value of a path counts."""

    __slots__ = ("_kinds", "_used")

    def __init__(self, kinds: int) -> None:
        self._kinds = kinds
        self._used: list[dict[str, Any] | None] = [None] * len(_EVENTS)

    def wrote(self, memory: int, path: str, value: Any) -> None:
        """Note a value that was set; ``memory`` as the link has it, sensory memory first."""
        self._note(_WRITE + memory, path, value)

    def read(self, memory: int, path: str, value: Any) -> None:
        """Note a value that was got."""
        self._note(_READ + memory, path, value)

    def _note(self, kind: int, path: str, value: Any) -> None:
        if not self._kinds & 1 << kind:
            return
        used = self._used[kind]
        if used is None:
            used = self._used[kind] = {}
        # As it is now: what the action goes on to do with it is not in memory.
        used[path] = copy.deepcopy(value) if value.__class__ in (dict, list) else value

    def send(self, context: ActionContext) -> None:
        """Send them, as what the action sends last."""
        # Without the letter of its type, as dead letters have it.
        key = context.key.partition(":")[2]
        for event, used in zip(_EVENTS, self._used, strict=True):
            if used is not None:
                context.send_event(event(key=key, value={path: value for path, value in used.items() if _is_json(value)}))


def uses_of(kinds: int, event_type: str) -> MemoryUses | None:
    """Return where to note them for an action with such a trigger; None if it sends none. Those that a memory event has started do not."""
    return MemoryUses(kinds) if kinds and not MemoryEvent.is_memory_type(event_type) else None


def _is_json(value: Any) -> bool:
    """Whether a value of memory is one of JSON's: the others that memory takes are bytes."""
    if isinstance(value, dict):
        return all(_is_json(one) for one in value.values())
    if isinstance(value, list):
        return all(_is_json(one) for one in value)
    return not isinstance(value, bytes)
