"""The classes of ResourceName: all providers, embeddings, stores; inside of agents and without one."""

import asyncio
import inspect
import os
import pickle
import subprocess
import sys
import threading
import time

import pytest
from pydantic import BaseModel

from flink_agents.api.agents.agent import Agent
from flink_agents.api.agents.types import OutputSchema
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.decorators import action
from flink_agents.api.events.context_retrieval_event import (
    ContextRetrievalRequestEvent,
    ContextRetrievalResponseEvent,
)
from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.api.resource import ResourceDescriptor, ResourceName, ResourceType
from flink_agents.api.resource_context import ResourceContext
from flink_agents.api.tools.tool import Tool
from flink_agents.api.vector_stores.vector_store import Document, VectorStoreQuery
from flink_agents.integrations.errors import ModelError
from flink_agents.plan.tools.function_tool import compile_tool

CHAT, EMBEDDING, STORE = ResourceName.ChatModel, ResourceName.EmbeddingModel, ResourceName.VectorStore
CHATS = {
    "openai": (CHAT.OPENAI_COMPLETIONS_CONNECTION, CHAT.OPENAI_COMPLETIONS_SETUP, {"api_base_url": "{}/v1"}),
    "vllm": (CHAT.VLLM_CONNECTION, CHAT.VLLM_SETUP, {"api_base_url": "{}/v1"}),
    "azure": (
        CHAT.AZURE_OPENAI_CONNECTION,
        CHAT.AZURE_OPENAI_SETUP,
        {"azure_endpoint": "{}", "api_key": "k", "api_version": "2024-10-21"},
    ),
    "anthropic": (CHAT.ANTHROPIC_CONNECTION, CHAT.ANTHROPIC_SETUP, {"base_url": "{}", "api_key": "k"}),
    "ollama": (CHAT.OLLAMA_CONNECTION, CHAT.OLLAMA_SETUP, {"base_url": "{}"}),
    "tongyi": (CHAT.TONGYI_CONNECTION, CHAT.TONGYI_SETUP, {"api_base_url": "{}/v1", "api_key": "k"}),
}
EMBEDDINGS = {
    "openai": (EMBEDDING.OPENAI_CONNECTION, EMBEDDING.OPENAI_SETUP, {"base_url": "{}/v1", "api_key": "k"}),
    "ollama": (EMBEDDING.OLLAMA_CONNECTION, EMBEDDING.OLLAMA_SETUP, {"base_url": "{}"}),
    "tongyi": (EMBEDDING.TONGYI_CONNECTION, EMBEDDING.TONGYI_SETUP, {"base_url": "{}/v1", "api_key": "k"}),
}


def made(name, url="", **arguments):
    arguments = {key: value.format(url) if isinstance(value, str) else value for key, value in arguments.items()}
    return ResourceDescriptor(clazz=name).clazz(**arguments)


class Others(ResourceContext):
    """Gives out what it was given."""

    def __init__(self, **resources):
        self.resources = resources

    def get_resource(self, name, resource_type):
        return self.resources[name]

    def generate_available_skills_prompt(self, *skill_names):
        raise NotImplementedError

    def get_skill_dirs(self, *skill_names):
        raise NotImplementedError


def test_all_names_of_python_classes_lead_to_a_class():
    names = [
        value
        for group in (CHAT, EMBEDDING, STORE, ResourceName)
        for key, value in vars(group).items()
        # Long-term memory's store comes with long-term memory.
        if key.isupper() and value.startswith("flink_agents.") and key != "MEM0_VECTOR_STORE"
    ]
    assert len(names) > 20
    for name in names:
        assert inspect.isclass(ResourceDescriptor(clazz=name).clazz)


ASKS = """
import sys
from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.resource import ResourceName
from test_native import Others, made

connection = made(ResourceName.ChatModel.OPENAI_COMPLETIONS_CONNECTION, api_base_url=sys.argv[1])
setup = made(ResourceName.ChatModel.OPENAI_COMPLETIONS_SETUP, connection="c", model="m1", resource_context=Others(c=connection))
print(setup.chat([ChatMessage(content="hello")]).content)
"""


