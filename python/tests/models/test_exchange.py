"""Resources that ask those of the other language, and are asked by them, over a connection of which both ends are here."""

import asyncio
import os
import pickle
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from exchange_pair import Side, ends
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.function import JavaFunction, PythonFunction
from flink_agents.api.java_resource import JavaResourceError
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import ResourceType
from flink_agents.api.tools.tool import Tool
from flink_agents.api.vector_stores.vector_store import CollectionManageableVectorStore, Document, VectorStoreQuery
from flink_agents.plan.resource_provider import PythonSerializableResourceProvider
from flink_agents.plan.tools.function_tool import compile_tool
from resources_of_two import (
    AwaitedNumbers,
    AwaitedStore,
    Bounce,
    EmbeddingSetup,
    LoopBound,
    Numbers,
    OwnEmbedding,
    Plain,
    Setup,
    Shelf,
    Talker,
    java,
    plan_of,
    python,
)

CHAT, CONNECTION, TOOL = ResourceType.CHAT_MODEL, ResourceType.CHAT_MODEL_CONNECTION, ResourceType.TOOL
EMBED, EMBED_CONNECTION = ResourceType.EMBEDDING_MODEL, ResourceType.EMBEDDING_MODEL_CONNECTION
STORE = ResourceType.VECTOR_STORE


def add(a: int, b: int = 2) -> int:
    """Adds.

    Parameters
    ----------
    a
        The first.
    """
    return a + b


async def add_later(a: int) -> int:
    """Adds, but later."""
    return a + 1


def leave() -> None:
    """Wants to end the process."""
    raise SystemExit(3)


RESOURCES = {}
HANGING, CANCELLED = threading.Event(), []


async def asks_in_place() -> int:
    """Holds up the loop."""
    return RESOURCES["here"].get_resource("one", TOOL).call(a=0)


async def asks_by_a_thread() -> int:
    """Does not."""
    return await asyncio.to_thread(asyncio.run, asks_in_place())


async def hangs() -> None:
    """Never ends."""
    try:
        HANGING.set()
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        CANCELLED.append("hangs")
        raise


def function(name, func, **injected):
    tool = Tool.from_callable(func, injected_args=injected)
    return PythonSerializableResourceProvider.of(name, TOOL, compile_tool(name, tool.func, tool.injected_args))


def java_function(name, injected=None):
    of = JavaFunction(qualname="org.example.Tools", method_name=name, parameter_types=["int"])
    return PythonSerializableResourceProvider.of(name, TOOL, compile_tool(name, of, injected or {}))


@pytest.fixture
def sides():
    """Return a function that connects two sides, each of a plan."""
    made = []

    def connect(here, there):
        one, other = ends()
        made.extend([Side(one, here), Side(other, there)])
        return made[-2:]

    yield connect
    for side in made:
        side.close()
    assert _threads() == []


@pytest.fixture
def alone():
    """Return a function that makes a side with resources, and gives the other end of its connection, too."""
    made = []

    def make(*providers, **config):
        one, other = ends()
        made.append(Side(one, plan_of(*providers, **config)))
        return made[-1], other

    yield make
    for side in made:
        side.close()
    assert _threads() == []


def _threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("flink-agents-python-exchange")]


@pytest.fixture
def between(sides):
    """Return a function that makes a resource on one side, and gives what stands for it on the other, and both sides."""

    def connect(*providers, **config):
        stand_ins = [java(p.name, p.type, connection="c", model="m") for p in providers if p.language == "python"]
        here, there = sides(plan_of(*stand_ins, **config), plan_of(*providers, **config))
        return here, there

    return connect


