"""Chat models whose client is native."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Dict, List, Sequence

from pydantic import PrivateAttr
from typing_extensions import override

from flink_agents import _core
from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection, BaseChatModelSetup
from flink_agents.api.chat_models.text_part import _LISTENER
from flink_agents.api.durable_call import _CURRENT
from flink_agents.api.tools.tool import Tool, metadata_of
from flink_agents.integrations.arguments import NATIVE, arguments_of, name_of, parallelism_of

if TYPE_CHECKING:
    from flink_agents.api.agents.types import OutputSchema

# What a setup has for the framework.
_FRAMEWORK = tuple(name for name in BaseChatModelSetup.model_fields if name != "model")


class NativeChatModelConnection(BaseChatModelConnection):
    """A connection that is held by the native client, which all threads may use at once.

    Besides its own arguments every connection takes those of limits, retries and the way to the server: see the guide.
    """

    model_config = NATIVE

    PROVIDER: ClassVar[str]

    _client: _core.ChatClient | None = PrivateAttr(default=None)

    @property
    def client(self) -> _core.ChatClient:
        """The native client."""
        if self._client is None:
            self._client = _core.ChatClient(
                self.PROVIDER, name_of(self), arguments_of(self), parallelism_of(self)
            )
        return self._client

    @property
    @override
    def provider_name(self) -> str | None:
        return self.PROVIDER

    @override
    def open(self) -> None:
        """Check the arguments. Nothing is sent yet."""
        _ = self.client

    @override
    def supports_native_structured_output(self, effective_model: str | None) -> bool:
        return self.client.native_structured_output(effective_model or "")

    @override
    def chat(
        self,
        messages: Sequence[ChatMessage],
        tools: List[Tool] | None = None,
        output_schema: OutputSchema | None = None,
        **kwargs: Any,
    ) -> ChatMessage:
        """Ask a model, and wait for its whole answer.

        Raises
        ------
        ModelError
            Of ``flink_agents.integrations.errors``: what the server, or the way to it, did not do, after all retries.
        """
        question = _question(messages, tools, output_schema, kwargs)
        return ChatMessage.model_validate_json(self.client.chat(question, _LISTENER.get()))

    async def chat_async(
        self,
        messages: Sequence[ChatMessage],
        tools: List[Tool] | None = None,
        output_schema: OutputSchema | None = None,
        **kwargs: Any,
    ) -> ChatMessage:
        """Do the same, to be awaited; no thread waits."""
        answer = await self.client.chat_async(_question(messages, tools, output_schema, kwargs), _LISTENER.get())
        return ChatMessage.model_validate_json(answer)

    @override
    def close(self) -> None:
        self._client = None


class NativeChatModelSetup(BaseChatModelSetup):
    """How a model of such a connection is asked."""

    model_config = NATIVE

    PROVIDER: ClassVar[str]

    _parameters: Dict[str, Any] | None = PrivateAttr(default=None)

    @property
    @override
    def model_kwargs(self) -> Dict[str, Any]:
        if self._parameters is None:
            self._parameters = json.loads(_core.chat_parameters(self.PROVIDER, arguments_of(self, *_FRAMEWORK)))
        return dict(self._parameters)

    @override
    def open(self) -> None:
        """Check the arguments, and look up connection, prompt and tools."""
        _ = self.model_kwargs
        super().open()


def _question(
    messages: Sequence[ChatMessage],
    tools: List[Tool] | None,
    output_schema: OutputSchema | None,
    parameters: Dict[str, Any],
) -> str:
    question: Dict[str, Any] = {
        "messages": [message.model_dump(mode="json") for message in messages],
        "tools": [_tool(tool) for tool in tools or ()],
        "parameters": parameters,
    }
    if output_schema is not None:
        question["output_schema"] = _schema(output_schema)
    call = _CURRENT.get()
    if call is not None:
        question["idempotency_key"] = call.idempotency_key
    return json.dumps(question)


def _tool(tool: Tool) -> Dict[str, Any]:
    metadata = metadata_of(tool)
    return {
        "name": metadata.name,
        "description": metadata.description.strip(),
        "parameters": metadata.get_parameters_dict(),
    }


# By PyFlink's names; all others are texts.
_ROW_TYPES = {
    "Boolean": "boolean", "Byte": "integer", "Short": "integer", "Integer": "integer", "Long": "integer",
    "BigInteger": "integer", "Float": "number", "Double": "number", "BigDecimal": "number",
}


def _schema(output_schema: OutputSchema) -> Dict[str, Any]:
    wanted = output_schema.output_schema
    if isinstance(wanted, type):
        return {"name": wanted.__name__, "schema": wanted.model_json_schema()}
    written = output_schema.model_dump()["output_schema"]
    fields = {
        name: {"type": _ROW_TYPES.get(kind, "string")}
        for name, kind in zip(written["names"], written["types"])
    }
    return {
        "name": "row",
        "schema": {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False},
    }
