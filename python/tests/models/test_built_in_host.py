"""The conversations of e2e-test/conformance/built-in-actions.json through the loop that runs built-in actions in Python.

The host is given what stands behind each answer (a model, tools, a store, memory), and has to answer the core by it as the
vectors say, and to carry out their commands.
"""

import asyncio
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest

from flink_agents import _core
from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.events.event import Event
from flink_agents.api.resource import ResourceType
from flink_agents.api.vector_stores.vector_store import Document, VectorStoreQueryResult
from flink_agents.plan.configuration import AgentConfiguration
from flink_agents.runtime import built_in

VECTORS = json.loads(
    (Path(__file__).resolve().parents[3] / "e2e-test" / "conformance" / "built-in-actions.json").read_text(encoding="utf-8")
)
# What this host never says, or is never asked: answers that are the core's to refuse, and what is Java's alone.
NOT_OF_THIS_HOST = {
    "chat: no messages, and attributes left out": "a message of Python has a text",
    "chat: no message is a failure": "a model that gives nothing is an error here already",
    "chat: fails without message": "a text of an exception is never None",
    "chat: bash without permissions in the setup": "a setup has lists",
    "structured: a row of Java, in a fence": "a schema of Java",
    "error: a start without event": "there is always one",
    "error: an unknown strategy": "the configuration refuses it",
    "error: too few results": "each call has one",
    "error: an answer that is neither": "it is always one of them",
}
PLAYED = [
    vector
    for vector in VECTORS
    if vector["name"] not in NOT_OF_THIS_HOST and vector["start"].get("language", "python") == "python"
]


def raised(error):
    """Return an exception of the class and with the text that an answer tells."""
    named = {"__module__": "builtins", "__str__": lambda self: error["message"]}
    return type(error["class"], (Exception,), named)()


class Call:
    """A durable call that has been asked for."""

    def __init__(self, made):
        self.made, self.delay = made, 0.0

    def __await__(self):
        return self.made().__await__()


class Context:
    """What an action sees, all of it by the turns of a vector."""

    def __init__(self, vector):
        self.turns = iter(vector["turns"])
        self.turn = {}
        self.done = []
        self.config = AgentConfiguration(vector["start"].get("settings") or {})
        self.sensory_memory = self
        self.action_metric_group = Group(self.done, [])
        self.executor = SimpleNamespace(in_thread=self.in_thread, spans=False, on_text=None)
        self.link = SimpleNamespace(traced=False)
        self.in_threads = 0

    def answer(self):
        return self.turn["answer"]

    # ---- memory

    def get(self, path):
        paths = self.turn["commands"][-1]["read"]
        return self.answer()["values"][paths.index(path)]

    def set(self, path, value):
        self.done.append({"write": {"path": path, "value": value}})

    # ---- resources

    def get_resource(self, name, resource_type):
        if resource_type is ResourceType.CHAT_MODEL:
            return Model(self, name)
        if resource_type is ResourceType.VECTOR_STORE:
            return Store(self, name)
        results = self.answer()["results"]
        (place,) = [i for i, call in enumerate(self.turn["commands"][-1]["tools"]["calls"]) if call["name"] == name]
        if "missing" in results[place]:
            raise KeyError(results[place]["missing"])
        return ATool(results[place])

    async def in_thread(self, call):
        self.in_threads += 1
        return call()

    # ---- calls and events

    def durable_execute_async(self, call, *arguments):
        asked = Call(lambda: call(*arguments))
        self.done.append({"call": asked, "arguments": arguments})
        return asked

    async def durable_gather(self, *calls, return_exceptions):
        return await asyncio.gather(*calls, return_exceptions=return_exceptions)

    def send_event(self, event):
        self.done.append({"send": event})


class Group:
    """Counts by appending."""

    def __init__(self, done, path):
        self.done, self.path = done, path

    def get_sub_group(self, key, value):
        return Group(self.done, [*self.path, [key, value]])

    def get_counter(self, name):
        count = lambda add: self.done.append({"metric": {"group": self.path, "counter": name, "add": add}})
        return SimpleNamespace(inc=count)


class Model:
    """A chat model that says what the answer of the turn says."""

    def __init__(self, context, name):
        known = context.answer().get("setup", {})
        self.context, self.name = context, name
        self.connection, self.model = known.get("connection"), known.get("model")
        self.allowed_commands = known.get("allowed_commands")
        self.allowed_script_dirs = known.get("allowed_script_dirs")

    def chat(self, messages, prompt_args):
        answer = self.context.answer()
        if "error" in answer:
            raise raised(answer["error"])
        return ChatMessage.model_validate(answer["ok"])


class Store:
    """A vector store of the same kind."""

    def __init__(self, context, name):
        self.context, self.name = context, name

    def query(self, query):
        answer = self.context.answer()
        asked = {"store": self.name, "query": query.query_text, "limit": query.limit, "async": True}
        assert self.context.turn["commands"][-1]["retrieve"] == asked
        if "error" in answer:
            raise raised(answer["error"])
        return VectorStoreQueryResult(documents=[Document.model_validate(one) for one in answer["ok"]])