def test_a_setup_is_asked_with_its_prompt_arguments_and_parameters(between):
    prompt = PythonSerializableResourceProvider.of("p", ResourceType.PROMPT, Prompt.from_text("Be {mood}."))
    here, there = between(
        python("c", CONNECTION, Talker),
        prompt,
        function("add", add),
        python("m", CHAT, Setup, connection="c", model="big", prompt="p", tools=["add"]),
    )
    setup = here.resources.get_resource("m", CHAT)
    assert (setup.connection, setup.model, setup.provider_name, setup.java_class_name) == ("c", "m", None, "org.example.Of")
    assert there.end.asked == here.end.asked == []
    answer = setup.chat([ChatMessage(content="Hello")], {"mood": 1}, top_p=0.1)
    assert (answer.role, answer.content) == (MessageRole.ASSISTANT, "system:Be 1. | user:Hello")
    assert answer.extra_args["parameters"] == {"model": "big", "temperature": 0.5, "top_p": 0.1}
    assert [tool[0] for tool in answer.extra_args["tools"]] == ["add"]
    assert here.end.asked == [
        {
            "type": "chat_model",
            "name": "m",
            "method": "chat",
            "arguments": {
                "messages": [{"role": "user", "content": "Hello", "tool_calls": [], "extra_args": {}}],
                "prompt_args": {"mood": "1"},
                "parameters": {"top_p": 0.1},
            },
        }
    ]
    assert setup.chat([ChatMessage(content="x")]).content == "system:Be {mood}. | user:x"
    assert here.end.asked[-1]["arguments"]["prompt_args"] is None


def test_a_connection_is_told_of_tools_that_it_cannot_call(between):
    here, _ = between(python("c", CONNECTION, Talker))
    tool = compile_tool("t", PythonFunction.from_callable(add), {})
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
    message = ChatMessage(role=MessageRole.ASSISTANT, tool_calls=[call], extra_args={"n": 1})
    answer = here.resources.get_resource("c", CONNECTION).chat([message], [tool], model="m")
    assert (answer.tool_calls, answer.extra_args["tokens"]) == ([call], {"n": 1})
    assert answer.extra_args["tools"] == [["add", "Adds.", tool.metadata.get_parameters_dict()]]
    assert answer.extra_args["parameters"] == {"model": "m"}


def test_a_setup_has_its_connection_on_the_other_side(sides):
    here, _ = sides(
        plan_of(java("c", CONNECTION), python("m", CHAT, Setup, connection="c", model="big")),
        plan_of(python("c", CONNECTION, Talker)),
    )
    answer = here.resources.get_resource("m", CHAT).chat([ChatMessage(content="Hi")])
    assert (answer.content, answer.extra_args["parameters"]["model"]) == ("user:Hi", "big")


def test_models_of_the_other_language_take_no_schema(between):
    here, _ = between(python("c", CONNECTION, Talker), python("m", CHAT, Setup, connection="c", model="m"))
    for resource in (here.resources.get_resource("c", CONNECTION), here.resources.get_resource("m", CHAT)):
        with pytest.raises(ValueError, match="takes no output_schema"):
            resource.chat([ChatMessage(content="x")], output_schema=object())


def test_embeddings_come_for_one_text_and_for_several_with_what_they_cost(between):
    here, _ = between(
        python("c", EMBED_CONNECTION, Numbers),
        python("m", EMBED, EmbeddingSetup, connection="c", model="m"),
        python("later", EMBED_CONNECTION, AwaitedNumbers),
        python("of_later", EMBED, EmbeddingSetup, connection="later", model="m"),
        python("own", EMBED, OwnEmbedding, connection="c", model="m"),
    )
    connection = here.resources.get_resource("c", EMBED_CONNECTION)
    assert connection.embed("abc", scale=2) == [6.0, 1.0]
    assert connection.embed(["a", "bc"]) == [[1.0, 1.0], [2.0, 1.0]]
    usage = here.resources.get_resource("m", EMBED).embed_with_usage(["a"]).token_usage
    assert (usage.prompt_tokens, usage.total_tokens) == (1, 2)
    assert here.resources.get_resource("m", EMBED).embed("a") == [10.0, 1.0]
    for name, kind in (("later", EMBED_CONNECTION), ("of_later", EMBED)):
        later = here.resources.get_resource(name, kind).embed_with_usage("four")
        assert (later.embeddings, later.token_usage) == ([4.0], None)
    assert here.resources.get_resource("own", EMBED).embed(["x"]) == [[7.0]]


