"""Messages of a conversation with a chat model."""

from __future__ import annotations

from enum import Enum
from typing import Any, Dict, List

from pydantic import BaseModel, ConfigDict, Field


class MessageRole(str, Enum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class ChatMessage(BaseModel):
    """One message.

    Attributes
    ----------
    role
        Who says it; the user unless told otherwise.
    content
        The text, which may be empty.
    tool_calls
        Calls that the model asks for: ``{"id", "type": "function", "function": {"name", "arguments"}}``.
    extra_args
        Anything else that belongs to the message, such as token counts or a structured output.
    """

    model_config = ConfigDict(defer_build=True)

    role: MessageRole = MessageRole.USER
    content: str = Field(default_factory=str)
    tool_calls: List[Dict[str, Any]] = Field(default_factory=list)
    extra_args: Dict[str, Any] = Field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.role.value}: {self.content}"


def find_first_system_message(messages: List[ChatMessage]) -> int:
    """Return the index of the first system message, -1 if there is none."""
    for index, message in enumerate(messages):
        if message.role == MessageRole.SYSTEM:
            return index
    return -1