class ATool:
    """A tool of the same kind."""

    injected_args = {}

    def __init__(self, result):
        self.result = result

    def call(self, **arguments):
        if "error" in self.result:
            raise raised(self.result["error"])
        return self.result["ok"]


class Spy:
    """The core, with what it is told compared with the vector."""

    def __init__(self, vector, context):
        self.vector, self.context = vector, context

    def begin(self, start):
        given = json.loads(start)
        wanted = self.vector["start"]
        assert (given["action"], given["event"], given["language"]) == (wanted["action"], wanted["event"], "python")
        for option, value in (wanted.get("settings") or {}).items():
            found = given["settings"][option]
            assert str(found).lower() == str(value).lower()
        self.machine, commands = _core.BuiltIn.begin(json.dumps({**given, "fresh_id": wanted["fresh_id"]}))
        return self, self.next(commands)

    def answer(self, answer):
        assert json.loads(answer) == self.normal(self.context.answer())
        return self.next(self.machine.answer(json.dumps(self.context.answer())))

    def normal(self, answer):
        """Return an answer as Python writes it: only what is well has a setup."""
        return {"error": answer["error"]} if "error" in answer else answer

    def next(self, commands):
        self.context.turn = next(self.context.turns)
        assert json.loads(commands) == self.context.turn["commands"]
        return commands


@pytest.mark.parametrize("vector", PLAYED, ids=lambda vector: vector["name"])
def test_the_host_carries_out_what_the_vectors_say(vector, monkeypatch, caplog):
    context = Context(vector)
    names = {name: getattr(_core, name) for name in ("random_uuid", "to_json", "to_plain")}
    monkeypatch.setattr(built_in, "_core", SimpleNamespace(BuiltIn=Spy(vector, context), **names))
    monkeypatch.setattr(built_in, "_schema", lambda what: what["output_schema"])
    made = "what was made"

    def parsed(schema, value):
        assert (schema, value) == tuple(context.turn["commands"][-1]["parse"][part] for part in ("output_schema", "value"))
        answer = context.answer()
        if "error" in answer:
            raise raised(answer["error"])
        return made, answer["ok"]

    monkeypatch.setattr(built_in, "parsed", parsed)
    untold = SimpleNamespace(**{name: lambda *_: None for name in ("stands_for", "succeeded", "failed")})
    monkeypatch.setattr(built_in, "_Traced", lambda *_: untold)
    caplog.set_level(logging.WARNING)
    written = vector["start"]["event"]
    event = Event(id=UUID(written["id"]), type=written["type"], attributes=written["attributes"])

    failed = None
    try:
        asyncio.run(built_in.carry_out(vector["start"]["action"], event, context))
    except AssertionError:
        raise
    except Exception as error:
        failed = error

    done, warned = iter(context.done), iter(record.getMessage() for record in caplog.records)
    for (name, what) in (next(iter(command.items())) for turn in vector["turns"] for command in turn["commands"]):
        if name == "chat":
            one = next(done)
            assert one["arguments"] == (what["messages"], what["prompt_args"])
            assert one["call"].delay == what["delay_ms"] / 1000
        elif name == "tools":
            asked = vector["turns"][0]["answer"]["results"]
            for call, result in zip(what["calls"], asked):
                if "missing" not in result:
                    assert next(done)["arguments"] == (call["name"], call["arguments"])
        elif name == "retrieve":
            assert next(done)["arguments"] == (what["query"], what["limit"])
        elif name == "send":
            sent = next(done)["send"]
            attributes = json.loads(json.dumps(what["attributes"]))
            if what.get("structured"):
                assert sent.attributes["response"]["extra_args"].pop("structured_output") is made
            assert (sent.type, sent.attributes) == (what["type"], attributes)
            if "id" in what:
                assert str(sent.id) == what["id"]
        elif name in ("write", "metric"):
            assert next(done) == {name: what}
        elif name == "warn":
            assert next(warned) == what
        elif name == "fail":
            assert failed is not None
            assert what["rethrow"] or str(failed) == what["message"]
            failed = None
    assert not list(done) and not list(warned)
    if "error" in vector:
        assert isinstance(failed, ValueError)
        assert str(failed).split(" at line ")[0] == vector["error"].split(" at line ")[0]
    else:
        assert failed is None
    called = [one for one in context.done if "call" in one]
    asynchronous = vector["start"].get("settings") or {}
    if called and not any(value is False for value in asynchronous.values()):
        assert context.in_threads > 0


def test_what_is_not_played_is_there_and_most_is_played():
    names = [vector["name"] for vector in VECTORS]
    assert set(NOT_OF_THIS_HOST) <= set(names)
    assert len(PLAYED) >= 35