def test_every_method_of_a_store(between):
    here, there = between(python("s", STORE, Shelf), python("later", STORE, AwaitedStore))
    store = here.resources.get_resource("s", STORE)
    assert isinstance(store, CollectionManageableVectorStore)
    first = Document(id="1", content="one", metadata={"a": [1, None]}, embedding=[0.5], score=9.0)
    assert store.add([first, Document(id="2", content="two")], "col", by="me") == ["1", "2"]
    assert "score" not in here.end.asked[0]["arguments"]["documents"][0]
    expected = first.model_copy(update={"metadata": {"a": [1, None], "by": "me"}, "score": None})
    assert store.get("1", "col") == [expected]
    assert [document.id for document in store.get(collection_name="col", limit=None)] == ["1", "2"]
    assert store.get(["1", "2"], "col", {"x": 1}, 1) == [expected]
    question = VectorStoreQuery(query_text="o", limit=1, collection_name="col", filters={"f": 1}, extra_args={"e": 2})
    (found,) = store.query(question).documents
    seen = {"mode": "semantic", "filters": {"f": 1}, "e": 2}
    assert (found.score, found.embedding, found.metadata) == (0.25, [0.5], {**expected.metadata, **seen})
    store.update(Document(id="2", content="TWO"), "col")
    assert store.get("2", "col")[0].content == "TWO"
    store.delete(["1"], "col")
    assert [document.id for document in store.get(collection_name="col")] == ["2"]
    store.delete(collection_name="col")
    assert store.get(collection_name="col") == []
    store.create_collection_if_not_exists("new", metadata={})
    assert list(there.resources.get_resource("s", STORE)._kept["new"]) == ["made ['metadata']"]
    store.delete_collection("new")
    assert "new" not in there.resources.get_resource("s", STORE)._kept
    later = here.resources.get_resource("later", STORE)
    assert later.query(VectorStoreQuery(query_text="t")).documents[0].content == "t"
    with pytest.raises(NotImplementedError, match="call add, update and query"):
        later._query_embedding([1.0])


def test_collections_of_a_store_without_them_are_refused(between):
    here, _ = between(python("s", STORE, Plain))
    with pytest.raises(JavaResourceError, match="collections of a Plain cannot be made"):
        here.resources.get_resource("s", STORE).create_collection_if_not_exists("x")


def test_tools_are_described_when_that_is_wanted_and_called_by_name(sides):
    stand_in = java_function("add", {"b": {"source": "config"}})
    here, _ = sides(plan_of(stand_in), plan_of(function("add", add)))
    tool = here.resources.get_resource("add", TOOL)
    assert (tool.name, here.end.asked) == ("add", [])
    assert tool.metadata.description == "Adds."
    # What is injected is not the model's to fill.
    assert list(tool.metadata.get_parameters_dict()["properties"]) == ["a"]
    assert tool.metadata.get_parameters_dict()["properties"]["a"]["description"] == "The first."
    assert [asked["method"] for asked in here.end.asked] == ["metadata"]
    assert (tool.call(a=1, b=5), tool.call(a=1.0)) == (6, 3)
    with pytest.raises(TypeError, match="by name"):
        tool.call(1)
    with pytest.raises(JavaResourceError, match=r"builtins\.TypeError: the tool 'add' has no parameter c"):
        tool.call(c=1)


def test_a_java_tool_of_any_class_is_described_and_called(between):
    here, _ = between(python("b", TOOL, Bounce, other="none"), function("later", add_later), function("leave", leave))
    tool = here.resources.get_resource("b", TOOL)
    assert (tool.name, here.end.asked) == ("b", [])
    assert tool.metadata.description == "Goes to and fro."
    assert tool.metadata.get_parameters_dict()["required"] == ["n"]
    assert tool.call(n=0) == 0
    assert here.resources.get_resource("later", TOOL).call(a=1) == 2
    # Whatever is raised is an answer.
    with pytest.raises(JavaResourceError, match=r"builtins\.SystemExit: 3"):
        here.resources.get_resource("leave", TOOL).call()
    assert tool.call(n=0) == 0


def test_a_failure_has_class_text_and_trace(between):
    here, _ = between(function("add", add))
    with pytest.raises(JavaResourceError) as caught:
        here.resources.get_resource("add", TOOL).call(a="many")
    error = caught.value
    assert (error.class_name, error.message[:30]) == ("builtins.ValueError", "arguments of the tool 'add' do")
    assert "Traceback" in error.trace and "in _fitting" in error.trace
    back = pickle.loads(pickle.dumps(error))
    assert (str(back), back.trace) == (str(error), error.trace)