def test_a_model_without_tls_needs_no_certificates_of_the_system(model_server, tmp_path):
    server = model_server({"answers": [{"text": "You said: $last"}]})
    none = tmp_path / "none.pem"
    none.touch()
    environment = {**os.environ, "SSL_CERT_FILE": str(none), "SSL_CERT_DIR": str(tmp_path), "PYTHONPATH": os.path.dirname(__file__)}

    def asks(address):
        return subprocess.run([sys.executable, "-c", ASKS, address], env=environment, capture_output=True, text=True, timeout=120)

    plain = asks(f"{server.url}/v1")
    assert (plain.returncode, plain.stdout.strip()) == (0, "You said: hello"), plain.stderr
    # With TLS it does; nobody listens at this address.
    assert "certificate" in asks("https://127.0.0.1:1/v1").stderr.lower()


def adds(a: int, b: int) -> int:
    """Add."""
    return a + b


@pytest.mark.parametrize("provider", CHATS)
def test_chats_with_every_provider_outside_of_actions(model_server, provider):
    usage = {"prompt": 4, "completion": 2}
    server = model_server(
        {"when": {"contains": "add"}, "answers": [{"tool_calls": [{"name": "adds", "arguments": {"a": 1, "b": 2}}]}]},
        {"answers": [{"text": "You said: $last", "usage": usage}]},
    )
    connection_name, setup_name, arguments = CHATS[provider]
    connection = made(connection_name, server.url, **arguments)
    declared = Tool.from_callable(adds)
    tool = compile_tool("adds", declared.func, {})
    setup = made(setup_name, connection="c", model="m1", tools=[tool], resource_context=Others(c=connection))
    answer = setup.chat([ChatMessage(content="hello")])
    assert (answer.role, answer.content) == (MessageRole.ASSISTANT, "You said: hello")
    assert (answer.extra_args["promptTokens"], answer.extra_args["completionTokens"]) == (4, 2)
    answer = asyncio.run(setup.chat_async([ChatMessage(content="add")]))
    (call,) = answer.tool_calls
    assert call["function"] == {"name": "adds", "arguments": {"a": 1, "b": 2}}
    result = ChatMessage(role=MessageRole.TOOL, content="3", extra_args={"external_id": call.get("original_id")})
    assert setup.chat([ChatMessage(content="x"), answer, result]).content == "You said: 3"
    connection.close()
    assert setup.chat([ChatMessage(content="again")]).content == "You said: again"


def test_a_schema_goes_to_the_provider_where_it_can_be_kept(model_server):
    class Point(BaseModel):
        x: int

    server = model_server({"answers": [{"text": '{"x": 1}'}]})
    connection = made(CHAT.OPENAI_COMPLETIONS_CONNECTION, server.url, api_base_url="{}/v1")
    for strategy, sent in (("auto", True), ("prompt", False)):
        setup = made(
            CHAT.OPENAI_COMPLETIONS_SETUP,
            connection="c",
            model="gpt-4o",
            structured_output_strategy=strategy,
            resource_context=Others(c=connection),
        )
        setup.chat([ChatMessage(content="?")], output_schema=OutputSchema(output_schema=Point))
        assert ("response_format" in server.chats()[-1]) is sent


def test_limits_are_divided_by_the_processes_that_share_them(model_server):
    class Shared(Others):
        parallelism = 3

    server = model_server({"answers": [{"text": "ok", "delay_ms": 200}]})
    arguments = {"max_concurrent_requests": 3, "api_base_url": "{}/v1"}
    connection = made(CHAT.OPENAI_COMPLETIONS_CONNECTION, server.url, resource_context=Shared(), **arguments)

    async def three():
        await asyncio.gather(*(connection.chat_async([ChatMessage(content="?")], model="m") for _ in range(3)))

    began = time.monotonic()
    asyncio.run(three())
    # One at a time: what the others of the job may use is left to them.
    assert time.monotonic() - began >= 0.6


def test_arguments_are_checked_when_the_resource_is_opened():
    with pytest.raises(ModelError, match="argument 'bas_url' of the ollama connection: is unknown"):
        made(CHAT.OLLAMA_CONNECTION, bas_url="x").open()
    with pytest.raises(ValueError, match="argument 'temprature' of the openai chat setup: is unknown"):
        made(CHAT.OPENAI_COMPLETIONS_SETUP, connection="c", temprature=1).open()
    with pytest.raises(ValueError, match="argument 'http_client' of OpenAIChatModelConnection is a object"):
        made(CHAT.OPENAI_COMPLETIONS_CONNECTION, http_client=object()).open()


def test_an_error_can_be_read_by_programs_and_travels():
    connection = made(CHAT.OLLAMA_CONNECTION, "http://127.0.0.1:9", base_url="{}", max_retries=1)
    with pytest.raises(ModelError, match="Connection refused") as raised:
        connection.chat([ChatMessage(content="x")], model="m")
    error = pickle.loads(pickle.dumps(raised.value))
    assert (error.kind, error.model, error.attempt, error.attempts, error.status) == ("unreachable", "m", 2, 2, None)
    assert error.may_pass is True and error.retry_after is None


