"""References to values in memory, small enough to be put into events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from flink_agents.api.memory_object import MemoryType

if TYPE_CHECKING:
    from flink_agents.api.runner_context import RunnerContext


class MemoryRef(BaseModel):
    """Where a value is kept.

    Attributes
    ----------
    memory_type
        Which memory.
    path
        The absolute path in it, parts separated by dots.
    """

    memory_type: MemoryType = MemoryType.SHORT_TERM
    path: str

    model_config = ConfigDict(frozen=True, defer_build=True)

    @staticmethod
    def create(memory_type: MemoryType, path: str) -> MemoryRef:
        """Make a reference."""
        return MemoryRef(memory_type=memory_type, path=path)

    def resolve(self, ctx: RunnerContext) -> Any:
        """Return the value this refers to, of the key that ``ctx`` is for; ``None`` if there is none."""
        if self.memory_type == MemoryType.SENSORY:
            return ctx.sensory_memory.get(self)
        return ctx.short_term_memory.get(self)
