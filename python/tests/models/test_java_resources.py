"""Resources that are written in Java in plans of Python, and those of Python in plans of Java."""

import json

import pytest

from exchange_pair import Side, ends
from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection
from flink_agents.api.chat_models.java_chat_model import JavaChatModelSetup
from flink_agents.api.decorators import (
    action,
    chat_model_connection,
    chat_model_setup,
    embedding_model_connection,
    embedding_model_setup,
    java_resource,
    tool,
    vector_store,
)
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.context_retrieval_event import ContextRetrievalRequestEvent, ContextRetrievalResponseEvent
from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.function import JavaFunction
from flink_agents.api.resource import ResourceDescriptor, ResourceName, ResourceType
from flink_agents.api.tools.function_tool import FunctionTool
from flink_agents.api.tools.java_tool import JavaTool
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.plan.resource_provider import provider_from_json
from flink_agents.runtime.resources import ResourceCache
from resources_of_two import EmbeddingSetup, Numbers, Shelf, Talker, java, plan_of, python

CHAT, TOOL, PROMPT = ResourceType.CHAT_MODEL, ResourceType.TOOL, ResourceType.PROMPT
JAVA_TOOL = JavaFunction(qualname="org.example.Tools", method_name="add", parameter_types=["int"])
TEMPLATE = "org.apache.flink.agents.api.prompt.Prompt$LocalPrompt$"


class Asker:
    """Knows what is asked of Java, and answers by a function."""

    def __init__(self, answer=lambda *_: None):
        self.asked = []
        self.answer = answer

    def ask(self, type, name, method, arguments):
        self.asked.append((type.value, name, method))
        return self.answer(type, name, method, arguments)


def cache_of(*providers, asker=None, **config):
    cache = ResourceCache(plan_of(*providers, **config))
    cache.connect(asker or Asker())
    return cache


def serialized(name, kind, clazz="org.example.Own", **fields):
    return provider_from_json(
        {
            "name": name,
            "type": kind.value,
            "module": "org.example",
            "clazz": clazz,
            "serializedResource": json.dumps(fields),
            "__resource_provider_type__": "JavaSerializableResourceProvider",
        }
    )


def price(product: str, shop: str) -> str:
    """Tell what a product costs.

    Parameters
    ----------
    product
        Its name.
    """
    return f"{product} at {shop}"


def python_tool(name, func):
    """Return a tool of a Java plan that is a Python function; of its metadata the plan has the name."""
    return serialized(
        name,
        TOOL,
        "org.apache.flink.agents.plan.tools.FunctionTool",
        metadata={"name": name, "description": "", "inputSchema": "{}"},
        injected_args={"shop": {"source": "config", "key": "shop.name"}},
        function={"func_type": "PythonFunction", "module": __name__, "qualname": func},
    )


@java_resource
class Marked(JavaChatModelSetup):
    """Stands for one of a user's own."""

    mood: str = ""


def test_prompts_of_java_are_formatted_here():
    messages = [{"role": "system", "content": "You are {kind}", "tool_calls": [], "extra_args": {}}]
    cache = cache_of(
        serialized("text", PROMPT, template={"@class": f"{TEMPLATE}StringTemplate", "content": "Hello {name}"}),
        serialized("messages", PROMPT, template={"@class": f"{TEMPLATE}MessagesTemplate", "messages": messages}),
        serialized("remote", PROMPT, "org.example.MCPPrompt", server={}),
        java("made", PROMPT),
    )
    assert cache.get_resource("text", PROMPT).format_string(name="you") == "Hello you"
    (message,) = cache.get_resource("messages", PROMPT).format_messages(kind="kind")
    assert (message.role, message.content) == (MessageRole.SYSTEM, "You are kind")
    for name, clazz in (("remote", "org.example.MCPPrompt"), ("made", "org.example.Of")):
        with pytest.raises(NotImplementedError, match=f"The prompt '{name}' is {clazz}, a Java class, and Python cannot"):
            cache.get_resource(name, PROMPT)


