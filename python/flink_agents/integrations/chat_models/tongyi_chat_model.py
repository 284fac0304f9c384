"""Chat models of Tongyi, by the address where DashScope speaks OpenAI's chat completions."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Dict

from pydantic import Field
from typing_extensions import override

from flink_agents.integrations.chat_models.native import NativeChatModelConnection, NativeChatModelSetup

DEFAULT_REQUEST_TIMEOUT = 60.0
DEFAULT_MODEL = "qwen-plus"
DEFAULT_BASE_URL = "https://dashscope.aliyuncs.com/compatible-mode/v1"


class TongyiChatModelConnection(NativeChatModelConnection):
    """A connection. Without ``api_key`` there is the environment's DASHSCOPE_API_KEY."""

    PROVIDER: ClassVar[str] = "openai"

    api_key: str | None = Field(default_factory=lambda: os.environ.get("DASHSCOPE_API_KEY"), repr=False)
    api_base_url: str = Field(default=DEFAULT_BASE_URL)
    request_timeout: float = Field(default=DEFAULT_REQUEST_TIMEOUT)

    @property
    @override
    def provider_name(self) -> str | None:
        # It speaks OpenAI's protocol, and is not OpenAI.
        return "dashscope"


class TongyiChatModelSetup(NativeChatModelSetup):
    """How a model is asked."""

    PROVIDER: ClassVar[str] = "openai"

    model: str = Field(default=DEFAULT_MODEL)
    temperature: float = Field(default=0.7, ge=0.0, le=2.0)
    additional_kwargs: Dict[str, Any] = Field(default_factory=dict)
    extract_reasoning: bool = Field(default=False)
