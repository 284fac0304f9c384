"""Chat models of Anthropic."""

from __future__ import annotations

from typing import Any, ClassVar, Dict

from pydantic import Field

from flink_agents.integrations.chat_models.native import NativeChatModelConnection, NativeChatModelSetup

DEFAULT_ANTHROPIC_MODEL = "claude-sonnet-4-20250514"
DEFAULT_MAX_TOKENS = 1024
DEFAULT_TEMPERATURE = 0.1
DEFAULT_JSON_PREFILL = False


class AnthropicChatModelConnection(NativeChatModelConnection):
    """A connection. Without ``api_key`` there is the environment's ANTHROPIC_API_KEY; ``timeout`` is in seconds."""

    PROVIDER: ClassVar[str] = "anthropic"

    api_key: str | None = Field(default=None, repr=False)
    max_retries: int = Field(default=3, ge=0)
    timeout: float = Field(default=60.0, ge=0)


class AnthropicChatModelSetup(NativeChatModelSetup):
    """How a model is asked; with ``json_prefill`` its answer begins as a JSON object."""

    PROVIDER: ClassVar[str] = "anthropic"

    model: str = Field(default=DEFAULT_ANTHROPIC_MODEL)
    max_tokens: int = Field(default=DEFAULT_MAX_TOKENS, ge=1)
    temperature: float = Field(default=DEFAULT_TEMPERATURE, ge=0.0, le=1.0)
    json_prefill: bool = Field(default=DEFAULT_JSON_PREFILL)
    additional_kwargs: Dict[str, Any] = Field(default_factory=dict)
