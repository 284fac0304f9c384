"""The durable calls of built-in actions. They return plain data, so that a journal needs no class of a model's to replay them.

Each has an identity of its own, by which journals know it wherever the model comes from. What can be awaited is; what blocks is
called by a thread of the pool, or, if the configuration says so, in place.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from flink_agents import _core
from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.chat_models.chat_model import BaseChatModelSetup
from flink_agents.api.chat_models.text_part import _LISTENER
from flink_agents.api.decorators import identity
from flink_agents.api.resource_awaited import awaited_form
from flink_agents.api.vector_stores.vector_store import Document, VectorStoreQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    from flink_agents.api.agents.types import OutputSchema

    InThread = Callable[[Callable[[], Any]], asyncio.Future[Any]]


@identity("chat")
async def chat(
    setup: BaseChatModelSetup,
    in_thread: InThread | None,
    output_schema: OutputSchema | None,
    heard: Callable[[Any, str], None] | None,
    messages: list[dict[str, Any]],
    prompt_args: dict[str, Any],
) -> dict[str, Any]:
    """Ask a model; returns its message. What it says meanwhile goes to ``heard``."""
    if heard is not None:
        # Of this call alone: it has variables of its own.
        _LISTENER.set(heard)
    more: dict[str, Any] = {}
    # Who has a chat() of his own may not know of schemas.
    if output_schema is not None and type(setup).chat is BaseChatModelSetup.chat:
        more["output_schema"] = output_schema
    asked = [ChatMessage.model_validate(message) for message in messages]
    return plain_message(setup, await _called(setup, "chat", in_thread, asked, prompt_args, **more))


@identity("tool-call")
async def call_tool(
    tool: Any, injected: dict[str, Any], in_thread: InThread | None, name: str, arguments: dict[str, Any]
) -> Any:
    """Call a tool; returns its result as plain data, or as text if it is none."""
    return plain_result(await _called(tool, "call", in_thread, **{**arguments, **injected}))


@identity("rag-async")
async def query(store: Any, in_thread: InThread | None, text: str, limit: int) -> list[dict[str, Any]]:
    """Query a vector store; returns the documents."""
    found = await _called(store, "query", in_thread, VectorStoreQuery(query_text=text, limit=limit))
    return plain_documents(found.documents)


def plain_message(model: Any, answer: Any) -> dict[str, Any]:
    """Return the message that a model answered as plain data.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(answer, ChatMessage):
        msg = f"{type(model).__name__}.chat returned {'nothing' if answer is None else repr(answer)}, not a ChatMessage."
        raise TypeError(msg)
    return answer.model_dump(mode="json")


def plain_result(result: Any) -> Any:
    """Return the result of a tool as plain data, or as text if it is none."""
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    try:
        return _core.to_plain(result)
    except (TypeError, ValueError):
        return str(result)


def plain_documents(documents: list[Document]) -> list[dict[str, Any]]:
    """Return documents as plain data."""
    # Not by mode="json", for which NaN is None.
    return [_core.to_plain(document.model_dump()) for document in documents]


async def _called(resource: Any, method: str, in_thread: InThread | None, /, *args: Any, **kwargs: Any) -> Any:
    awaited = awaited_form(resource, method)
    if awaited is not None:
        return await awaited(*args, **kwargs)
    blocking: Callable[..., Any] = getattr(resource, method)
    if in_thread is None:
        result = blocking(*args, **kwargs)
    else:
        result = await in_thread(lambda: blocking(*args, **kwargs))
    # Of a method that hands on what an 'async def' function returned.
    return await result if asyncio.iscoroutine(result) else result
