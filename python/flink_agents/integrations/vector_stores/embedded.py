"""The vector store that needs no server: a file, or memory."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from flink_agents.integrations.vector_stores.native import NativeVectorStore


class EmbeddedVectorStore(NativeVectorStore):
    """A store in a file of this machine, which many processes may use at once, or in memory.

    It compares a query with every vector of a collection: its answers are exact, and take time in proportion to that.

    Attributes
    ----------
    path
        The file, made if it is not there; without one, the store is in memory and ends with its process.
    collection
        Where documents are unless told otherwise; ``documents`` if left out.
    """

    KIND: ClassVar[str] = "embedded"

    path: str | None = Field(default=None)