@pytest.mark.parametrize(
    ("question", "kind", "words"),
    [
        ({"type": "prompt", "name": "p", "method": "format"}, "ValueError", "prompt 'p' cannot be asked for"),
        ({"type": "tool", "name": "add", "method": "chat"}, "ValueError", "no method 'chat' .* there are metadata, call"),
        ({"type": "tool", "name": "none", "method": "call"}, "LookupError", "^Agent 'both' has no tool 'none'"),
        ({"type": "tool", "name": "add"}, "ValueError", "A question is a map"),
        ({"type": "tool", "name": "add", "method": "call", "arguments": [1]}, "ValueError", "A question is a map"),
        ("what?", "ValueError", "A question is a map"),
        ({"type": "chat_model_connection", "name": "c", "method": "chat"}, "ValueError", "'messages' of the question is miss"),
        ({"type": "tool", "name": "back", "method": "call"}, "ValueError", "tool 'back' is written in Java"),
        ({"type": "chat_model", "name": "m", "method": "chat"}, "ValueError", "chat_model 'm' is written in Java"),
    ],
)
def test_questions_that_cannot_be_answered_are_failures(alone, question, kind, words):
    side, other = alone(function("add", add), python("c", CONNECTION, Talker), java_function("back"), java("m", CHAT))
    number = other.ask(question)
    answered, same, failed, told = other.next()
    assert (answered, same, failed, told["kind"]) == ("answered", number, True, f"builtins.{kind}")
    assert re.search(words, told["message"]), told
    assert "Traceback" in told["trace"]
    # And the next one is answered.
    other.ask({"type": "tool", "name": "add", "method": "call", "arguments": {"arguments": {"a": 1}}})
    assert other.next()[2:] == (False, 3)


def test_what_cannot_be_sent_is_a_failure(alone, monkeypatch):
    side, other = alone(function("add", add))
    answers = iter([ValueError("too large"), None])
    send = side.end.answer

    def answer(number, failed, value):
        problem = next(answers)
        if problem is not None:
            raise problem
        send(number, failed, value)

    monkeypatch.setattr(side.end, "answer", answer)
    other.ask({"type": "tool", "name": "add", "method": "call", "arguments": {"arguments": {"a": 1}}})
    failed, told = other.next()[2:]
    assert (failed, told["message"]) == (True, "too large")
    with pytest.raises(TypeError, match=r"m\.chat\.parameters\.x: a value of type 'object' is not JSON-able"):
        side.exchange.ask(CHAT, "m", "chat", {"parameters": {"x": object()}})


def test_coroutines_of_many_questions_wait_together_on_one_loop_without_threads(between):
    here, _ = between(python("c", CONNECTION, LoopBound), num_async_threads="1000")
    LoopBound.loops, LoopBound.met, LoopBound.together, LoopBound.most, LoopBound.asking = set(), None, 50, 0, 0
    connection = here.resources.get_resource("c", CONNECTION)

    def ask(n):
        return connection.chat([ChatMessage(content=str(n))]).content

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    assert answers == [f"awaited {n}" for n in range(50)]
    assert (LoopBound.most, len(LoopBound.loops)) == (50, 1)
    # A client that is bound to the loop works again.
    assert ask("again") == "awaited again"
    assert len(LoopBound.loops) == 1


def test_many_questions_at_once_get_each_its_own_answer(between):
    here, there = between(function("add", add), num_async_threads="4")
    tool = here.resources.get_resource("add", TOOL)
    with ThreadPoolExecutor(32) as pool:
        sums = list(pool.map(lambda n: tool.call(a=n, b=n), range(500)))
    assert sums == [2 * n for n in range(500)]
    assert len(there.exchange._threads._threads) <= 4


@pytest.mark.parametrize("threads", ["1", "3"])
def test_a_question_within_a_question_does_not_stand_still_however_deep(sides, threads):
    here, there = sides(
        plan_of(python("ping", TOOL, Bounce, other="pong"), java("pong", TOOL), num_async_threads=threads),
        plan_of(python("pong", TOOL, Bounce, other="ping"), java("ping", TOOL), num_async_threads=threads),
    )
    ping, pong = here.resources.get_resource("ping", TOOL), there.resources.get_resource("pong", TOOL)
    pool = ThreadPoolExecutor(8)
    try:
        depths = [pool.submit(tool.call, n=20) for tool in (ping, pong) * 4]
        assert [depth.result(30) for depth in depths] == [20] * 8
    except Exception:
        # Or the pool would wait for ever.
        here.close()
        raise
    finally:
        pool.shutdown()
    assert (here.exchange._threads.waiting, there.exchange._threads.waiting) == (0, 0)


