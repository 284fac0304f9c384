"""Answers questions of Java about resources that are in this process. What can be asked: the table in ADR 13.

A question and its answer are plain data. What the resource does in a coroutine is returned as one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from pydantic import TypeAdapter

from flink_agents import _core
from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.chat_models.chat_model import BaseChatModelSetup
from flink_agents.api.embedding_models.embedding_model import EmbeddingResult
from flink_agents.api.function import JavaFunction
from flink_agents.api.resource import ResourceType
from flink_agents.api.resource_awaited import awaited_form, is_nearer
from flink_agents.api.tools.java_tool import described, read_metadata
from flink_agents.api.tools.tool import Tool, ToolType, metadata_of
from flink_agents.api.vector_stores.vector_store import (
    CollectionManageableVectorStore,
    Document,
    VectorStoreQuery,
)
from flink_agents.runtime.failures import Problem
from flink_agents.runtime.model_calls import plain_documents, plain_message, plain_result

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from flink_agents.api.resource_context import ResourceContext

Arguments = dict[str, Any]

_DOCUMENTS = TypeAdapter(list[Document])


class DescribedTool(Tool):
    """A tool that a model is told of, for others to call."""

    @classmethod
    def tool_type(cls) -> ToolType:
        return ToolType.REMOTE_FUNCTION

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse."""
        msg = f"The tool '{self.name}' is called by the agent, when the model asks for it, and not by the connection."
        raise NotImplementedError(msg)


class ResourceService:
    """Finds resources, and calls their methods. May be used by any thread."""

    def __init__(self, resources: ResourceContext) -> None:
        self._resources = resources

    def answer(self, question: Any) -> Any | Coroutine[Any, Any, Any]:
        """Do what a question asks for.

        Returns
        -------
        The answer as plain data, or a coroutine that brings it.

        Raises
        ------
        LookupError
            If there is no such resource.
        ValueError, TypeError
            If there is no such method, or the question does not fit it.
        """
        type_name, name, method, arguments = _parts(question)
        methods = _METHODS.get(type_name)
        if methods is None:
            msg = f"The {type_name} '{name}' cannot be asked for by the other language; what can be is {', '.join(_METHODS)}."
            raise ValueError(msg)
        call = methods.get(method)
        if call is None:
            msg = f"The {type_name} '{name}' has no method '{method}' that can be asked; there are {', '.join(methods)}."
            raise ValueError(msg)
        try:
            resource = self._resources.get_resource(name, ResourceType(type_name))
        except KeyError as error:
            # Whose text is shown in quotes.
            raise LookupError(*error.args) from error
        if _is_of_java(resource):
            msg = f"The {type_name} '{name}' is written in Java, and is to be asked for there."
            raise ValueError(msg)
        made = call(resource, arguments)
        if isinstance(made, _Later):
            return _finished(made)
        return made


def _is_of_java(resource: Any) -> bool:
    """Tell whether a resource would only hand the question back."""
    return getattr(type(resource), "_is_java_resource", False) or isinstance(getattr(resource, "func", None), JavaFunction)


class _Later(NamedTuple):
    """What a coroutine brings, and what the answer is then."""

    begin: Callable[[], Any]
    finish: Callable[[Any], Any]


async def _finished(later: _Later) -> Any:
    result = later.finish(await later.begin())
    return await _finished(result) if isinstance(result, _Later) else result


def failure_of(error: BaseException) -> dict[str, str]:
    """Return an exception as Java is told of it."""
    problem = Problem.of(error)
    return {"kind": problem.kind, "message": problem.message, "trace": problem.trace}


def _parts(question: Any) -> tuple[str, str, str, Arguments]:
    if isinstance(question, dict):
        words = [question.get(key) for key in ("type", "name", "method")]
        arguments = question.get("arguments")
        if all(isinstance(word, str) for word in words) and (arguments is None or isinstance(arguments, dict)):
            type_name, name, method = words
            return str(type_name), str(name), str(method), arguments or {}
    msg = "A question is a map of the texts 'type', 'name' and 'method', and of the map 'arguments'."
    raise ValueError(msg)