@pytest.mark.parametrize("kind", [ResourceType.MCP_SERVER, ResourceType.SKILLS])
def test_tool_servers_and_skills_of_java_stay_there(kind):
    cache = cache_of(java("made", kind), serialized("read", kind))
    for name in ("made", "read"):
        with pytest.raises(NotImplementedError, match=f"The {kind.value} '{name}' is org.example.O"):
            cache.get_resource(name, kind)


def test_a_python_function_is_a_tool_of_a_java_plan():
    found = cache_of(python_tool("cost", "price")).get_resource("cost", TOOL)
    assert (found.name, found.metadata.description.strip()) == ("cost", "Tell what a product costs.")
    assert list(found.metadata.get_parameters_dict()["properties"]) == ["product"]
    assert found.injected_args["shop"].key == "shop.name"
    assert found.call(product="tea", shop="here") == "tea at here"
    with pytest.raises(ImportError, match="The tool 'lost' cannot be made: .*has no lost"):
        cache_of(python_tool("lost", "lost")).get_resource("lost", TOOL)


def test_tools_of_a_java_plan_are_asked_for_and_described_by_the_plan():
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    metadata = {"name": "add", "description": "Adds", "inputSchema": json.dumps(schema)}
    function = {"func_type": "JavaFunction", "qualname": "A", "method_name": "add", "parameter_types": ["int"]}
    asker = Asker(lambda *asked: asked[3]["arguments"]["a"] + 1)
    cache = cache_of(
        serialized("add", TOOL, metadata=metadata, function=function, injected_args={"b": {"source": "config"}}),
        serialized("own", TOOL, metadata=metadata),
        serialized("bare", TOOL),
        asker=asker,
    )
    for name in ("add", "own"):
        found = cache.get_resource(name, TOOL)
        assert (found.name, found.metadata.description) == ("add", "Adds")
        assert found.metadata.get_parameters_dict() == schema
        assert found.call(a=1) == 2
    assert cache.get_resource("add", TOOL).injected_args["b"].key == "b"
    assert isinstance(cache.get_resource("bare", TOOL), JavaTool)
    assert asker.asked == [("tool", "add", "call"), ("tool", "own", "call")]


def test_a_python_class_of_a_java_plan_is_made_of_its_arguments():
    descriptor = {
        "target_module": "",
        "target_clazz": "org.apache.flink.agents.api.chat.model.python.PythonChatModelConnection",
        "arguments": {"pythonClazz": f"{__name__}.Own", "base": "x"},
    }
    known = {"name": "c", "type": "chat_model_connection", "descriptor": descriptor}
    provider = provider_from_json({**known, "__resource_provider_type__": "PythonResourceProvider"})
    assert provider.to_json()["descriptor"] == descriptor
    plan = plan_of(provider, **{"Own.timeout": 7})
    made = ResourceCache(plan).get_resource("c", ResourceType.CHAT_MODEL_CONNECTION)
    assert (type(made), made.base, made.timeout, made._resource_name) == (Own, "x", 7, "c")


class Own(BaseChatModelConnection):
    base: str
    timeout: int = 0

    def chat(self, messages, tools=None, output_schema=None, **kwargs):
        raise NotImplementedError


def test_resources_of_a_java_plan_have_what_stands_for_them_by_type():
    names = {
        CHAT: "JavaChatModelSetup",
        ResourceType.CHAT_MODEL_CONNECTION: "JavaChatModelConnection",
        ResourceType.EMBEDDING_MODEL: "JavaEmbeddingModelSetup",
        ResourceType.EMBEDDING_MODEL_CONNECTION: "JavaEmbeddingModelConnection",
        ResourceType.VECTOR_STORE: "JavaCollectionManageableVectorStore",
        TOOL: "JavaTool",
    }
    asker = Asker()
    # Arguments of Java may be of any type.
    odd = {"tools": {"a": 1}, "prompt": [], "connection": 3, "model": None}
    cache = cache_of(*(java("r", kind, **odd) for kind in names), asker=asker)
    assert {kind: type(cache.get_resource("r", kind)).__name__ for kind in names} == names
    assert asker.asked == []