def test_a_coroutine_that_asks_must_do_so_by_another_thread(sides):
    here, there = sides(
        plan_of(function("blocks", asks_in_place), function("awaits", asks_by_a_thread), java("one", TOOL)),
        plan_of(java("blocks", TOOL), java("awaits", TOOL), function("one", add)),
    )
    RESOURCES["here"] = here.resources
    assert there.resources.get_resource("awaits", TOOL).call() == 2
    with pytest.raises(JavaResourceError, match=r"await asyncio\.to_thread"):
        there.resources.get_resource("blocks", TOOL).call()


def test_who_waits_for_an_answer_is_told_of_the_end_of_the_connection(alone):
    side, other = alone(java("m", CHAT), function("add", add))
    setup = side.resources.get_resource("m", CHAT)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(setup.chat, [ChatMessage(content=str(n))]) for n in range(3)]
        assert {other.next()[0] for _ in range(3)} == {"asked"}
        other.close()
        for each in asked:
            with pytest.raises(ConnectionError, match="The chat_model 'm' of Java did not answer: the connection to the TaskM"):
                each.result(20)
    with pytest.raises(ConnectionError, match="The chat_model 'm' of Java did not answer: the connection"):
        setup.chat([ChatMessage(content="late")])


def test_who_waits_for_an_answer_is_told_of_the_end_of_the_worker(alone):
    side, other = alone(java("m", CHAT))
    setup = side.resources.get_resource("m", CHAT)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(setup.chat, [ChatMessage(content="x")])
        assert other.next()[0] == "asked"
        side.exchange.close()
        with pytest.raises(ConnectionError, match="did not answer: this worker ends"):
            asked.result(20)


def test_a_connection_that_breaks_is_told_with_the_reason(alone, monkeypatch, caplog):
    side, other = alone(java("m", CHAT))
    setup = side.resources.get_resource("m", CHAT)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(setup.chat, [ChatMessage(content="x")])
        assert other.next()[0] == "asked"
        # No message.
        side.end.came.put(b"\xff")
        with pytest.raises(ConnectionError, match="did not answer: .*ValueError"):
            asked.result(20)
    side.exchange._receiver.join(20)
    assert "its questions are not answered" in caplog.text
    # Nor does the other end wait.
    assert other.next() is None


def test_coroutines_that_are_under_way_at_the_end_are_cancelled(alone):
    side, other = alone(function("hangs", hangs))
    HANGING.clear()
    other.ask({"type": "tool", "name": "hangs", "method": "call"})
    assert HANGING.wait(20)
    side.exchange.close()
    assert other.next()[2:3] == (True,)
    assert CANCELLED == ["hangs"]


def test_an_answer_that_comes_before_the_asker_waits_is_not_lost(alone, monkeypatch):
    side, other = alone(java("m", CHAT))
    send = side.end.ask

    def ask(question):
        number = send(question)
        side.exchange._take(("answered", number, False, {"content": "early"}))
        return number

    monkeypatch.setattr(side.end, "ask", ask)
    assert side.resources.get_resource("m", CHAT).chat([]).content == "early"
    assert side.exchange._early == {}


def test_a_forked_process_cannot_ask(alone):
    side, _ = alone(java("m", CHAT))
    setup = side.resources.get_resource("m", CHAT)
    child = os.fork()
    if child == 0:
        try:
            setup.chat([])
        except ConnectionError as error:
            os._exit(7 if "was forked" in str(error) else 8)
        finally:
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert side.end.asked == []


def test_resources_are_made_once_whoever_asks_first(alone, monkeypatch):
    side, other = alone(python("c", CONNECTION, Talker), python("m", CHAT, Setup, connection="c", model="m"))
    made, together = [], threading.Barrier(8)
    monkeypatch.setattr(Talker, "open", lambda self: made.append(self))

    def get(_):
        together.wait(20)
        return side.resources.get_resource("m", CHAT)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(get, range(8)))
    assert len({id(each) for each in found}) == len(made) == 1
