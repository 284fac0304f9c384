"""Embedding models whose client is native."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Dict, List, Sequence, Tuple

from pydantic import PrivateAttr
from typing_extensions import override

from flink_agents import _core
from flink_agents.api.embedding_models.embedding_model import (
    BaseEmbeddingModelConnection,
    BaseEmbeddingModelSetup,
    EmbeddingResult,
    EmbeddingTokenUsage,
)
from flink_agents.integrations.arguments import NATIVE, arguments_of, name_of, parallelism_of


class NativeEmbeddingModelConnection(BaseEmbeddingModelConnection):
    """A connection that is held by the native client. What many ask for one by one is sent together."""

    model_config = NATIVE

    PROVIDER: ClassVar[str]

    _client: _core.EmbeddingClient | None = PrivateAttr(default=None)

    @property
    def client(self) -> _core.EmbeddingClient:
        """The native client."""
        if self._client is None:
            self._client = _core.EmbeddingClient(
                self.PROVIDER, name_of(self), arguments_of(self), parallelism_of(self)
            )
        return self._client

    @override
    def open(self) -> None:
        """Check the arguments. Nothing is sent yet."""
        _ = self.client

    @override
    def embed(self, text: str | Sequence[str], **kwargs: Any) -> list[float] | list[list[float]]:
        return self.embed_with_usage(text, **kwargs).embeddings

    async def embed_async(self, text: str | Sequence[str], **kwargs: Any) -> list[float] | list[list[float]]:
        """Do the same, to be awaited; no thread waits."""
        answer = await self.client.embed_async(*_question(text, kwargs))
        return _result(text, answer).embeddings

    @override
    def embed_with_usage(
        self, text: str | Sequence[str], **kwargs: Any
    ) -> EmbeddingResult[list[float] | list[list[float]]]:
        return _result(text, self.client.embed(*_question(text, kwargs)))

    @override
    def close(self) -> None:
        self._client = None


class NativeEmbeddingModelSetup(BaseEmbeddingModelSetup):
    """How a model of such a connection is asked."""

    model_config = NATIVE

    PROVIDER: ClassVar[str]

    _parameters: Dict[str, Any] | None = PrivateAttr(default=None)

    @property
    @override
    def model_kwargs(self) -> Dict[str, Any]:
        if self._parameters is None:
            arguments = arguments_of(self, "connection")
            self._parameters = json.loads(_core.embedding_parameters(self.PROVIDER, arguments))
        return dict(self._parameters)

    @override
    def open(self) -> None:
        """Check the arguments, and look up the connection."""
        _ = self.model_kwargs
        super().open()


def _question(text: str | Sequence[str], parameters: Dict[str, Any]) -> Tuple[List[str], str]:
    return [text] if isinstance(text, str) else list(text), json.dumps(parameters)


def _result(text: str | Sequence[str], answer: Tuple[List[List[float]], int | None]) -> EmbeddingResult[Any]:
    vectors, tokens = answer
    usage = None if tokens is None else EmbeddingTokenUsage(tokens, tokens)
    return EmbeddingResult(vectors[0] if isinstance(text, str) else vectors, usage)