class Mixed(Agent):
    """Has resources of Java in all ways, and an action for each."""

    @chat_model_connection
    @staticmethod
    def server():
        clazz = ResourceName.ChatModel.JAVA_WRAPPER_CONNECTION
        return ResourceDescriptor(clazz=clazz, java_clazz="org.example.Connection", url="u")

    @chat_model_setup
    @staticmethod
    def model():
        clazz = ResourceName.ChatModel.JAVA_WRAPPER_SETUP
        return ResourceDescriptor(clazz=clazz, java_clazz="org.example.Setup", connection="server", model="big")

    @chat_model_setup
    @staticmethod
    def marked():
        return ResourceDescriptor(clazz=f"{__name__}.Marked", java_clazz="org.example.Marked", mood="good", model="m")

    @chat_model_setup
    @staticmethod
    def here():
        tools = ["add", "shout"]
        return ResourceDescriptor(clazz="resources_of_two.Setup", connection="server", model="here", tools=tools)

    @embedding_model_connection
    @staticmethod
    def words():
        clazz = ResourceName.EmbeddingModel.JAVA_WRAPPER_CONNECTION
        return ResourceDescriptor(clazz=clazz, java_clazz="org.example.Words")

    @embedding_model_setup
    @staticmethod
    def vectors():
        clazz = ResourceName.EmbeddingModel.JAVA_WRAPPER_SETUP
        return ResourceDescriptor(clazz=clazz, java_clazz="org.example.Vectors", connection="words", model="v")

    @vector_store
    @staticmethod
    def store():
        clazz = ResourceName.VectorStore.JAVA_WRAPPER_VECTOR_STORE
        return ResourceDescriptor(clazz=clazz, java_clazz="org.example.Store", embedding_model="vectors")

    @tool
    @staticmethod
    def shout(text: str) -> str:
        """Shout."""
        return text.upper()

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event, ctx):
        kind, _, text = InputEvent.from_event(event).input.partition(":")
        if kind == "store":
            ctx.send_event(ContextRetrievalRequestEvent(query=text, vector_store="store", max_results=1))
        else:
            ctx.send_event(ChatRequestEvent(model=kind, messages=[ChatMessage(content=text)], prompt_args={"a": 1}))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell(event, ctx):
        ctx.send_event(OutputEvent(output=ChatResponseEvent.from_event(event).response.content))

    @action(ContextRetrievalResponseEvent.EVENT_TYPE)
    @staticmethod
    def found(event, ctx):
        documents = ContextRetrievalResponseEvent.from_event(event).documents
        ctx.send_event(OutputEvent(output=[document.content for document in documents]))


def mixed():
    return Mixed().add_resource("add", TOOL, FunctionTool(func=JAVA_TOOL))


def said(content, *calls):
    return {"role": "assistant", "content": content, "tool_calls": list(calls), "extra_args": {}}


def answered(type, name, method, arguments):
    """Answer as Java would; a chat wants to have a tool called, once."""
    if method == "metadata":
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
        return {"name": name, "description": "Adds.", "input_schema": json.dumps(schema)}
    if method == "call":
        return arguments["arguments"]["a"] + 1
    if method == "query":
        found = f"{arguments['query_text']} {arguments['limit']}"
        return [{"id": "1", "content": found, "metadata": {}, "embedding": None, "score": 1.0}]
    last = arguments["messages"][-1]
    if last["role"] == "tool":
        return said(f"{name} got {last['content']}")
    if last["content"].startswith("add") or arguments.get("tools"):
        return said("", {"id": "1", "type": "function", "function": {"name": "add", "arguments": {"a": 4}}})
    return said(f"{name} says {last['content']} {arguments['prompt_args']}")


