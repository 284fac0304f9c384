"""What vector stores with native clients have in common."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Dict, List

from pydantic import Field, PrivateAttr, TypeAdapter
from typing_extensions import override

from flink_agents import _core
from flink_agents.api.vector_stores.vector_store import CollectionManageableVectorStore, Document
from flink_agents.integrations.arguments import NATIVE, arguments_of, name_of

_DOCUMENTS = TypeAdapter(List[Document])


class NativeVectorStore(CollectionManageableVectorStore):
    """A store whose fields are the arguments of a native client.

    Attributes
    ----------
    auto_create_collection
        Whether collections are made that are not there: the store's own when it is first asked for anything, others when
        documents are added.
    collection_metadata
        What is known of the store's own collection then.
    """

    model_config = NATIVE

    KIND: ClassVar[str]

    auto_create_collection: bool = Field(default=True)
    collection_metadata: Dict[str, Any] = Field(default_factory=dict)

    _client: _core.VectorStore | None = PrivateAttr(default=None)

    @property
    def client(self) -> _core.VectorStore:
        """The native client."""
        if self._client is None:
            self._client = _core.VectorStore(self.KIND, name_of(self), arguments_of(self, "embedding_model"))
        return self._client

    @override
    def open(self) -> None:
        """Check the arguments, and look up the embedding model."""
        _ = self.client
        super().open()

    @property
    @override
    def store_kwargs(self) -> Dict[str, Any]:
        return {}

    @override
    def create_collection_if_not_exists(self, name: str, **kwargs: Any) -> None:
        """Make a collection; one that is there stays as it is. ``metadata`` is what is known of it."""
        self._ask("create_collection", name, metadata=kwargs.get("metadata") or {})

    @override
    def delete_collection(self, name: str) -> None:
        self._ask("delete_collection", name)

    @override
    def get(
        self,
        ids: str | List[str] | None = None,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        limit: int | None = 100,
        **kwargs: Any,
    ) -> List[Document]:
        found = self._ask("get", collection_name, ids=_list(ids), filters=filters or {}, limit=limit)
        return _DOCUMENTS.validate_json(found)

    @override
    def delete(
        self,
        ids: str | List[str] | None = None,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._ask("delete", collection_name, ids=_list(ids), filters=filters or {})

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
        found = self._ask("query", collection_name, embedding=embedding, limit=limit, filters=filters or {})
        return _DOCUMENTS.validate_json(found)

    async def _query_embedding_async(
        self,
        embedding: List[float],
        limit: int = 10,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> List[Document]:
        call = _call("query", collection_name, embedding=embedding, limit=limit, filters=filters or {})
        return _DOCUMENTS.validate_json(await self.client.ask_async(call))

    @override
    def _add_embedding(
        self, *, documents: List[Document], collection_name: str | None = None, **kwargs: Any
    ) -> List[str]:
        return json.loads(self._ask("add", collection_name, documents=_plain(documents)))

    @override
    def _update_embedding(
        self, *, documents: List[Document], collection_name: str | None = None, **kwargs: Any
    ) -> None:
        self._ask("update", collection_name, documents=_plain(documents))

    def _ask(self, what: str, collection: str | None, **more: Any) -> str:
        return self.client.ask(_call(what, collection, **more))


def _call(what: str, collection: str | None, **more: Any) -> str:
    return json.dumps({"do": what, "collection": collection, **more})


def _list(ids: str | List[str] | None) -> List[str] | None:
    return [ids] if isinstance(ids, str) else ids


def _plain(documents: List[Document]) -> List[Dict[str, Any]]:
    return [document.model_dump(mode="json", exclude={"score"}) for document in documents]
