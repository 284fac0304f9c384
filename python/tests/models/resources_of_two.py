"""Resources of two sides that ask each other for them, for tests."""

import asyncio
from typing import ClassVar

from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection, BaseChatModelSetup
from flink_agents.api.embedding_models.embedding_model import (
    BaseEmbeddingModelConnection,
    BaseEmbeddingModelSetup,
    EmbeddingResult,
    EmbeddingTokenUsage,
)
from flink_agents.api.resource import ResourceDescriptor, ResourceType
from flink_agents.api.tools.tool import Tool, ToolMetadata, ToolType
from flink_agents.api.vector_stores.vector_store import (
    BaseVectorStore,
    CollectionManageableVectorStore,
    Document,
    VectorStoreQueryResult,
)
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.plan.configuration import AgentConfiguration
from flink_agents.plan.resource_provider import JavaResourceProvider, PythonResourceProvider


class Talker(BaseChatModelConnection):
    """Says what it was asked."""

    def chat(self, messages, tools=None, output_schema=None, **kwargs):
        told = [(tool.name, tool.metadata.description, tool.metadata.get_parameters_dict()) for tool in tools or ()]
        said = " | ".join(f"{message.role.value}:{message.content}" for message in messages)
        extra = {"parameters": kwargs, "tools": told, "tokens": messages[-1].extra_args}
        return ChatMessage(role=MessageRole.ASSISTANT, content=said, tool_calls=messages[-1].tool_calls, extra_args=extra)


class LoopBound(BaseChatModelConnection):
    """Has a client that works on the loop alone on which it was first used."""

    most: ClassVar[int] = 0
    asking: ClassVar[int] = 0
    loops: ClassVar[set] = set()
    together: ClassVar[int] = 1
    met: ClassVar = None

    async def chat(self, messages, tools=None, output_schema=None, **kwargs):
        cls = type(self)
        cls.loops.add(asyncio.get_running_loop())
        cls.met = cls.met or asyncio.Event()
        cls.asking += 1
        cls.most = max(cls.most, cls.asking)
        if cls.asking == cls.together:
            cls.met.set()
        await asyncio.wait_for(cls.met.wait(), 20)
        cls.asking -= 1
        return ChatMessage(role=MessageRole.ASSISTANT, content=f"awaited {messages[-1].content}")


class Setup(BaseChatModelSetup):
    """Asks with a parameter."""

    @property
    def model_kwargs(self):
        return {"model": self.model, "temperature": 0.5}


class Numbers(BaseEmbeddingModelConnection):
    """Makes vectors of the lengths of texts, and counts."""

    def embed(self, text, **kwargs):
        return self.embed_with_usage(text, **kwargs).embeddings

    def embed_with_usage(self, text, **kwargs):
        scale = kwargs.get("scale", 1)
        one = isinstance(text, str)
        vectors = [[float(len(each)) * scale, 1] for each in ([text] if one else text)]
        return EmbeddingResult(vectors[0] if one else vectors, EmbeddingTokenUsage(len(vectors), 2 * len(vectors)))


class AwaitedNumbers(BaseEmbeddingModelConnection):
    """Makes them in a coroutine."""

    async def embed(self, text, **kwargs):
        await asyncio.sleep(0)
        return [[float(len(each))] for each in text]


class EmbeddingSetup(BaseEmbeddingModelSetup):
    """Asks for larger ones."""

    @property
    def model_kwargs(self):
        return {"scale": 10}


class OwnEmbedding(EmbeddingSetup):
    """Does it without its connection."""

    def embed(self, text, **kwargs):
        return [[7.0] for _ in text]


