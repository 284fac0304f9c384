"""Embedding models of OpenAI, and of all servers that speak its protocol."""

from __future__ import annotations

from typing import Any, ClassVar, Dict

from pydantic import Field

from flink_agents.integrations.embedding_models.native import (
    NativeEmbeddingModelConnection,
    NativeEmbeddingModelSetup,
)

DEFAULT_REQUEST_TIMEOUT = 30.0
DEFAULT_BASE_URL = "https://api.openai.com/v1"
DEFAULT_MAX_RETRIES = 3


class OpenAIEmbeddingModelConnection(NativeEmbeddingModelConnection):
    """A connection. Without ``api_key`` there is the environment's OPENAI_API_KEY; ``request_timeout`` is in seconds."""

    PROVIDER: ClassVar[str] = "openai"

    api_key: str | None = Field(default=None, repr=False)
    base_url: str = Field(default=DEFAULT_BASE_URL)
    request_timeout: float = Field(default=DEFAULT_REQUEST_TIMEOUT)
    max_retries: int = Field(default=DEFAULT_MAX_RETRIES)
    organization: str | None = Field(default=None)
    project: str | None = Field(default=None)


class OpenAIEmbeddingModelSetup(NativeEmbeddingModelSetup):
    """How a model is asked."""

    PROVIDER: ClassVar[str] = "openai"

    encoding_format: str = Field(default="float")
    dimensions: int | None = Field(default=None)
    user: str | None = Field(default=None)
    additional_kwargs: Dict[str, Any] = Field(default_factory=dict)