def _call(resource: Any, method: str, finish: Callable[[Any], Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a method of a resource; returns the finished answer, or what is to be awaited for it."""
    awaited = awaited_form(resource, method)
    if awaited is not None:
        # Not before the loop runs it: it may bind what it makes to the running loop.
        return _Later(lambda: awaited(*args, **kwargs), finish)
    result = getattr(resource, method)(*args, **kwargs)
    return _Later(lambda: result, finish) if asyncio.iscoroutine(result) else finish(result)


def _chat(model: Any, arguments: Arguments) -> Any:
    if isinstance(model, BaseChatModelSetup):
        for tool in model.tools:
            if isinstance(tool, Tool):
                # What has to be asked for is asked for here, where a thread may wait.
                metadata_of(tool).get_parameters_dict()
    return _call(
        model,
        "chat",
        lambda message: plain_message(model, message),
        _messages(arguments),
        arguments.get("prompt_args"),
        **_parameters(arguments),
    )


def _chat_of_connection(connection: Any, arguments: Arguments) -> Any:
    tools = [
        DescribedTool(metadata=read_metadata(tool["name"], tool.get("description"), tool.get("input_schema")))
        for tool in arguments.get("tools") or ()
    ]
    return _call(
        connection,
        "chat",
        lambda message: plain_message(connection, message),
        _messages(arguments),
        **{**_parameters(arguments), "tools": tools},
    )


def _embed(model: Any, arguments: Arguments) -> Any:
    texts = list(_wanted(arguments, "texts"))
    if is_nearer(type(model), "embed", "embed_with_usage"):
        return _call(model, "embed", lambda vectors: _embedded(EmbeddingResult(vectors)), texts, **_parameters(arguments))
    return _call(model, "embed_with_usage", _embedded, texts, **_parameters(arguments))


def _embedded(result: EmbeddingResult[Any]) -> Any:
    if asyncio.iscoroutine(result.embeddings):
        # Of an 'async def embed' of the connection, which the method of the setup has called.
        return _Later(lambda: result.embeddings, lambda vectors: _embedded(EmbeddingResult(vectors, result.token_usage)))
    usage = result.token_usage
    return {
        "embeddings": [[float(number) for number in vector] for vector in result.embeddings],
        "prompt_tokens": None if usage is None else usage.prompt_tokens,
        "total_tokens": None if usage is None else usage.total_tokens,
    }


def _add(store: Any, arguments: Arguments) -> Any:
    return _call(store, "add", _core.to_plain, *_placed(arguments), **_parameters(arguments))


def _update(store: Any, arguments: Arguments) -> Any:
    return _call(store, "update", _nothing, *_placed(arguments), **_parameters(arguments))


def _query(store: Any, arguments: Arguments) -> Any:
    given = {name: arguments[name] for name in ("limit", "mode", "filters") if arguments.get(name) is not None}
    query = VectorStoreQuery(
        query_text=_wanted(arguments, "query_text"),
        collection_name=arguments.get("collection"),
        extra_args=_parameters(arguments),
        **given,
    )
    return _call(store, "query", lambda found: plain_documents(found.documents), query)


def _get(store: Any, arguments: Arguments) -> Any:
    asked = {**_parameters(arguments), **_chosen(arguments)}
    if "limit" in arguments:
        asked["limit"] = arguments["limit"]
    return _call(store, "get", plain_documents, **asked)


def _delete(store: Any, arguments: Arguments) -> Any:
    return _call(store, "delete", _nothing, **{**_parameters(arguments), **_chosen(arguments)})


def _create_collection(store: Any, arguments: Arguments) -> Any:
    name = _wanted(arguments, "name")
    return _call(_with_collections(store), "create_collection_if_not_exists", _nothing, name, **_parameters(arguments))


def _delete_collection(store: Any, arguments: Arguments) -> Any:
    return _call(_with_collections(store), "delete_collection", _nothing, _wanted(arguments, "name"))


def _tell_metadata(tool: Any, _: Arguments) -> Any:
    return described(metadata_of(tool))


def _call_tool(tool: Any, arguments: Arguments) -> Any:
    return _call(tool, "call", plain_result, **(arguments.get("arguments") or {}))


_Methods = dict[str, Callable[[Any, Arguments], Any]]
_EMBED: _Methods = {"embed": _embed}
_METHODS: dict[str, _Methods] = {
    "chat_model": {"chat": _chat},
    "chat_model_connection": {"chat": _chat_of_connection},
    "embedding_model": _EMBED,
    "embedding_model_connection": _EMBED,
    "vector_store": {
        "add": _add,
        "update": _update,
        "query": _query,
        "get": _get,
        "delete": _delete,
        "create_collection_if_not_exists": _create_collection,
        "delete_collection": _delete_collection,
    },
    "tool": {"metadata": _tell_metadata, "call": _call_tool},
}


def _messages(arguments: Arguments) -> list[ChatMessage]:
    return [ChatMessage.model_validate(message) for message in _wanted(arguments, "messages")]


def _placed(arguments: Arguments) -> tuple[list[Document], str | None]:
    given = _wanted(arguments, "documents")
    documents = [{name: value for name, value in one.items() if value is not None} for one in given]
    return _DOCUMENTS.validate_python(documents), arguments.get("collection")


def _chosen(arguments: Arguments) -> Arguments:
    return {
        "ids": arguments.get("ids"),
        "collection_name": arguments.get("collection"),
        "filters": arguments.get("filters"),
    }


def _parameters(arguments: Arguments) -> Arguments:
    return dict(arguments.get("parameters") or {})


def _wanted(arguments: Arguments, name: str) -> Any:
    value = arguments.get(name)
    if value is None:
        msg = f"The argument '{name}' of the question is missing."
        raise ValueError(msg)
    return value


def _with_collections(store: Any) -> CollectionManageableVectorStore:
    if not isinstance(store, CollectionManageableVectorStore):
        msg = f"The collections of a {type(store).__name__} cannot be made or deleted: it is none that manages them."
        raise TypeError(msg)
    return store


def _nothing(_: Any) -> None:
    return None
