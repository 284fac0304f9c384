"""Chat models of Ollama."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Literal

from pydantic import Field

from flink_agents.integrations.chat_models.native import NativeChatModelConnection, NativeChatModelSetup

DEFAULT_CONTEXT_WINDOW = 2048
DEFAULT_REQUEST_TIMEOUT = 30.0


class OllamaChatModelConnection(NativeChatModelConnection):
    """A connection to Ollama. ``request_timeout`` is in seconds."""

    PROVIDER: ClassVar[str] = "ollama"

    base_url: str = Field(default="http://localhost:11434")
    request_timeout: float = Field(default=DEFAULT_REQUEST_TIMEOUT)


class OllamaChatModelSetup(NativeChatModelSetup):
    """How a model of Ollama is asked; ``additional_kwargs`` are more of its options."""

    PROVIDER: ClassVar[str] = "ollama"

    temperature: float = Field(default=0.75, ge=0.0, le=1.0)
    num_ctx: int = Field(default=DEFAULT_CONTEXT_WINDOW, gt=0)
    additional_kwargs: Dict[str, Any] = Field(default_factory=dict)
    keep_alive: float | str | None = Field(default="5m")
    extract_reasoning: bool = Field(default=True)
    think: bool | Literal["low", "medium", "high"] = Field(default=True)