class Shelf(CollectionManageableVectorStore):
    """Keeps documents in a dict of collections."""

    _kept: dict = {}

    def open(self):
        self._kept = {}

    @property
    def store_kwargs(self):
        return {}

    def add(self, documents, collection_name=None, **kwargs):
        kept = self._kept.setdefault(collection_name or "own", {})
        for document in documents:
            kept[document.id] = document.model_copy(update={"metadata": {**document.metadata, **kwargs}})
        return [document.id for document in documents]

    def update(self, documents, collection_name=None, **kwargs):
        self.add(documents, collection_name, **kwargs)

    def query(self, query):
        found = list(self._kept[query.collection_name or "own"].values())[: query.limit]
        seen = {"mode": query.mode.value, "filters": query.filters, **query.extra_args}
        documents = [d.model_copy(update={"score": 0.25, "metadata": {**d.metadata, **seen}}) for d in found]
        return VectorStoreQueryResult(documents=documents)

    def get(self, ids=None, collection_name=None, filters=None, limit=100, **kwargs):
        kept = self._kept[collection_name or "own"]
        return [document for id, document in kept.items() if ids is None or id in ids][:limit]

    def delete(self, ids=None, collection_name=None, filters=None, **kwargs):
        for id in list(self._kept[collection_name or "own"]) if ids is None else ids:
            del self._kept[collection_name or "own"][id]

    def create_collection_if_not_exists(self, name, **kwargs):
        self._kept.setdefault(name, {f"made {sorted(kwargs)}": Document(content="first", id="0")})

    def delete_collection(self, name):
        del self._kept[name]

    def _query_embedding(self, embedding, limit=10, collection_name=None, filters=None, **kwargs):
        raise NotImplementedError

    def _add_embedding(self, *, documents, collection_name=None, **kwargs):
        raise NotImplementedError

    def _update_embedding(self, *, documents, collection_name=None, **kwargs):
        raise NotImplementedError


class AwaitedStore(Shelf):
    """Waits before it answers."""

    async def query(self, query):
        await asyncio.sleep(0)
        return VectorStoreQueryResult(documents=[Document(content=query.query_text)])


class Bounce(Tool):
    """Calls the same of the other side, as often as it is told."""

    other: str
    metadata: ToolMetadata = ToolMetadata(
        name="bounce",
        description="Goes to and fro.",
        args_schema={"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}, "required": ["n"]},
    )

    @classmethod
    def tool_type(cls):
        return ToolType.FUNCTION

    def call(self, *args, **kwargs):
        if kwargs["n"] == 0:
            return 0
        return 1 + self.resource_context.get_resource(self.other, ResourceType.TOOL).call(n=kwargs["n"] - 1)


def python(name, kind, cls, **arguments):
    """Return the recipe of a resource of a class."""
    descriptor = ResourceDescriptor(clazz=f"{cls.__module__}.{cls.__qualname__}", arguments=arguments)
    return PythonResourceProvider(name, kind, descriptor)


def java(name, kind, clazz="org.example.Of", **arguments):
    """Return the recipe of a resource of the other side, as plans of Java have it."""
    descriptor = ResourceDescriptor(target_module="", target_clazz=clazz, arguments=arguments)
    return JavaResourceProvider(name, kind, descriptor)


def plan_of(*providers, **config):
    """Return a plan that has nothing but resources."""
    named = {}
    for provider in providers:
        named.setdefault(provider.type, {})[provider.name] = provider
    return AgentPlan("both", {}, named, AgentConfiguration({key.replace("_", "-"): value for key, value in config.items()}))


class Plain(BaseVectorStore):
    """Has one collection."""

    @property
    def store_kwargs(self):
        return {}

    def get(self, ids=None, collection_name=None, filters=None, limit=100, **kwargs):
        return []

    def delete(self, ids=None, collection_name=None, filters=None, **kwargs):
        raise NotImplementedError

    def _query_embedding(self, embedding, limit=10, collection_name=None, filters=None, **kwargs):
        raise NotImplementedError

    def _add_embedding(self, *, documents, collection_name=None, **kwargs):
        raise NotImplementedError

    def _update_embedding(self, *, documents, collection_name=None, **kwargs):
        raise NotImplementedError
