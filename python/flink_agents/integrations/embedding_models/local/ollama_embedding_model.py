"""Embedding models of Ollama."""

from __future__ import annotations

from typing import Any, ClassVar, Dict

from pydantic import Field

from flink_agents.integrations.embedding_models.native import (
    NativeEmbeddingModelConnection,
    NativeEmbeddingModelSetup,
)

DEFAULT_REQUEST_TIMEOUT = 30.0


class OllamaEmbeddingModelConnection(NativeEmbeddingModelConnection):
    """A connection to Ollama. ``request_timeout`` is in seconds."""

    PROVIDER: ClassVar[str] = "ollama"

    base_url: str = Field(default="http://localhost:11434")
    request_timeout: float = Field(default=DEFAULT_REQUEST_TIMEOUT)


class OllamaEmbeddingModelSetup(NativeEmbeddingModelSetup):
    """How a model of Ollama is asked; ``additional_kwargs`` are more of its options."""

    PROVIDER: ClassVar[str] = "ollama"

    truncate: bool = Field(default=True)
    keep_alive: float | str | None = Field(default="5m")
    additional_kwargs: Dict[str, Any] = Field(default_factory=dict)
