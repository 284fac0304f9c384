"""Carries out built-in actions: what they do is decided in the core, and done here by the context's ordinary means."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flink_agents import _core
from flink_agents.api.agents.agent import STRUCTURED_OUTPUT
from flink_agents.api.agents.types import OutputSchema
from flink_agents.api.chat_models.text_part import heard_by
from flink_agents.api.core_options import AgentExecutionOptions
from flink_agents.api.events.event import Event
from flink_agents.api.resource import ResourceType
from flink_agents.api.tools.tool_execution_metadata_provider import ToolExecutionMetadataProvider
from flink_agents.api.trace.execution_reporter import (
    ExecutionEntityTypes,
    ExecutionProblemCategories,
    ExecutionReporters,
)
from flink_agents.api.trace.llm_execution_metadata_keys import LLMExecutionMetadataKeys
from flink_agents.api.trace.tool_execution_metadata_keys import ToolExecutionMetadataKeys
from flink_agents.runtime.context import name_of_class
from flink_agents.runtime.model_calls import call_tool, chat, query
from flink_agents.runtime.structured_output import parsed

if TYPE_CHECKING:
    from flink_agents.api.metric_group import MetricGroup
    from flink_agents.api.runner_context import AsyncExecutionResult
    from flink_agents.runtime.context import ActionContext

logger = logging.getLogger("flink_agents.built_in")

_SETTINGS = (
    AgentExecutionOptions.CHAT_ASYNC,
    AgentExecutionOptions.TOOL_CALL_ASYNC,
    AgentExecutionOptions.RAG_ASYNC,
    AgentExecutionOptions.ERROR_HANDLING_STRATEGY,
    AgentExecutionOptions.MAX_RETRIES,
    AgentExecutionOptions.RETRY_WAIT_INTERVAL,
    AgentExecutionOptions.CHAT_MAX_TOOL_ROUNDS,
    AgentExecutionOptions.CHAT_STRUCTURED_OUTPUT_REPAIRS,
)


class BuiltInFailure(RuntimeError):
    """A built-in action could not do what an event asked for."""


async def carry_out(action: str, event: Event, ctx: ActionContext) -> None:
    """Run a built-in action: ``chat``, ``tool`` or ``retrieval``."""
    start = {
        "action": action,
        "event": {"id": str(event.id), "type": event.type, "attributes": event.attributes},
        "fresh_id": str(_core.random_uuid()),
        "language": "python",
        "settings": _settings(ctx),
    }
    machine, commands = _core.BuiltIn.begin(_core.to_json(start))
    host = _Host(ctx, event)
    while True:
        answer: Any = None
        for command in json.loads(commands):
            ((name, what),) = command.items()
            if name == "done":
                return
            answer = getattr(host, name)(what)
            if name in _AWAITED:
                answer = await answer
        commands = machine.answer(_core.to_json(answer))


_AWAITED = {"chat", "tools", "retrieve"}


class _Host:
    """Does what the core orders: a method for each command, which returns the answer to it."""

    def __init__(self, ctx: ActionContext, event: Event) -> None:
        self._ctx = ctx
        self._event = event
        # The last exception that the core was told of, and the last value that was made for the user.
        self._kept: Exception | None = None
        self._structured: Any = None

    def read(self, paths: list[str]) -> dict[str, Any]:
        memory = self._ctx.sensory_memory
        return {"values": [memory.get(path) for path in paths]}

    def write(self, what: dict[str, Any]) -> None:
        self._ctx.sensory_memory.set(what["path"], what["value"])

    async def chat(self, what: dict[str, Any]) -> dict[str, Any]:
        ctx = self._ctx
        setup: Any = ctx.get_resource(what["model"], ResourceType.CHAT_MODEL)
        listener = ctx.executor.on_text
        heard = None if listener is None else heard_by(listener, what["model"], _core.key_of(ctx.key))
        call = partial(chat, setup, _in_thread(ctx, what), _schema(what), heard)
        traced = _Traced(ctx, ExecutionEntityTypes.LLM, what["model"], {LLMExecutionMetadataKeys.MODEL: setup.model})
        try:
            asked: Any = ctx.durable_execute_async(call, what["messages"], what["prompt_args"])
            asked.delay = what["delay_ms"] / 1000
            traced.stands_for(asked)
            message = await asked
        except Exception as error:
            traced.failed(error, ExecutionProblemCategories.MODEL_CALL_FAILED, _answered(ctx, setup, {}))
            return self._failed(error)
        traced.succeeded(_answered(ctx, setup, message))
        known = {
            # Of a setup that is written in Java it may not be known.
            "connection": setup.connection or None,
            "model": setup.model,
            "allowed_commands": setup.allowed_commands,
            "allowed_script_dirs": setup.allowed_script_dirs,
        }
        return {"ok": message, "setup": known}

    def parse(self, what: dict[str, Any]) -> dict[str, Any]:
        traced = _Traced(self._ctx, ExecutionEntityTypes.PARSER, STRUCTURED_OUTPUT, None)
        try:
            self._structured, plain = parsed(_schema(what), what["value"])
        except Exception as error:
            traced.failed(error, ExecutionProblemCategories.MODEL_OUTPUT_PARSE_ERROR)
            return self._failed(error)
        traced.succeeded()
        return {"ok": plain}

    async def tools(self, what: dict[str, Any]) -> dict[str, Any]:
        ctx = self._ctx
        results: list[Any] = []
        calls: list[tuple[int, AsyncExecutionResult, _Traced]] = []
        for place, call in enumerate(what["calls"]):
            results.append(None)
            try:
                tool: Any = ctx.get_resource(call["name"], ResourceType.TOOL)
                injected = _injected(ctx, tool)
            except KeyError as error:
                results[place] = {"missing": error.args[0]}
            except Exception as error:
                results[place] = self._failed(error)
            else:
                made = partial(call_tool, tool, injected, _in_thread(ctx, what))
                traced = _Traced(ctx, ExecutionEntityTypes.TOOL, call["name"], self._described(tool, call))
                asked = ctx.durable_execute_async(made, call["name"], call["arguments"])
                traced.stands_for(asked)
                calls.append((place, asked, traced))
        if what["async"]:
            gathered = await ctx.durable_gather(*(call for _, call, _ in calls), return_exceptions=True)
        else:
            gathered = [await _caught(call) for _, call, _ in calls]
        for (place, _, traced), result in zip(calls, gathered):
            if isinstance(result, Exception):
                traced.failed(result, ExecutionProblemCategories.TOOL_CALL_FAILED)
                results[place] = self._failed(result)
            else:
                traced.succeeded()
                results[place] = {"ok": result}
        return {"results": results}

    async def retrieve(self, what: dict[str, Any]) -> dict[str, Any]:
        ctx = self._ctx
        store: Any = ctx.get_resource(what["store"], ResourceType.VECTOR_STORE)
        call = partial(query, store, _in_thread(ctx, what))
        try:
            return {"ok": await ctx.durable_execute_async(call, what["query"], what["limit"])}
        except Exception as error:
            return self._failed(error)

    def metric(self, what: dict[str, Any]) -> None:
        group: MetricGroup = self._ctx.action_metric_group
        for key, value in what["group"]:
            group = group.get_sub_group(key, value)
        group.get_counter(what["counter"]).inc(what["add"])

    def warn(self, text: str) -> None:
        logger.warning(text)

    def send(self, what: dict[str, Any]) -> None:
        attributes = what["attributes"]
        if what.get("structured"):
            attributes["response"]["extra_args"][STRUCTURED_OUTPUT] = self._structured
        id = what.get("id")
        self._ctx.send_event(Event(type=what["type"], attributes=attributes, id=None if id is None else UUID(id)))

    def fail(self, what: dict[str, Any]) -> None:
        kept = self._kept
        if not what["rethrow"] or kept is None:
            raise BuiltInFailure(what["message"])
        if hasattr(kept, "add_note"):
            kept.add_note(what["message"])
        raise kept

    def _described(self, tool: Any, call: dict[str, Any]) -> dict[str, Any]:
        """Return what the trace shows of a call of a tool."""
        if not self._ctx.link.traced:
            return {}
        described = {
            ToolExecutionMetadataKeys.TOOL_REQUEST_EVENT_ID: str(self._event.id),
            ToolExecutionMetadataKeys.TOOL_CALL_ID: call["id"],
            ToolExecutionMetadataKeys.EXTERNAL_ID: call["original_id"],
            ToolExecutionMetadataKeys.TOOL_TYPE: tool.tool_type().value,
        }
        if isinstance(tool, ToolExecutionMetadataProvider):
            described.update(tool.get_tool_execution_metadata(call["arguments"]))
        return {key: value for key, value in described.items() if value is not None}

    def _failed(self, error: Exception) -> dict[str, Any]:
        self._kept = error
        return {"error": {"class": name_of_class(type(error)), "message": str(error)}}


class _Traced:
    """Tells the execution trace of what begins with it."""

    def __init__(self, ctx: ActionContext, kind: str, name: str, described: dict[str, Any] | None) -> None:
        self._what = (ctx, kind, name, described)
        self._call: Any = None
        ExecutionReporters.started(*self._what)

    def stands_for(self, call: Any) -> None:
        """Show this in place of a durable call."""
        self._call = call
        call.shown_otherwise = True

    def succeeded(self, details: dict[str, Any] | None = None) -> None:
        self._describe(details)
        ExecutionReporters.succeeded(*self._what)
        self._what[0].details = None

    def failed(self, error: Exception, category: str, details: dict[str, Any] | None = None) -> None:
        self._describe(details)
        ExecutionReporters.failed(*self._what, error, category)
        self._what[0].details = None

    def _describe(self, details: dict[str, Any] | None) -> None:
        """Say with the next report, which never raises, what it shows in live spans only."""
        ctx = self._what[0]
        if ctx.executor.spans:
            replayed = {"replayed": True} if self._call is not None and self._call.replayed else {}
            ctx.details = {**(details or {}), **replayed}


def _answered(ctx: ActionContext, setup: Any, message: dict[str, Any]) -> dict[str, Any] | None:
    """Return who answered and for how many tokens, for live spans; ``None`` if there are none."""
    if not ctx.executor.spans:
        return None
    told = message.get("extra_args") or {}
    details = {"inputTokens": told.get("promptTokens"), "outputTokens": told.get("completionTokens")}
    details = {name: count for name, count in details.items() if isinstance(count, int)}
    try:
        provider = getattr(setup, "provider_name", None)
    except Exception:
        # A setup with a chat() of its own may have no connection.
        return details
    return {**details, "provider": provider} if isinstance(provider, str) else details


async def _caught(call: AsyncExecutionResult) -> Any:
    try:
        return await call
    except Exception as error:
        return error


def _schema(what: dict[str, Any]) -> Any:
    schema = what["output_schema"]
    return None if schema is None else OutputSchema.model_validate(schema)


def _in_thread(ctx: ActionContext, what: dict[str, Any]) -> Any:
    """Return what has a thread call what blocks; ``None`` if the configuration wants it called in place."""
    return ctx.executor.in_thread if what["async"] else None


def _settings(ctx: ActionContext) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for option in _SETTINGS:
        value = ctx.config.get(option)
        settings[option.get_key()] = getattr(value, "value", value)
    return settings


def _injected(ctx: ActionContext, tool: Any) -> dict[str, Any]:
    """Return the arguments of a tool that are not the model's to give."""
    from flink_agents.api.tools.tool_parameter_injection import ToolParameterSource

    found: dict[str, Any] = {}
    for name, declared in (getattr(tool, "injected_args", None) or {}).items():
        key = declared.key or name
        if declared.source is ToolParameterSource.CONFIG:
            value: Any = ctx.config.get_str(key, None)
        elif declared.source is ToolParameterSource.SENSORY_MEMORY:
            value = ctx.sensory_memory.get(key)
        else:
            value = ctx.short_term_memory.get(key)
        if value is None:
            msg = f"its parameter '{name}' is filled from {declared.source.value} '{key}', where nothing is"
            raise ValueError(msg)
        found[name] = value
    return found
