"""Prompts: texts and lists of messages with placeholders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, List, Sequence

from pydantic import field_validator
from typing_extensions import override

from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.prompts.utils import format_string
from flink_agents.api.resource import ResourceType, SerializableResource


class Prompt(SerializableResource, ABC):
    """A text or a list of messages with placeholders ``{name}``.

    Placeholders without a value stay as they are; values are not searched for placeholders again.
    """

    @staticmethod
    def from_messages(messages: Sequence[ChatMessage]) -> Prompt:
        """Make a prompt of messages, at least one."""
        return LocalPrompt(template=messages)

    @staticmethod
    def from_text(text: str) -> Prompt:
        """Make a prompt of a text."""
        return LocalPrompt(template=text)

    @abstractmethod
    def format_string(self, **kwargs: str) -> str:
        """Return this prompt as one text, placeholders filled in; messages become lines ``role: content``."""

    @abstractmethod
    def format_messages(self, role: MessageRole = MessageRole.SYSTEM, **kwargs: str) -> List[ChatMessage]:
        """Return this prompt as messages, placeholders filled in.

        Parameters
        ----------
        role
            The role of a prompt that is only a text.
        **kwargs
            Placeholder to value; a ``None`` counts as empty.
        """

    @classmethod
    @override
    def resource_type(cls) -> ResourceType:
        return ResourceType.PROMPT


class LocalPrompt(Prompt):
    """A prompt that is kept in the plan."""

    template: Sequence[ChatMessage] | str

    @field_validator("template")
    @classmethod
    def _has_messages(cls, value: Any) -> Any:
        if not isinstance(value, str) and not value:
            msg = "a prompt of messages needs at least one message"
            raise ValueError(msg)
        return value

    @override
    def format_string(self, **kwargs: str) -> str:
        if isinstance(self.template, str):
            return format_string(self.template, **kwargs)
        lines = []
        for message in self.template:
            line = f"{message.role.value}: {format_string(message.content, **kwargs)}"
            if message.extra_args:
                line += f" {message.extra_args}"
            lines.append(line)
        return "\n".join(lines)

    @override
    def format_messages(self, role: MessageRole = MessageRole.SYSTEM, **kwargs: str) -> List[ChatMessage]:
        if isinstance(self.template, str):
            return [ChatMessage(role=role, content=format_string(self.template, **kwargs))]
        return [
            message.model_copy(update={"content": format_string(message.content, **kwargs)}, deep=True)
            for message in self.template
        ]
