"""Models, tools and stores that users write themselves, blocking and ``async def``."""

import asyncio
import threading
from typing import ClassVar

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection, BaseChatModelSetup
from flink_agents.api.decorators import (
    action,
    chat_model_connection,
    chat_model_setup,
    tool,
    vector_store,
)
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.context_retrieval_event import (
    ContextRetrievalRequestEvent,
    ContextRetrievalResponseEvent,
)
from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.api.events.tool_event import ToolRequestEvent, ToolResponseEvent
from flink_agents.api.resource import ResourceDescriptor, ResourceType
from flink_agents.api.tools.tool import Tool, ToolMetadata, ToolType
from flink_agents.api.vector_stores.vector_store import BaseVectorStore, Document, VectorStoreQueryResult
from flink_agents.integrations.chat_models.ollama_chat_model import OllamaChatModelConnection
from flink_agents.runtime.executor import Executor

HERE = "test_own_models"
MEET = threading.Barrier(2)


def answer(messages, tools, parameters):
    last = messages[-1]
    if tools and last.role == MessageRole.USER:
        call = {"name": tools[0].name, "arguments": {"text": last.content}}
        return ChatMessage(
            role=MessageRole.ASSISTANT, tool_calls=[{"id": "1", "type": "function", "function": call}]
        )
    said = " | ".join(f"{message.role.value}:{message.content}" for message in messages)
    return ChatMessage(role=MessageRole.ASSISTANT, content=f"{parameters} {said}")


class Blocking(BaseChatModelConnection):
    """Answers when two have asked: two threads call it at once."""

    def chat(self, messages, tools=None, output_schema=None, **kwargs):
        if messages[-1].content.startswith("meet"):
            MEET.wait(timeout=10)
        return answer(messages, tools, kwargs)


class Awaited(BaseChatModelConnection):
    asking: ClassVar[int] = 0
    most: ClassVar[int] = 0

    async def chat(self, messages, tools=None, output_schema=None, **kwargs):
        cls = type(self)
        cls.asking += 1
        cls.most = max(cls.most, cls.asking)
        await asyncio.sleep(0.05)
        cls.asking -= 1
        return answer(messages, tools, kwargs)


class Silent(BaseChatModelConnection):
    def chat(self, messages, tools=None, output_schema=None, **kwargs):
        return None


class Overrides(OllamaChatModelConnection):
    """Its chat is another than the native client's, which nobody may ask instead."""

    def chat(self, messages, tools=None, output_schema=None, **kwargs):
        return answer(messages, tools, {"own": kwargs["model"]})


class Setup(BaseChatModelSetup):
    @property
    def model_kwargs(self):
        return {"model": self.model}


class OwnChat(Setup):
    async def chat(self, messages, prompt_args=None, **kwargs):
        await asyncio.sleep(0)
        return ChatMessage(role=MessageRole.ASSISTANT, content=f"own {prompt_args} {kwargs}")


class Upper(Tool):
    """A tool with a class of its own."""

    def __init__(self, **kwargs):
        schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
        kwargs.setdefault("metadata", ToolMetadata(name="upper", description="Shouts.", args_schema=schema))
        super().__init__(**kwargs)

    @classmethod
    def tool_type(cls):
        return ToolType.FUNCTION

    def call(self, *args, **kwargs):
        return kwargs["text"].upper()


class Lists(BaseVectorStore):
    """Knows what it is asked for."""

    @property
    def store_kwargs(self):
        return {}

    def query(self, query):
        documents = [Document(content=f"{query.query_text} {n}", id=str(n)) for n in range(query.limit)]
        return VectorStoreQueryResult(documents=documents)

    def get(self, ids=None, collection_name=None, filters=None, limit=100, **kwargs):
        raise NotImplementedError

    def delete(self, ids=None, collection_name=None, filters=None, **kwargs):
        raise NotImplementedError

    def _query_embedding(self, embedding, limit=10, collection_name=None, filters=None, **kwargs):
        raise NotImplementedError

    def _add_embedding(self, *, documents, collection_name=None, **kwargs):
        raise NotImplementedError

    def _update_embedding(self, *, documents, collection_name=None, **kwargs):
        raise NotImplementedError


class Chats(Agent):
    """Asks the model that is named before the colon what is behind it."""

    @chat_model_connection
    @staticmethod
    def blocking():
        return ResourceDescriptor(clazz=f"{HERE}.Blocking")

    @chat_model_connection
    @staticmethod
    def awaited():
        return ResourceDescriptor(clazz=f"{HERE}.Awaited")

    @chat_model_connection
    @staticmethod
    def silent():
        return ResourceDescriptor(clazz=f"{HERE}.Silent")

    @chat_model_connection
    @staticmethod
    def overrides():
        return ResourceDescriptor(clazz=f"{HERE}.Overrides", base_url="http://127.0.0.1:9")

    @chat_model_setup
    @staticmethod
    def shouting():
        return ResourceDescriptor(clazz=f"{HERE}.Setup", connection="awaited", model="m", tools=["upper"])

    @chat_model_setup
    @staticmethod
    def own():
        return ResourceDescriptor(clazz=f"{HERE}.OwnChat", connection="blocking", model="m")

    @tool
    @staticmethod
    async def adds(a: int, b: int = 1) -> int:
        """Add."""
        await asyncio.sleep(0)
        return a + b

    @vector_store
    @staticmethod
    def lists():
        return ResourceDescriptor(clazz=f"{HERE}.Lists")

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event, ctx):
        model, _, text = InputEvent.from_event(event).input.partition(":")
        if model == "store":
            ctx.send_event(ContextRetrievalRequestEvent(query=text, vector_store="lists", max_results=2))
        elif model == "tools":
            calls = [{"id": str(n), "function": {"name": "adds", "arguments": {"a": float(n)}}} for n in range(3)]
            ctx.send_event(ToolRequestEvent(model="none", tool_calls=calls))
        else:
            ctx.send_event(ChatRequestEvent(model=model, messages=[ChatMessage(content=text)]))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell(event, ctx):
        ctx.send_event(OutputEvent(output=ChatResponseEvent.from_event(event).response.content))

    @action(ContextRetrievalResponseEvent.EVENT_TYPE)
    @staticmethod
    def found(event, ctx):
        documents = ContextRetrievalResponseEvent.from_event(event).documents
        ctx.send_event(OutputEvent(output=[document.content for document in documents]))

    @action("type == '_tool_response_event' && request_id != ''")
    @staticmethod
    def called(event, ctx):
        response = ToolResponseEvent.from_event(event)
        if "0" in response.responses:
            ctx.send_event(OutputEvent(output=list(response.responses.values())))


