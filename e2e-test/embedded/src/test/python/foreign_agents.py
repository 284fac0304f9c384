"""Agents whose models, tools and stores are written in the other language. What they stand in for is in ``ForeignResourcesTest``."""

import os
import time

from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection, BaseChatModelSetup
from flink_agents.api.decorators import (
    action,
    chat_model_connection,
    chat_model_setup,
    embedding_model_connection,
    embedding_model_setup,
    vector_store,
)
from flink_agents.api.embedding_models.embedding_model import BaseEmbeddingModelConnection, BaseEmbeddingModelSetup
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.context_retrieval_event import ContextRetrievalRequestEvent, ContextRetrievalResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.function import JavaFunction
from flink_agents.api.resource import ResourceDescriptor, ResourceName, ResourceType
from flink_agents.api.runner_context import RunnerContext
from flink_agents.api.tools.function_tool import FunctionTool
from flink_agents.api.vector_stores.vector_store import Document

TEST = "org.apache.flink.agents.embedded.ForeignResourcesTest$"


class Own(BaseChatModelConnection):
    """Asks for its first tool, then says what that said; fails, or ends its process, where it is told to."""

    def chat(self, messages, tools=None, output_schema=None, **kwargs) -> ChatMessage:
        last = messages[-1]
        if last.content == "die":
            os._exit(7)
        if last.content == "large":
            return ChatMessage(role=MessageRole.ASSISTANT, content="x" * (257 << 20))
        if last.content.startswith("leave "):
            _leave(last.content.removeprefix("leave "))
        if last.content == "fail":
            msg = "the model is out of order"
            raise LookupError(msg)
        if last.role is not MessageRole.TOOL:
            name = tools[0].metadata.name
            assert "number" in tools[0].metadata.get_parameters_dict()["properties"], tools[0].metadata
            call = {"name": name, "arguments": {"number": int(last.content)}}
            return ChatMessage(role=MessageRole.ASSISTANT, tool_calls=[{"id": "1", "type": "function", "function": call}])
        return ChatMessage(role=MessageRole.ASSISTANT, content=f"{kwargs['model']} in Python: it is {last.content}")


def _leave(stay: str) -> None:
    """End this process, but not one that was forked and has left its group; that lives as long as there is a file ``stay``."""
    told, tell = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.write(tell, b"!")
        until = time.monotonic() + 300
        while os.path.exists(stay) and time.monotonic() < until:
            time.sleep(0.01)
        os._exit(0)
    os.read(told, 1)
    os._exit(7)


class AwaitedOwn(Own):
    """The same, without a thread that waits."""

    async def chat(self, messages, tools=None, output_schema=None, **kwargs) -> ChatMessage:
        return super().chat(messages, tools, output_schema, **kwargs)


class OwnSetup(BaseChatModelSetup):
    @property
    def model_kwargs(self) -> dict:
        return {"model": self.model}


class Letters(BaseEmbeddingModelConnection):
    """How often a, b and c are in a text."""

    def embed(self, text, **kwargs):
        if isinstance(text, str):
            return [float(text.count(letter)) for letter in "abc"]
        return [self.embed(one) for one in text]


class LettersSetup(BaseEmbeddingModelSetup):
    @property
    def model_kwargs(self) -> dict:
        return {}


def doubled(number: int) -> int:
    """Double a number."""
    assert type(number) is int
    if number < 0:
        msg = "nothing below zero"
        raise ValueError(msg)
    return 2 * number


class UsesJava(Agent):
    """Takes [model, number], and says what the model's tool made of it; or ["find", text], for what is most like a text."""

    def __init__(self) -> None:
        super().__init__()
        self.add_resource("doubled", ResourceType.TOOL, FunctionTool(
            func=JavaFunction(qualname=f"{TEST}Tools", method_name="doubled", parameter_types=["int"])
        ))

    @chat_model_connection
    @staticmethod
    def java_connection():
        return ResourceDescriptor(clazz=ResourceName.ChatModel.JAVA_WRAPPER_CONNECTION, java_clazz=f"{TEST}Own")

    @chat_model_connection
    @staticmethod
    def python_connection():
        return ResourceDescriptor(clazz=f"{__name__}.Own")

    @chat_model_setup
    @staticmethod
    def java():
        return ResourceDescriptor(
            clazz=ResourceName.ChatModel.JAVA_WRAPPER_SETUP, java_clazz=f"{TEST}OwnSetup",
            connection="java_connection", model="m", tools=["doubled"],
        )

    @chat_model_setup
    @staticmethod
    def java_over_python():
        return ResourceDescriptor(
            clazz=ResourceName.ChatModel.JAVA_WRAPPER_SETUP, java_clazz=f"{TEST}OwnSetup",
            connection="python_connection", model="m", tools=["doubled"],
        )

    @chat_model_setup
    @staticmethod
    def python_over_java():
        return ResourceDescriptor(clazz=f"{__name__}.OwnSetup", connection="java_connection", model="m", tools=["doubled"])

    @embedding_model_connection
    @staticmethod
    def letters():
        return ResourceDescriptor(clazz=ResourceName.EmbeddingModel.JAVA_WRAPPER_CONNECTION, java_clazz=f"{TEST}Letters")

    @embedding_model_setup
    @staticmethod
    def embeddings():
        return ResourceDescriptor(
            clazz=ResourceName.EmbeddingModel.JAVA_WRAPPER_SETUP, java_clazz=f"{TEST}LettersSetup",
            connection="letters", model="m",
        )

    @vector_store
    @staticmethod
    def store():
        return ResourceDescriptor(
            clazz=ResourceName.VectorStore.JAVA_WRAPPER_COLLECTION_MANAGEABLE_VECTOR_STORE,
            java_clazz="org.apache.flink.agents.integrations.vectorstores.embedded.EmbeddedVectorStore",
            embedding_model="embeddings",
        )

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        what, value = InputEvent.from_event(event).input
        if what != "find":
            ctx.send_event(ChatRequestEvent(model=what, messages=[ChatMessage(content=str(value))]))
            return
        store = ctx.get_resource("store", ResourceType.VECTOR_STORE)
        store.add([Document(content=text, id=text, metadata={"long": len(text)}) for text in ("aaa", "bb", "abc")])
        found = store.get(ids=["bb"])
        assert [(document.content, document.metadata) for document in found] == [("bb", {"long": 2})], found
        ctx.send_event(ContextRetrievalRequestEvent(query=value, vector_store="store", max_results=1))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=ChatResponseEvent.from_event(event).response.content))

    @action(ContextRetrievalResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell_found(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=[d.content for d in ContextRetrievalResponseEvent.from_event(event).documents]))