def test_other_threads_go_on_while_one_waits_and_a_cancelled_question_is_given_up(model_server):
    server = model_server({"answers": [{"hang": True}]})
    connection = made(CHAT.OLLAMA_CONNECTION, server.url, base_url="{}", timeout=30, max_retries=0)

    async def ask():
        await asyncio.wait_for(connection.chat_async([ChatMessage(content="x")], model="m"), 0.3)

    began = time.monotonic()
    with pytest.raises((asyncio.TimeoutError, TimeoutError)):
        asyncio.run(ask())

    def block():
        with pytest.raises(ModelError, match="attempt 1 of 1"):
            connection.chat([ChatMessage(content="x")], model="m")

    waiting = threading.Thread(target=block, daemon=True)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive() and time.monotonic() - began < 10
    server.stop()
    waiting.join(10)
    assert not waiting.is_alive()


@pytest.mark.parametrize("provider", EMBEDDINGS)
def test_embeddings_of_every_provider(model_server, provider):
    server = model_server(dimensions=8)
    connection_name, setup_name, arguments = EMBEDDINGS[provider]
    setup = made(setup_name, connection=made(connection_name, server.url, **arguments), model="e")
    one = setup.embed("a text")
    assert len(one) == 8 and setup.embed(["a text", "b"])[0] == one
    assert asyncio.run(setup.embed_async("a text")) == one
    assert setup.embed_with_usage("a text").embeddings == one


@pytest.mark.parametrize("store", ["memory", "file", "chroma"])
def test_stores_add_find_change_and_delete(model_server, tmp_path, store):
    server = model_server()
    setup = made(
        EMBEDDING.OLLAMA_SETUP, connection=made(EMBEDDING.OLLAMA_CONNECTION, server.url, base_url="{}"), model="e"
    )
    name, arguments = {
        "memory": ("flink_agents.integrations.vector_stores.embedded.EmbeddedVectorStore", {}),
        "file": (
            "flink_agents.integrations.vector_stores.embedded.EmbeddedVectorStore", {"path": str(tmp_path / "v")}
        ),
        "chroma": (STORE.CHROMA_VECTOR_STORE, {"persist_directory": str(tmp_path / "d")}),
    }[store]
    documents = made(name, embedding_model=setup, **arguments)
    documents.open()
    first, second = documents.add([
        Document(content="rust is a language", metadata={"year": 2015}),
        Document(content="ulm is a city", metadata={"year": 850}),
    ])
    found = documents.query(VectorStoreQuery(query_text="which city is ulm", limit=1)).documents
    assert [(document.id, document.content) for document in found] == [(second, "ulm is a city")]
    assert 0 < found[0].score <= 1
    assert asyncio.run(documents.query_async(VectorStoreQuery(query_text="a language", limit=1))).documents[0].id == first
    assert [d.id for d in documents.get(filters={"year": 2015})] == [first]
    documents.update(Document(id=first, content="rust is oxide", metadata={"year": 2015}))
    assert documents.get(first)[0].content == "rust is oxide"
    documents.delete(first)
    assert [document.id for document in documents.get()] == [second]
    documents.create_collection_if_not_exists("other")
    assert documents.get(collection_name="other") == []
    documents.delete_collection("other")
    with pytest.raises(ValueError, match="no collection 'other'"):
        documents.get(collection_name="other")
    with pytest.raises(ValueError, match="vectors of 64 numbers.*has 2"):
        documents.add(Document(content="x", embedding=[1.0, 2.0]))
    documents.close()
    left = made(name, embedding_model=setup, **arguments).get()
    assert [document.id for document in left] == ([] if store == "memory" else [second])


def test_adding_makes_the_collection_where_that_is_wanted(tmp_path):
    path = str(tmp_path / "store")
    name = "flink_agents.integrations.vector_stores.embedded.EmbeddedVectorStore"
    document = Document(id="1", content="x", embedding=[1.0, 0.0])
    fixed = made(name, path=path, auto_create_collection=False)
    for place in (None, "more"):
        with pytest.raises(ValueError, match=f"no collection '{place or 'documents'}'"):
            fixed.add(document, place)
    makes = made(name, path=path, collection=None)
    assert makes.add(document, "more") == ["1"]
    assert makes.add(document) == ["1"]
    makes.delete_collection("documents")
    assert makes.add(document) == ["1"]
    assert [document.id for place in ("documents", "more") for document in fixed.get(collection_name=place)] == ["1", "1"]


