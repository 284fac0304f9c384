"""Embedding models: texts to vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Callable, Dict, Generic, Sequence, Tuple, TypeVar, cast

from pydantic import Field
from typing_extensions import override

from flink_agents.api.resource import Resource, ResourceType
from flink_agents.api.resource_awaited import awaited_form

EmbeddingValue = TypeVar('EmbeddingValue', list[float], list[list[float]])


@dataclass(frozen=True)
class EmbeddingTokenUsage:
    """Tokens that were paid for."""

    prompt_tokens: int = 0
    total_tokens: int = 0


@dataclass(frozen=True)
class EmbeddingResult(Generic[EmbeddingValue]):
    """Vectors: one for a text, a list of them for a list of texts; and what they cost, if the provider said."""

    embeddings: EmbeddingValue
    token_usage: EmbeddingTokenUsage | None = None


class BaseEmbeddingModelConnection(Resource, ABC):
    """A connection to the server of embedding models. ``embed`` may be ``async def``, as ``chat`` of chat models."""

    @classmethod
    @override
    def resource_type(cls) -> ResourceType:
        return ResourceType.EMBEDDING_MODEL_CONNECTION

    @abstractmethod
    def embed(self, text: str | Sequence[str], **kwargs: Any) -> list[float] | list[list[float]]:
        """Return the vector of a text, or those of several; ``kwargs`` are those of the setup's ``model_kwargs``."""

    def embed_with_usage(
        self, text: str | Sequence[str], **kwargs: Any
    ) -> EmbeddingResult[list[float] | list[list[float]]]:
        """Return the same, with what it cost if the provider says so."""
        return EmbeddingResult(self.embed(text, **kwargs))


class BaseEmbeddingModelSetup(Resource, ABC):
    """How an embedding model is asked.

    Attributes
    ----------
    connection
        A connection, or the name of one.
    model
        The name of the model.
    """

    model_config = {"protected_namespaces": ()}

    connection: str | BaseEmbeddingModelConnection = Field()
    model: str = Field()

    @classmethod
    @override
    def resource_type(cls) -> ResourceType:
        return ResourceType.EMBEDDING_MODEL

    @property
    @abstractmethod
    def model_kwargs(self) -> Dict[str, Any]:
        """The parameters of each call: ``model`` and whatever else the connection takes."""

    @override
    def open(self) -> None:
        """Look up the connection."""
        self._look_up()

    def _look_up(self) -> None:
        if isinstance(self.connection, str):
            if self.resource_context is None:
                msg = (
                    f"The embedding setup {type(self).__name__} has no resource_context to find '{self.connection}' with: "
                    "give it the connection itself."
                )
                raise ValueError(msg)
            found = self.resource_context.get_resource(self.connection, ResourceType.EMBEDDING_MODEL_CONNECTION)
            self.connection = cast(BaseEmbeddingModelConnection, found)

    def embed(self, text: str | Sequence[str], **kwargs: Any) -> list[float] | list[list[float]]:
        """Return the vector of a text, or those of several; ``kwargs`` win over ``model_kwargs``."""
        connection, parameters = self._question(kwargs)
        return connection.embed(text, **parameters)

    @property
    def embed_async(self) -> Callable[..., Any] | None:
        """``embed`` as a function to be awaited, if the connection can wait without a thread; else ``None``."""
        connection, own = self._question({})
        embed = awaited_form(connection, "embed")
        return None if embed is None else lambda text, **kwargs: embed(text, **{**own, **kwargs})

    def embed_with_usage(
        self, text: str | Sequence[str], **kwargs: Any
    ) -> EmbeddingResult[list[float] | list[list[float]]]:
        """Return the same as ``embed``, with what it cost if the provider says so."""
        connection, parameters = self._question(kwargs)
        return connection.embed_with_usage(text, **parameters)

    def _question(self, kwargs: Dict[str, Any]) -> Tuple[BaseEmbeddingModelConnection, Dict[str, Any]]:
        # Outside of actions nobody has opened it.
        self._look_up()
        return cast(BaseEmbeddingModelConnection, self.connection), {**self.model_kwargs, **kwargs}
