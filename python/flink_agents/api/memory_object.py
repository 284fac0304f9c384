"""Memory of the key that an action works for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Any, Dict, List, Union

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from flink_agents.api.memory_reference import MemoryRef


def validate_memory_value(path: str, value: Any) -> None:
    """Check that a value can be kept in memory.

    Those are ``None``, ``bool``, ``int``, ``float``, ``str``, ``bytes``, and lists and dicts with text keys of
    these. Anything else (pydantic models, tuples, sets, datetimes …) would come back as something else.

    Raises
    ------
    TypeError
        If it cannot; the message names the path to the offending part.
    """
    from flink_agents import _core

    _core.check_memory_value(path, value)


class MemoryType(Enum):
    """The memories of a key."""

    # A tuple in the reference too; it is part of the JSON of references, so it stays.
    SENSORY = ("sensory",)
    SHORT_TERM = "short_term"

    @classmethod
    def _missing_(cls, value: object) -> Any:
        # JSON has no tuples: a reference that has been in an event names its memory by a list.
        if value in (["sensory"], "sensory"):
            return cls.SENSORY
        return None


class MemoryObject(BaseModel, ABC):
    """A tree of values. Paths are relative to this object, parts separated by dots.

    What an action writes is seen by itself at once, by others when it has finished. Only for use inside the
    action that got it, from its own thread.
    """

    model_config = ConfigDict(defer_build=True)

    @abstractmethod
    def get(self, path_or_ref: Union[str, MemoryRef]) -> Any:
        """Return a value, a MemoryObject for what has children, ``None`` if there is nothing.

        A value is the caller's own copy; to change memory, set it again.
        """

    @abstractmethod
    def set(self, path: str, value: Any) -> MemoryRef:
        """Set a value; objects on the way are made.

        Raises
        ------
        TypeError
            If the value is none of those that ``validate_memory_value`` allows.
        ValueError
            If the path leads through a value, or there is an object at it.
        """

    @abstractmethod
    def new_object(self, path: str) -> MemoryObject:
        """Make an object, or return the one that is there with its children.

        Raises
        ------
        ValueError
            If there is a value at the path or on the way to it.
        """

    @abstractmethod
    def is_exist(self, path: str) -> bool:
        """Tell whether there is a value or an object."""

    @abstractmethod
    def get_field_names(self) -> List[str]:
        """Return the names directly below this object, sorted."""

    @abstractmethod
    def get_fields(self) -> Dict[str, Any]:
        """Return names and values directly below this object, sorted; objects are shown as ``"NestedObject"``."""