def test_arguments_of_stores_are_checked_when_they_are_opened(tmp_path):
    (tmp_path / "chroma.sqlite3").touch()
    with pytest.raises(ValueError, match="has files of Chroma itself"):
        made(STORE.CHROMA_VECTOR_STORE, persist_directory=str(tmp_path)).open()
    with pytest.raises(ValueError, match="argument 'hots' of Chroma's vector store: is unknown"):
        made(STORE.CHROMA_VECTOR_STORE, hots="localhost").open()
    with pytest.raises(ValueError, match="'client_settings' of ChromaVectorStore: settings of Chroma's Python client"):
        made(STORE.CHROMA_VECTOR_STORE, client_settings=object())
    nowhere = made(STORE.CHROMA_VECTOR_STORE, host="127.0.0.1", port=9, max_retries=0)
    with pytest.raises(RuntimeError, match="vector store 'ChromaVectorStore' at http://127.0.0.1:9: .*Check host"):
        nowhere.get()


@pytest.mark.skipif("FLINK_AGENTS_CHROMA" not in os.environ, reason="scripts/chroma-server run starts a server for it")
def test_a_server_of_chroma_keeps_documents():
    place = {"host": os.environ["FLINK_AGENTS_CHROMA"], "collection": f"python-{os.getpid()}"}
    store = made(STORE.CHROMA_VECTOR_STORE, **place)
    assert store.get() == []
    add = [
        Document(id="a", content="rust", metadata={"year": 2015, "kind": "language"}, embedding=[1.0, 0.0]),
        Document(id="b", content="ulm", metadata={"year": 850}, embedding=[0.0, 1.0]),
    ]
    assert store.add(add) == ["a", "b"]
    other = made(STORE.CHROMA_VECTOR_STORE, **place)
    assert [document.content for document in other.get("b")] == ["ulm"]
    nearest = asyncio.run(other._query_embedding_async([0.9, 0.1], limit=1))
    assert [(document.id, document.metadata["kind"]) for document in nearest] == [("a", "language")]
    assert [document.id for document in other._query_embedding([0.9, 0.1], filters={"year": 850})] == ["b"]
    store.update(Document(id="a", content="oxide", embedding=[1.0, 0.0]))
    assert [(document.content, document.metadata) for document in other.get("a")] == [("oxide", {})]
    store.delete(filters={"year": 850})
    assert [document.id for document in other.get()] == ["a"]
    store.create_collection_if_not_exists("python-other", metadata={"of": "tests"})
    assert store.get(collection_name="python-other") == []
    store.delete_collection("python-other")
    with pytest.raises(ValueError, match="no collection 'python-other'"):
        store.get(collection_name="python-other")
    store.delete_collection(place["collection"])


class Retrieves(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event, ctx):
        store = ctx.get_resource("store", ResourceType.VECTOR_STORE)
        store.add([Document(id="r", content="rust is a language"), Document(id="u", content="ulm is a city")])
        query = InputEvent.from_event(event).input
        ctx.send_event(ContextRetrievalRequestEvent(query=query, vector_store="store", max_results=1))

    @action(ContextRetrievalResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell(event, ctx):
        documents = ContextRetrievalResponseEvent.from_event(event).documents
        ctx.send_event(OutputEvent(output=[document.id for document in documents]))


@pytest.mark.parametrize("asynchronous", ["true", "false"])
def test_context_is_retrieved_by_an_event(model_server, run, asynchronous):
    server = model_server()
    agent = Retrieves()
    connection = ResourceDescriptor(clazz=EMBEDDING.OLLAMA_CONNECTION, base_url=server.url)
    agent.add_resource("server", ResourceType.EMBEDDING_MODEL_CONNECTION, connection)
    setup = ResourceDescriptor(clazz=EMBEDDING.OLLAMA_SETUP, connection="server", model="e")
    agent.add_resource("words", ResourceType.EMBEDDING_MODEL, setup)
    store = ResourceDescriptor(
        clazz="flink_agents.integrations.vector_stores.embedded.EmbeddedVectorStore", embedding_model="words"
    )
    agent.add_resource("store", ResourceType.VECTOR_STORE, store)
    assert run([("k", "which city?")], agent, {"rag.async": asynchronous}) == [("k", ["u"])]