def chats(agent=None):
    agent = agent or Chats()
    for name in ("blocking", "awaited", "silent", "overrides"):
        setup = ResourceDescriptor(clazz=f"{HERE}.Setup", connection=name, model="m")
        agent.add_resource(f"ask_{name}", ResourceType.CHAT_MODEL, setup)
    agent.add_resource("upper", ResourceType.TOOL, Upper())
    return agent


def test_blocking_ones_are_called_by_threads_side_by_side(run):
    inputs = [(key, f"ask_blocking:meet {key}") for key in "ab"]
    assert sorted(run(inputs, chats())) == [(key, f"{{'model': 'm'}} user:meet {key}") for key in "ab"]


@pytest.mark.parametrize("asynchronous", ["true", "false"])
def test_those_to_be_awaited_need_no_thread(run, asynchronous):
    Awaited.most = 0
    inputs = [(key, f"ask_awaited:{key}") for key in range(50)]
    config = {"num-async-threads": "1", "chat.async": asynchronous}
    assert len(run(inputs, chats(), config)) == 50
    assert Awaited.most > 10


def test_tools_with_a_class_of_their_own_and_setups_with_a_chat_of_their_own_are_used(run):
    outputs = dict(run([("t", "shouting:hey"), ("o", "own:x"), ("n", "ask_overrides:y")], chats()))
    assert outputs["t"].endswith("user:hey | assistant: | tool:HEY")
    assert outputs["o"] == "own {} {}"
    assert outputs["n"] == "{'own': 'm'} user:y"


def test_stores_and_tools_can_be_asked_by_any_action(run):
    outputs = dict(run([("s", "store:q"), ("t", "tools:")], chats()))
    assert outputs == {"s": ["q 0", "q 1"], "t": [1, 2, 3]}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("ask_silent:x", r"TypeError: Setup\.chat returned nothing, not a ChatMessage"),
        ("nobody:x", r"KeyError: .*nobody"),
    ],
)
def test_what_cannot_be_fails_the_run_by_name(run, asked, told):
    with pytest.raises(RuntimeError, match=told):
        run([("k", asked)], chats())


class NoModels(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event, ctx):
        # Without an asynchronous action in the agent, this thread's own loop may run.
        asyncio.run(asyncio.sleep(0))
        call = {"id": "c", "function": {"name": "nothing", "arguments": {}}}
        ctx.send_event(ToolRequestEvent(model="m", tool_calls=[call]))

    @action(ToolResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell(event, ctx):
        ctx.send_event(OutputEvent(output=ToolResponseEvent.from_event(event).responses))


def test_agents_without_models_and_tools_need_no_loop(run):
    assert run([("k", 1)], NoModels()) == [("k", {"c": "Tool `nothing` does not exist."})]


GATE, LATE = threading.Event(), threading.Event()


class Waits(Chats):
    """Ends when what came too late has been counted."""

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    async def tell(event, ctx):
        GATE.set()
        while not LATE.is_set():
            await asyncio.sleep(0.01)
        ctx.send_event(OutputEvent(output=ChatResponseEvent.from_event(event).response.extra_args["error"]["class"]))


def test_what_a_blocking_model_brings_after_it_was_given_up_is_counted(run, monkeypatch):
    monkeypatch.setattr(Blocking, "chat", lambda *_, **__: GATE.wait(10))
    monkeypatch.setattr(Executor, "late", lambda _: LATE.set())
    config = {"call.timeout": "200ms", "error-handling-strategy": "ignore"}
    ((_, error),) = run([("k", "ask_blocking:x")], chats(Waits()), config)
    assert error == "flink_agents.api.runner_context.DurableCallTimeoutError"


class AsksMany(Chats):
    """Asks several questions in one run, and tells when all are answered."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event, ctx):
        for text in InputEvent.from_event(event).input:
            ctx.send_event(ChatRequestEvent(model="ask_awaited", messages=[ChatMessage(content=text)]))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell(event, ctx):
        answers = [*(ctx.sensory_memory.get("answers") or []), ChatResponseEvent.from_event(event).response.content]
        ctx.sensory_memory.set("answers", answers)
        if len(answers) == 10:
            ctx.send_event(OutputEvent(output=sorted(answers)))


def test_chats_of_one_run_are_answered_side_by_side(run):
    Awaited.most = 0
    ((_, answers),) = run([("k", [f"q{n}" for n in range(10)])], chats(AsksMany()))
    assert answers == [f"{{'model': 'm'}} user:q{n}" for n in range(10)]
    assert Awaited.most == 10
