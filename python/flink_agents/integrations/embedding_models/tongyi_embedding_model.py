"""Embedding models of Tongyi, by the address where DashScope speaks OpenAI's protocol."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Dict

from pydantic import Field

from flink_agents.integrations.chat_models.tongyi_chat_model import DEFAULT_BASE_URL
from flink_agents.integrations.embedding_models.native import (
    NativeEmbeddingModelConnection,
    NativeEmbeddingModelSetup,
)

DEFAULT_REQUEST_TIMEOUT = 30.0
DEFAULT_MODEL = "text-embedding-v4"


class TongyiEmbeddingModelConnection(NativeEmbeddingModelConnection):
    """A connection. Without ``api_key`` there is the environment's DASHSCOPE_API_KEY."""

    PROVIDER: ClassVar[str] = "openai"

    api_key: str | None = Field(default_factory=lambda: os.environ.get("DASHSCOPE_API_KEY"), repr=False)
    base_url: str = Field(default=DEFAULT_BASE_URL)
    request_timeout: float = Field(default=DEFAULT_REQUEST_TIMEOUT)


class TongyiEmbeddingModelSetup(NativeEmbeddingModelSetup):
    """How a model is asked."""

    PROVIDER: ClassVar[str] = "openai"

    model: str = Field(default=DEFAULT_MODEL)
    dimensions: int | None = Field(default=None, alias="dimension")
    additional_kwargs: Dict[str, Any] = Field(default_factory=dict)
