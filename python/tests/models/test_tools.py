"""What tools may be called with and may bring, and what else JSON has no word for."""

import math

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.decorators import action
from flink_agents.api.events.chat_event import ChatRequestEvent
from flink_agents.api.events.context_retrieval_event import (
    ContextRetrievalRequestEvent,
    ContextRetrievalResponseEvent,
)
from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.api.events.tool_event import ToolRequestEvent, ToolResponseEvent
from flink_agents.api.resource import ResourceDescriptor, ResourceType
from flink_agents.api.tools.tool import Tool, ToolMetadata, ToolType
from flink_agents.api.vector_stores.vector_store import Document, VectorStoreQueryResult
from test_own_models import Chats, Lists, chats

HERE = "test_tools"


class Named(Tool):
    """A tool whose parameters have names that the framework uses as well."""

    metadata: ToolMetadata = ToolMetadata(name="named", description="", args_schema={"type": "object"})

    @classmethod
    def tool_type(cls):
        return ToolType.FUNCTION

    def call(self, *args, **kwargs):
        return kwargs


NAMES = ("resource", "method", "in_thread", "tool", "injected", "name", "arguments", "args", "kwargs", "call")


def echo(resource: str, method: str, in_thread: str, tool: str, injected: str, name: str, arguments: str, call: str):
    """Tell what came."""
    return {key: value for key, value in locals().items()}


async def echo_async(method: str, resource: str, in_thread: str):
    """Tell what came."""
    return {"method": method, "resource": resource, "in_thread": in_thread}


class Calls(Agent):
    """Calls the tools that it is told, and tells what they bring."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event, ctx):
        calls = [
            {"id": name, "function": {"name": name, "arguments": arguments}}
            for name, arguments in InputEvent.from_event(event).input.items()
        ]
        ctx.send_event(ToolRequestEvent(model="none", tool_calls=calls))

    @action(ToolResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell(event, ctx):
        response = ToolResponseEvent.from_event(event)
        ctx.send_event(OutputEvent(output=[response.responses, response.error]))


def called(run, tools, calls, config=None):
    agent = Calls()
    for name, made in tools.items():
        agent.add_resource(name, ResourceType.TOOL, made if isinstance(made, Tool) else Tool.from_callable(made))
    ((_, told),) = run([("k", calls)], agent, config, name="tools")
    return told


@pytest.mark.parametrize("asynchronous", ["true", "false"])
def test_parameters_of_tools_may_have_any_name(run, asynchronous):
    calls = {
        "named": {name: name for name in NAMES},
        "echo": {name: name for name in NAMES if name not in ("args", "kwargs")},
        "echo_async": {name: name for name in ("method", "resource", "in_thread")},
    }
    tools = {"named": Named(), "echo": echo, "echo_async": echo_async}
    assert called(run, tools, calls, {"tool-call.async": asynchronous}) == [calls, {}]


ODD = [math.nan, math.inf, -math.inf, "a\ud83dz", {"x": [math.nan]}, 2**64 - 1, 2**70, 2**1024]
TOLD = ["NaN", "Infinity", "-Infinity", "a\ufffdz", {"x": ["NaN"]}, 2**64 - 1, pytest.approx(2.0**70), str(2**1024)]


def odd():
    """Bring what JSON has no word for."""
    return ODD


def odd_name():
    """Bring a name that no JSON has."""
    return {"\udc00": 1}


def odd_error():
    """Fail with a text that no JSON has."""
    msg = "no \udc00"
    raise ValueError(msg)


def test_what_json_has_no_word_for_is_told_as_text(run):
    tools = {"odd": odd, "odd_name": odd_name, "odd_error": odd_error}
    config = {"actionStateStoreBackend": "sqlite"}
    answers, errors = called(run, tools, {name: {} for name in tools}, config)
    assert answers["odd"] == TOLD
    assert answers["odd_name"] == "{'\\udc00': 1}"
    assert "no \ufffd" in errors["odd_error"]


class Asked(Chats):
    """Is asked with an event that JSON has no words for."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event, ctx):
        if InputEvent.from_event(event).input == "store":
            ctx.send_event(ContextRetrievalRequestEvent(query="a\ud83dz", vector_store="odd", max_results=1))
        else:
            asked = ChatRequestEvent(model="ask_blocking", messages=[ChatMessage(content="x", extra_args={"o": ODD})])
            asked.attributes["more"] = ODD
            ctx.send_event(asked)

    @action(ContextRetrievalResponseEvent.EVENT_TYPE)
    @staticmethod
    def found(event, ctx):
        (document,) = ContextRetrievalResponseEvent.from_event(event).documents
        ctx.send_event(OutputEvent(output=[document.content, document.metadata]))


class OddLists(Lists):
    def query(self, query):
        document = Document(content=query.query_text, id="1", metadata={"odd": ODD})
        return VectorStoreQueryResult(documents=[document])


def test_events_and_documents_with_what_json_has_no_word_for_are_taken(run):
    agent = chats(Asked())
    agent.add_resource("odd", ResourceType.VECTOR_STORE, ResourceDescriptor(clazz=f"{HERE}.OddLists"))
    told = dict(run([("s", "store"), ("c", "chat")], agent))
    assert told == {"s": ["a\ufffdz", {"odd": TOLD}], "c": "{'model': 'm'} user:x"}
