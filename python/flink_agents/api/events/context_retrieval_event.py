"""Events between actions and the built-in retrieval action."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, List
from uuid import UUID

from flink_agents.api.events.chat_event import as_uuid
from flink_agents.api.events.event import Event

if TYPE_CHECKING:
    from flink_agents.api.vector_stores.vector_store import Document


class ContextRetrievalRequestEvent(Event):
    """Asks a vector store.

    Parameters
    ----------
    query
        The text that documents shall be like.
    vector_store
        The name of the vector store.
    max_results
        How many documents at most.
    """

    EVENT_TYPE: ClassVar[str] = "_context_retrieval_request_event"

    def __init__(self, query: str, vector_store: str, max_results: int = 3) -> None:
        super().__init__(
            type=self.EVENT_TYPE,
            attributes={"query": query, "vector_store": vector_store, "max_results": max_results},
        )

    @classmethod
    def from_event(cls, event: Event) -> ContextRetrievalRequestEvent:
        """Return an event as a ContextRetrievalRequestEvent; ``ValueError`` if it lacks an attribute."""
        cls._require(event, "query", "vector_store")
        return cls._view(event)

    @property
    def query(self) -> str:
        """The text that documents shall be like."""
        return self.attributes["query"]

    @property
    def vector_store(self) -> str:
        """The name of the vector store."""
        return self.attributes["vector_store"]

    @property
    def max_results(self) -> int:
        """How many documents at most."""
        value = self.attributes.get("max_results")
        return 3 if value is None else value


class ContextRetrievalResponseEvent(Event):
    """The answer of a vector store.

    Parameters
    ----------
    request_id
        The id of the ContextRetrievalRequestEvent.
    query
        Its query.
    documents
        What was found, the most similar first.
    """

    EVENT_TYPE: ClassVar[str] = "_context_retrieval_response_event"

    def __init__(self, request_id: UUID, query: str, documents: List[Document]) -> None:
        super().__init__(
            type=self.EVENT_TYPE,
            attributes={"request_id": request_id, "query": query, "documents": documents},
        )

    @classmethod
    def from_event(cls, event: Event) -> ContextRetrievalResponseEvent:
        """Return an event as a ContextRetrievalResponseEvent; ``ValueError`` if it lacks an attribute."""
        cls._require(event, "request_id", "query", "documents")
        return cls._view(event)

    @property
    def request_id(self) -> UUID:
        """The id of the ContextRetrievalRequestEvent."""
        return as_uuid(self.attributes["request_id"])

    @property
    def query(self) -> str:
        """Its query."""
        return self.attributes["query"]

    @property
    def documents(self) -> List[Document]:
        """What was found, the most similar first."""
        from flink_agents.api.vector_stores.vector_store import Document

        return [
            document if isinstance(document, Document) else Document.model_validate(document)
            for document in self.attributes["documents"]
        ]
