"""Chat models of vLLM."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from flink_agents.integrations.chat_models.openai.openai_chat_model import (
    OpenAIChatModelConnection,
    OpenAIChatModelSetup,
)

DEFAULT_VLLM_API_BASE_URL = "http://localhost:8000/v1"


class VLLMChatModelConnection(OpenAIChatModelConnection):
    """A connection; no key is needed unless the server wants one."""

    PROVIDER: ClassVar[str] = "vllm"

    api_base_url: str | None = Field(default=DEFAULT_VLLM_API_BASE_URL)


class VLLMChatModelSetup(OpenAIChatModelSetup):
    """How a model is asked; ``model`` has to be given."""

    PROVIDER: ClassVar[str] = "vllm"

    model: str = Field()
