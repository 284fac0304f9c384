"""Vector stores that are written in Java."""

from __future__ import annotations

from typing import Any, Dict, List, NoReturn

from pydantic import TypeAdapter
from typing_extensions import override

from flink_agents.api.decorators import java_resource
from flink_agents.api.java_resource import ask_java, java_class
from flink_agents.api.vector_stores.vector_store import (
    BaseVectorStore,
    CollectionManageableVectorStore,
    Document,
    VectorStoreQuery,
    VectorStoreQueryResult,
)

_DOCUMENTS = TypeAdapter(List[Document])


@java_resource
class JavaVectorStore(BaseVectorStore):
    """Stands for a store that is written in Java, whose class is the argument ``java_clazz``.

    Its embedding model is looked up in Java.
    """

    java_class_name: str = ''

    @property
    @override
    def store_kwargs(self) -> Dict[str, Any]:
        """None: those of the Java class are."""
        return {}

    @override
    def open(self) -> None:
        """Look up nothing."""

    @override
    def add(
        self, documents: Document | List[Document], collection_name: str | None = None, **kwargs: Any
    ) -> List[str]:
        """Add documents; returns their ids."""
        return self._ask("add", documents=_plain(documents), collection=collection_name, parameters=kwargs)

    @override
    def update(
        self, documents: Document | List[Document], collection_name: str | None = None, **kwargs: Any
    ) -> None:
        self._ask("update", documents=_plain(documents), collection=collection_name, parameters=kwargs)

    @override
    def query(self, query: VectorStoreQuery) -> VectorStoreQueryResult:
        found = self._ask(
            "query",
            query_text=query.query_text,
            limit=query.limit,
            collection=query.collection_name,
            mode=query.mode.value,
            filters=query.filters,
            parameters=query.extra_args,
        )
        return VectorStoreQueryResult(documents=_DOCUMENTS.validate_python(found))

    @override
    def get(
        self,
        ids: str | List[str] | None = None,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        limit: int | None = 100,
        **kwargs: Any,
    ) -> List[Document]:
        found = self._ask(
            "get", ids=_list(ids), collection=collection_name, filters=filters, limit=limit, parameters=kwargs
        )
        return _DOCUMENTS.validate_python(found)

    @override
    def delete(
        self,
        ids: str | List[str] | None = None,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._ask("delete", ids=_list(ids), collection=collection_name, filters=filters, parameters=kwargs)

    @override
    def _query_embedding(
        self,
        embedding: List[float],
        limit: int = 10,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> List[Document]:
        self._refuse_vectors()

    @override
    def _add_embedding(
        self, *, documents: List[Document], collection_name: str | None = None, **kwargs: Any
    ) -> List[str]:
        self._refuse_vectors()

    @override
    def _update_embedding(
        self, *, documents: List[Document], collection_name: str | None = None, **kwargs: Any
    ) -> None:
        self._refuse_vectors()

    def _refuse_vectors(self) -> NoReturn:
        msg = f"The vector store {self._resource_name} is written in Java, which makes its vectors: call add, update and query."
        raise NotImplementedError(msg)

    def _ask(self, method: str, **arguments: Any) -> Any:
        return ask_java(self, java_class(self.java_class_name), method, **arguments)


@java_resource
class JavaCollectionManageableVectorStore(JavaVectorStore, CollectionManageableVectorStore):
    """The same of a store whose collections can be made and deleted."""

    @override
    def create_collection_if_not_exists(self, name: str, **kwargs: Any) -> None:
        self._ask("create_collection_if_not_exists", name=name, parameters=kwargs)

    @override
    def delete_collection(self, name: str) -> None:
        self._ask("delete_collection", name=name)


def _plain(documents: Document | List[Document]) -> List[Dict[str, Any]]:
    given = [documents] if isinstance(documents, Document) else documents
    return [document.model_dump(exclude={"score"}) for document in given]


def _list(ids: str | List[str] | None) -> List[str] | None:
    return [ids] if isinstance(ids, str) else ids
