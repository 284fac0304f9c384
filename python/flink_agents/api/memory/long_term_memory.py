"""Memory outside of the job, searched by likeness."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, Dict, List

from pydantic import BaseModel, Field

from flink_agents.api.configuration import ConfigOption


class LongTermMemoryOptions:
    """Options of long-term memory."""

    class Mem0:
        """Names of the resources it uses; it exists only when all three are set."""

        CHAT_MODEL_SETUP = ConfigOption(
            key="long-term-memory.mem0.chat-model-setup", config_type=str, default=None
        )
        EMBEDDING_MODEL_SETUP = ConfigOption(
            key="long-term-memory.mem0.embedding-model-setup", config_type=str, default=None
        )
        VECTOR_STORE = ConfigOption(key="long-term-memory.mem0.vector-store", config_type=str, default=None)


class MemorySetItem(BaseModel):
    """One item of a memory set."""

    memory_set_name: str
    id: str
    value: str
    created_at: datetime | None = None
    updated_at: datetime | None = None
    additional_metadata: Dict[str, Any] | None = None


class MemorySet(BaseModel):
    """A named set of items, of one key.

    Attributes
    ----------
    name
        Its name.
    ltm
        The long-term memory that has it; set by that.
    """

    name: str
    ltm: "BaseLongTermMemory" = Field(default=None, exclude=True)  # type: ignore[assignment]

    def add(
        self,
        items: str | List[str],
        metadatas: Dict[str, Any] | List[Dict[str, Any]] | None = None,
    ) -> List[str]:
        """Add items, and return their ids."""
        return self.ltm.add(memory_set=self, memory_items=items, metadatas=metadatas)

    def get(
        self,
        ids: str | List[str] | None = None,
        filters: Dict[str, Any] | None = None,
        limit: int = 100,
    ) -> List[MemorySetItem]:
        """Return items by their ids, or all that pass the filters, ``limit`` at most."""
        return self.ltm.get(memory_set=self, ids=ids, filters=filters, limit=limit)

    def search(
        self,
        query: str,
        limit: int,
        filters: Dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> List[MemorySetItem]:
        """Return the items that are most like a text."""
        return self.ltm.search(memory_set=self, query=query, limit=limit, filters=filters, **kwargs)

    def delete(self, ids: str | List[str] | None = None) -> None:
        """Delete items; all of them if no ids are given."""
        self.ltm.delete(memory_set=self, ids=ids)


class BaseLongTermMemory(ABC, BaseModel):
    """Long-term memory of the key that an action works for."""

    @abstractmethod
    def get_memory_set(self, name: str) -> MemorySet:
        """Return a memory set; it need not exist."""

    @abstractmethod
    def delete_memory_set(self, name: str) -> bool:
        """Delete a memory set, and tell whether there was one."""

    @abstractmethod
    def add(
        self,
        memory_set: MemorySet,
        memory_items: str | List[str],
        metadatas: Dict[str, Any] | List[Dict[str, Any]] | None = None,
    ) -> List[str]:
        """Add items, and return their ids."""

    @abstractmethod
    def get(
        self,
        memory_set: MemorySet,
        ids: str | List[str] | None = None,
        filters: Dict[str, Any] | None = None,
        limit: int = 100,
    ) -> List[MemorySetItem]:
        """Return items by their ids, or all that pass the filters, ``limit`` at most."""

    @abstractmethod
    def delete(self, memory_set: MemorySet, ids: str | List[str] | None = None) -> None:
        """Delete items; all of them if no ids are given."""

    @abstractmethod
    def search(
        self,
        memory_set: MemorySet,
        query: str,
        limit: int,
        filters: Dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> List[MemorySetItem]:
        """Return the items that are most like a text."""

    @abstractmethod
    def close(self) -> None:
        """Release what it holds; called by the runtime."""


MemorySet.model_rebuild()