def test_built_in_actions_use_models_tools_and_stores_of_java(run, monkeypatch):
    asker = Asker(answered)
    monkeypatch.setattr(ResourceCache, "java_resources", asker)
    inputs = [("a", "model:hello"), ("b", "model:add"), ("c", "here:count"), ("d", "store:tea")]
    outputs = dict(run(inputs, mixed()))
    assert outputs == {"a": "model says hello {'a': '1'}", "b": "model got 5", "c": "server got 5", "d": ["tea 1"]}
    # Described once, however many chats there are; the setup of Java describes its tools by itself.
    assert asker.asked.count(("tool", "add", "metadata")) == 1
    assert asker.asked.count(("chat_model", "model", "chat")) == 3


def test_a_failure_in_java_is_told_like_any_other(run, monkeypatch):
    from flink_agents.api.java_resource import JavaResourceError

    def fails(*_):
        raise JavaResourceError("java.net.ConnectException", "refused", "at …")

    monkeypatch.setattr(ResourceCache, "java_resources", Asker(fails))
    with pytest.raises(RuntimeError, match=r"JavaResourceError: java\.net\.ConnectException: refused"):
        run([("a", "model:hello")], mixed())


def test_all_types_ask_over_one_connection():
    one, other = ends()
    here = Side(one, AgentPlan.from_json(AgentPlan.from_agent(mixed()).to_json()))
    there = Side(
        other,
        plan_of(
            python("server", ResourceType.CHAT_MODEL_CONNECTION, Talker),
            python("words", ResourceType.EMBEDDING_MODEL_CONNECTION, Numbers),
            python("vectors", ResourceType.EMBEDDING_MODEL, EmbeddingSetup, connection="words", model="v"),
            python("store", ResourceType.VECTOR_STORE, Shelf),
        ),
    )
    try:
        get = here.resources.get_resource
        assert get("marked", CHAT).mood == "good"
        assert get("here", CHAT).connection == "server"
        assert get("vectors", ResourceType.EMBEDDING_MODEL).embed("ab") == [20.0, 1.0]
        assert get("words", ResourceType.EMBEDDING_MODEL_CONNECTION).embed("ab") == [2.0, 1.0]
        assert get("server", ResourceType.CHAT_MODEL_CONNECTION).chat([ChatMessage(content="x")]).content == "user:x"
        assert type(get("store", ResourceType.VECTOR_STORE)).__name__ == "JavaVectorStore"
    finally:
        here.close()
        there.close()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("model:x", "The chat_model 'model' is org.example.Setup, a Java class: without Flink there is no JVM"),
        ("marked:x", "The chat_model 'marked' is org.example.Marked, a Java class: without Flink there is no JVM"),
        ("store:x", "The vector_store 'store' is org.example.Store, a Java class: without Flink"),
        ("here:x", "The chat_model 'here' .*chat_model_connection 'server' is org.example.Connection, a Java class: without"),
    ],
)
def test_without_flink_resources_of_java_are_refused_by_name(run, asked, words):
    with pytest.raises(RuntimeError, match=words):
        run([("k", asked)], mixed())


def test_a_java_tool_without_flink_is_refused_when_it_is_wanted():
    cache = ResourceCache(AgentPlan.from_agent(mixed()))
    found = cache.get_resource("add", TOOL)
    assert found.name == "add"
    for use in (lambda: found.call(a=1), lambda: found.metadata.get_parameters_dict()):
        with pytest.raises(NotImplementedError, match=r"The tool 'add' is the Java method org\.example\.Tools\.add: without"):
            use()


def test_a_provider_tells_in_which_language_its_resource_is():
    plan = AgentPlan.from_agent(mixed())
    of_java = {p.name for named in plan.resource_providers.values() for p in named.values() if p.language == "java"}
    assert of_java == {"server", "model", "marked", "words", "vectors", "store", "add"}


def test_a_plan_with_resources_of_java_can_be_submitted():
    plan = AgentPlan.from_agent(mixed())
    assert plan.travel_problems() == []
    assert AgentPlan.from_json(plan.to_json()).to_dict() == plan.to_dict()
    # It is accepted here, too, and refused when such a resource is asked for.
    AgentsExecutionEnvironment.get_execution_environment().from_list([]).apply(mixed())
