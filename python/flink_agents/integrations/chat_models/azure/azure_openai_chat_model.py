"""Chat models of OpenAI on Azure."""

from __future__ import annotations

from typing import Any, ClassVar, Dict

from pydantic import Field
from typing_extensions import override

from flink_agents.integrations.chat_models.native import NativeChatModelConnection, NativeChatModelSetup


class AzureOpenAIChatModelConnection(NativeChatModelConnection):
    """A connection. Without ``api_key`` there is the environment's AZURE_OPENAI_API_KEY; ``timeout`` is in seconds."""

    PROVIDER: ClassVar[str] = "azure-openai"

    api_key: str | None = Field(default=None, repr=False)
    api_version: str | None = Field(default=None)
    azure_endpoint: str | None = Field(default=None)
    timeout: float = Field(default=60.0, ge=0, allow_inf_nan=False)
    max_retries: int = Field(default=3, ge=0)


class AzureOpenAIChatModelSetup(NativeChatModelSetup):
    """How a deployment is asked: ``model`` is its name, ``model_of_azure_deployment`` what is deployed there."""

    PROVIDER: ClassVar[str] = "azure-openai"

    model_of_azure_deployment: str | None = Field(default=None)
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    max_tokens: int | None = Field(default=None, gt=0)
    logprobs: bool | None = Field(default=False)
    additional_kwargs: Dict[str, Any] = Field(default_factory=dict)
