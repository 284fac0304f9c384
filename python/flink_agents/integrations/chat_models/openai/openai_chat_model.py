"""Chat models of OpenAI, and of all servers that speak its chat completions."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Literal

from pydantic import Field

from flink_agents.integrations.chat_models.native import NativeChatModelConnection, NativeChatModelSetup

DEFAULT_OPENAI_MODEL = "gpt-4o-mini"
DEFAULT_TEMPERATURE = 0.1


class OpenAIChatModelConnection(NativeChatModelConnection):
    """A connection. Without ``api_key`` there is the environment's OPENAI_API_KEY; ``timeout`` is in seconds."""

    PROVIDER: ClassVar[str] = "openai"

    api_key: str | None = Field(default=None, repr=False)
    api_base_url: str | None = Field(default=None)
    max_retries: int = Field(default=3, ge=0)
    timeout: float = Field(default=60.0, ge=0, allow_inf_nan=False)
    default_headers: Dict[str, str] | None = Field(default=None, repr=False)


class OpenAIChatModelSetup(NativeChatModelSetup):
    """How a model is asked; ``additional_kwargs`` go into the request as they are."""

    PROVIDER: ClassVar[str] = "openai"

    model: str = Field(default=DEFAULT_OPENAI_MODEL)
    # Models that think first refuse any; so it is sent only where they do not, unless it was set.
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    max_tokens: int | None = Field(default=None, gt=0)
    logprobs: bool | None = Field(default=None)
    top_logprobs: int = Field(default=0, ge=0, le=20)
    additional_kwargs: Dict[str, Any] = Field(default_factory=dict)
    strict: bool = Field(default=False)
    reasoning_effort: Literal["low", "medium", "high"] | None = Field(default=None)
