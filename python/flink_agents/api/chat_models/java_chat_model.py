"""Chat models that are written in Java."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Sequence

from typing_extensions import override

from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection, BaseChatModelSetup, texts_of
from flink_agents.api.decorators import java_resource
from flink_agents.api.java_resource import ask_java, java_class
from flink_agents.api.tools.java_tool import described
from flink_agents.api.tools.tool import Tool, metadata_of

if TYPE_CHECKING:
    from flink_agents.api.agents.types import OutputSchema


@java_resource
class JavaChatModelConnection(BaseChatModelConnection):
    """Stands for a connection that is written in Java, whose class is the argument ``java_clazz``."""

    java_class_name: str = ''

    @override
    def chat(
        self,
        messages: Sequence[ChatMessage],
        tools: List[Tool] | None = None,
        output_schema: OutputSchema | None = None,
        **kwargs: Any,
    ) -> ChatMessage:
        """Ask a model, and wait for its answer; it raises what ``JavaResources.ask`` of ``api.java_resource`` does."""
        _check_schema(output_schema)
        answer = ask_java(
            self,
            java_class(self.java_class_name),
            "chat",
            messages=_plain(messages),
            tools=[described(metadata_of(tool)) for tool in tools or ()],
            parameters=kwargs,
        )
        return ChatMessage.model_validate(answer)


@java_resource
class JavaChatModelSetup(BaseChatModelSetup):
    """Stands for a setup that is written in Java, whose class is the argument ``java_clazz``.

    Its connection, prompt and tools are looked up in Java.
    """

    java_class_name: str = ''
    connection: str = ""
    model: str = ""

    @property
    @override
    def model_kwargs(self) -> Dict[str, Any]:
        """None: those of the Java class are."""
        return {}

    @property
    @override
    def provider_name(self) -> str | None:
        return None

    @override
    def open(self) -> None:
        """Look up nothing."""

    @override
    def chat(
        self,
        messages: Sequence[ChatMessage],
        prompt_args: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> ChatMessage:
        """Ask the model, and wait for its answer; it raises what ``JavaResources.ask`` of ``api.java_resource`` does."""
        _check_schema(kwargs.pop("output_schema", None))
        answer = ask_java(
            self,
            java_class(self.java_class_name),
            "chat",
            messages=_plain(messages),
            prompt_args=None if prompt_args is None else texts_of(prompt_args),
            parameters=kwargs,
        )
        return ChatMessage.model_validate(answer)


def _plain(messages: Sequence[ChatMessage]) -> List[Dict[str, Any]]:
    return [message.model_dump(mode="json") for message in messages]


def _check_schema(output_schema: OutputSchema | None) -> None:
    if output_schema is not None:
        msg = (
            "A chat model that is written in Java takes no output_schema: leave it out, or let the setup ask for it by "
            "structured_output_strategy='prompt'."
        )
        raise ValueError(msg)
