"""Documents and queries of vector stores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import Any, Callable, Dict, List, cast

from pydantic import BaseModel, Field
from typing_extensions import override

from flink_agents.api.embedding_models.embedding_model import BaseEmbeddingModelSetup
from flink_agents.api.resource import Resource, ResourceType
from flink_agents.api.resource_awaited import awaited_form


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


class BaseVectorStore(Resource, ABC):
    """A store of documents that are found by what they are about.

    Attributes
    ----------
    embedding_model
        What makes vectors of texts: an embedding setup, or the name of one.
    collection
        Where documents are unless told otherwise.
    """

    embedding_model: str | BaseEmbeddingModelSetup | None = Field(default=None)
    collection: str | None = Field(default=None)

    @classmethod
    @override
    def resource_type(cls) -> ResourceType:
        return ResourceType.VECTOR_STORE

    @property
    @abstractmethod
    def store_kwargs(self) -> Dict[str, Any]:
        """The parameters of each call."""

    @override
    def open(self) -> None:
        """Look up the embedding model."""
        self._look_up()

    def _look_up(self) -> None:
        if isinstance(self.embedding_model, str) and self.resource_context is not None:
            found = self.resource_context.get_resource(self.embedding_model, ResourceType.EMBEDDING_MODEL)
            self.embedding_model = cast(BaseEmbeddingModelSetup, found)

    def add(
        self, documents: Document | List[Document], collection_name: str | None = None, **kwargs: Any
    ) -> List[str]:
        """Add documents, with vectors for those that have none; returns their ids."""
        embedded = self._embedded(documents)
        return self._add_embedding(documents=embedded, collection_name=collection_name, **self._parameters(kwargs))

    def query(self, query: VectorStoreQuery) -> VectorStoreQueryResult:
        """Return the documents that are most like the text of a query."""
        embedding = cast(Any, self._embedder().embed(query.query_text))
        return VectorStoreQueryResult(documents=self._query_embedding(embedding, **self._question(query)))

    @property
    def query_async(self) -> Callable[..., Any] | None:
        """``query`` as a function to be awaited, if embedding model and store can wait without a thread; else ``None``."""
        if None in (awaited_form(self._embedder(), "embed"), awaited_form(self, "_query_embedding")):
            return None
        return self._query_awaited

    async def _query_awaited(self, query: VectorStoreQuery) -> VectorStoreQueryResult:
        embed = cast(Any, awaited_form(self._embedder(), "embed"))
        search = cast(Any, awaited_form(self, "_query_embedding"))
        found = await search(await embed(query.query_text), **self._question(query))
        return VectorStoreQueryResult(documents=found)

    def update(
        self, documents: Document | List[Document], collection_name: str | None = None, **kwargs: Any
    ) -> None:
        """Replace documents by those of the same ids."""
        embedded = self._embedded(documents)
        self._update_embedding(documents=embedded, collection_name=collection_name, **self._parameters(kwargs))

    @abstractmethod
    def get(
        self,
        ids: str | List[str] | None = None,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        limit: int | None = 100,
        **kwargs: Any,
    ) -> List[Document]:
        """Return documents by their ids, or all; of those the ones whose metadata equal ``filters``, ``limit`` at most."""

    @abstractmethod
    def delete(
        self,
        ids: str | List[str] | None = None,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Delete documents by their ids, or all; of those the ones whose metadata equal ``filters``."""

    @abstractmethod
    def _query_embedding(
        self,
        embedding: List[float],
        limit: int = 10,
        collection_name: str | None = None,
        filters: Dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> List[Document]:
        """Return the documents nearest to a vector, the nearest first."""

    @abstractmethod
    def _add_embedding(
        self, *, documents: List[Document], collection_name: str | None = None, **kwargs: Any
    ) -> List[str]:
        """Add documents that have vectors; returns their ids."""

    @abstractmethod
    def _update_embedding(
        self, *, documents: List[Document], collection_name: str | None = None, **kwargs: Any
    ) -> None:
        """Replace documents that have vectors."""

    def _parameters(self, kwargs: Dict[str, Any]) -> Dict[str, Any]:
        return {**self.store_kwargs, **kwargs}

    def _question(self, query: VectorStoreQuery) -> Dict[str, Any]:
        place = {"limit": query.limit, "collection_name": query.collection_name, "filters": query.filters}
        return {**self._parameters(query.extra_args), **place}

    def _embedder(self) -> BaseEmbeddingModelSetup:
        # Outside of actions nobody has opened it.
        self._look_up()
        if not isinstance(self.embedding_model, BaseEmbeddingModelSetup):
            msg = (
                f"The vector store {type(self).__name__} has no embedding model to make vectors of texts with: its "
                f"embedding_model is {self.embedding_model!r}. Give it the name of an embedding model of the agent."
            )
            raise ValueError(msg)
        return self.embedding_model

    def _embedded(self, documents: Document | List[Document]) -> List[Document]:
        given = [documents] if isinstance(documents, Document) else list(documents)
        bare = [document for document in given if document.embedding is None]
        if bare:
            vectors = iter(cast(Any, self._embedder().embed([document.content for document in bare])))
            given = [d if d.embedding is not None else d.model_copy(update={"embedding": next(vectors)}) for d in given]
        return given


class CollectionManageableVectorStore(BaseVectorStore, ABC):
    """A store whose collections can be made and deleted."""

    @abstractmethod
    def create_collection_if_not_exists(self, name: str, **kwargs: Any) -> None:
        """Make a collection; one that is there stays as it is."""

    @abstractmethod
    def delete_collection(self, name: str) -> None:
        """Delete a collection with all that is in it."""
