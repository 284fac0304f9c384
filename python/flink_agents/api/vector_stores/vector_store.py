"""Documents and queries of vector stores."""

from __future__ import annotations

from enum import Enum
from typing import Any, Dict, List

from pydantic import BaseModel, Field


class VectorStoreQueryMode(str, Enum):
    """How documents are searched."""

    SEMANTIC = "semantic"


class VectorStoreQuery(BaseModel):
    """A query.

    Attributes
    ----------
    mode
        How documents are searched.
    query_text
        The text that they shall be like.
    limit
        How many at most.
    collection_name
        Where; the collection of the store if left out.
    filters
        Metadata that they must have: name to value.
    extra_args
        Whatever else the store takes.
    """

    mode: VectorStoreQueryMode = Field(default=VectorStoreQueryMode.SEMANTIC)
    query_text: str = Field()
    limit: int = Field(default=10)
    collection_name: str | None = Field(default=None)
    filters: Dict[str, Any] | None = Field(default=None)
    extra_args: Dict[str, Any] = Field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.mode.value} query '{self.query_text}', {self.limit} results at most"


class Document(BaseModel):
    """A document.

    Attributes
    ----------
    content
        The text.
    metadata
        What is known of it: name to value.
    id
        Its id; given by the store if left out.
    embedding
        Its vector; computed by the store if left out.
    score
        How like the query it is; only in results.
    """

    content: str = Field()
    metadata: Dict[str, Any] = Field(default_factory=dict)
    id: str | None = Field(default=None)
    embedding: List[float] | None = Field(default=None)
    score: float | None = Field(default=None)

    def __str__(self) -> str:
        return f"Document {self.id}: {self.content}"


class VectorStoreQueryResult(BaseModel):
    """The documents that a query found, the most similar first."""

    documents: List[Document] = Field()

    def __str__(self) -> str:
        return "\n".join(str(document) for document in self.documents)
