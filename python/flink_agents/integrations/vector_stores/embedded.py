"""The vector store that needs no server: a file, or memory."""

from __future__ import annotations

import json
from typing import Any, Dict, List

from pydantic import Field, PrivateAttr, TypeAdapter
from typing_extensions import override

from flink_agents import _core
from flink_agents.api.vector_stores.vector_store import CollectionManageableVectorStore, Document

# Where documents are if nobody says where.
_COLLECTION = "documents"
_DOCUMENTS = TypeAdapter(List[Document])


class EmbeddedVectorStore(CollectionManageableVectorStore):
    """A store in a file of this machine, which many processes may use at once, or in memory.

    It compares a query with every vector of a collection: its answers are exact, and take time in proportion to that.

    Attributes
    ----------
    path
        The file, made if it is not there; without one, the store is in memory and ends with its process.
    collection
        Where documents are unless told otherwise.
    auto_create_collection
        Whether collections are made that are not there: this one when the store is opened, others when documents are added.
    collection_metadata
        What is known of this one then.
    """

    path: str | None = Field(default=None)
    collection: str | None = Field(default=_COLLECTION)
    auto_create_collection: bool = Field(default=True)
    collection_metadata: Dict[str, Any] = Field(default_factory=dict)

    _client: _core.VectorStore | None = PrivateAttr(default=None)

    @property
    def client(self) -> _core.VectorStore:
        """The native client."""
        if self._client is None:
            self._client = _core.VectorStore(self.path)
            self._make(self._place(None))
        return self._client

    @override
    def open(self) -> None:
        """Open the file, and look up the embedding model."""
        _ = self.client
        super().open()

    @property
    @override
    def store_kwargs(self) -> Dict[str, Any]:
        return {}

    @override
    def create_collection_if_not_exists(self, name: str, **kwargs: Any) -> None:
        """Make a collection; one that is there stays as it is. ``metadata`` is what is known of it."""
        self.client.create_collection(name, json.dumps(kwargs.get("metadata") or {}))

    @override
    def delete_collection(self, name: str) -> None:
        self.client.delete_collection(name)

    @override
    def get(
        self,
        ids: str | List[str] | None = None,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        limit: int | None = 100,
        **kwargs: Any,
    ) -> List[Document]:
        found = self.client.get(self._place(collection_name), _ids(ids), json.dumps(filters or {}), limit)
        return _DOCUMENTS.validate_json(found)

    @override
    def delete(
        self,
        ids: str | List[str] | None = None,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.client.delete(self._place(collection_name), _ids(ids), json.dumps(filters or {}))

    @override
    def close(self) -> None:
        self._client = None

    @override
    def _query_embedding(
        self,
        embedding: List[float],
        limit: int = 10,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> List[Document]:
        found = self.client.query(self._place(collection_name), embedding, limit, json.dumps(filters or {}))
        return _DOCUMENTS.validate_json(found)

    async def _query_embedding_async(
        self,
        embedding: List[float],
        limit: int = 10,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> List[Document]:
        place = self._place(collection_name)
        found = await self.client.query_async(place, embedding, limit, json.dumps(filters or {}))
        return _DOCUMENTS.validate_json(found)

    @override
    def _add_embedding(
        self, *, documents: List[Document], collection_name: str | None = None, **kwargs: Any
    ) -> List[str]:
        place = self._place(collection_name)
        self._make(place)
        return self.client.add(place, _written(documents))

    @override
    def _update_embedding(
        self, *, documents: List[Document], collection_name: str | None = None, **kwargs: Any
    ) -> None:
        self.client.update(self._place(collection_name), _written(documents))

    def _place(self, collection_name: str | None) -> str:
        return collection_name or self.collection or _COLLECTION

    def _make(self, place: str) -> None:
        if self.auto_create_collection:
            metadata = self.collection_metadata if place == self._place(None) else {}
            self.create_collection_if_not_exists(place, metadata=metadata)


def _ids(ids: str | List[str] | None) -> List[str] | None:
    return [ids] if isinstance(ids, str) else ids


def _written(documents: List[Document]) -> str:
    return json.dumps([document.model_dump(mode="json", exclude={"score"}) for document in documents])
