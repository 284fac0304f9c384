"""The Python parts of agents in Java, ``PythonPart.java`` and ``PriceWords.java``."""

from __future__ import annotations

from typing import Any

from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection, BaseChatModelSetup
from flink_agents.api.events.event import Event, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def describe(event: Event, ctx: RunnerContext) -> None:
    """Says a high price in words, numbered; the number is kept in the memory that Java's actions share."""
    number = (ctx.short_term_memory.get("high") or 0) + 1
    ctx.short_term_memory.set("high", number)
    quote = event.attributes
    ctx.send_event(OutputEvent(output=f"{quote['symbol']},{quote['month']},{quote['cents']},{number}"))
    ctx.send_event(Event(type="described", attributes={"number": number}))


def words(cents: int) -> str:
    """Say a price in words."""
    return f"{cents // 100} dollars {cents % 100}"


class Teller(BaseChatModelConnection):
    """Asks for its tool, and then says what that said."""

    def chat(self, messages: Any, tools: Any = None, output_schema: Any = None, **kwargs: Any) -> ChatMessage:
        last = messages[-1]
        if last.role is MessageRole.TOOL:
            return ChatMessage(role=MessageRole.ASSISTANT, content=f"Python says {last.content}")
        call = {"name": tools[0].metadata.name, "arguments": {"cents": int(last.content)}}
        return ChatMessage(role=MessageRole.ASSISTANT, tool_calls=[{"id": "1", "type": "function", "function": call}])


class Setup(BaseChatModelSetup):
    """How it is asked."""

    @property
    def model_kwargs(self) -> dict[str, Any]:
        """No parameters."""
        return {}
