"""Sensory and short-term memory of actions."""

import asyncio

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.memory_object import MemoryObject, MemoryType
from flink_agents.api.memory_reference import MemoryRef
from flink_agents.runtime.executor import ActionExecutionError

INPUT = InputEvent.EVENT_TYPE


def count(event, ctx):
    memory = ctx.short_term_memory
    total = (memory.get("count") or 0) + 1
    memory.set("count", total)
    ctx.send_event(OutputEvent(output=total))


def tree(event, ctx):
    memory = ctx.short_term_memory
    assert memory.get("user") is None and not memory.is_exist("user")
    ref = memory.set("user.name", "Ann")
    assert ref == MemoryRef(memory_type=MemoryType.SHORT_TERM, path="user.name")
    assert ref.resolve(ctx) == "Ann" and memory.get(ref) == "Ann"
    user = memory.get("user")
    assert isinstance(user, MemoryObject)
    assert user.set("none", None).path == "user.none"
    assert user.is_exist("none") and user.get("none") is None
    address = user.new_object("address")
    address.set("city", "Ulm")
    assert user.new_object("address").get("city") == "Ulm"
    assert user.get_field_names() == ["address", "name", "none"]
    assert user.get_fields() == {"address": "NestedObject", "name": "Ann", "none": None}
    assert memory.get_field_names() == ["user"]
    # A reference is absolute, from wherever it is read.
    assert address.get(ref) == "Ann"
    ctx.send_event(OutputEvent(output="ok"))


def own_copy(event, ctx):
    memory = ctx.short_term_memory
    items = [1, {"a": [b"\xff"]}]
    memory.set("items", items)
    items.append(2)
    read = memory.get("items")
    assert read == [1, {"a": [b"\xff"]}]
    read.append(3)
    ctx.send_event(OutputEvent(output=len(memory.get("items"))))


def send_references(event, ctx):
    references = [ctx.sensory_memory.set("a.b", [1]), ctx.short_term_memory.set("a.b", "two")]
    ctx.send_event(Event(type="next", attributes={"references": references}))


def resolve_references(event, ctx):
    references = [MemoryRef.model_validate(reference) for reference in event.get_attr("references")]
    assert [ref.memory_type for ref in references] == [MemoryType.SENSORY, MemoryType.SHORT_TERM]
    assert references == [MemoryRef(**reference) for reference in event.get_attr("references")]
    ctx.send_event(OutputEvent(output=[reference.resolve(ctx) for reference in references]))


def write_both(event, ctx):
    sensory = ctx.sensory_memory
    assert sensory.get("n") is None
    ref = sensory.set("n", event.get_attr("input"))
    assert ref.memory_type is MemoryType.SENSORY and ref.resolve(ctx) == event.get_attr("input")
    ctx.short_term_memory.set("last", event.get_attr("input"))
    ctx.send_event(Event(type="next", attributes={"path": ref.path}))


def read_both(event, ctx):
    ref = MemoryRef.create(MemoryType.SENSORY, event.get_attr("path"))
    ctx.send_event(OutputEvent(output=[ref.resolve(ctx), ctx.short_term_memory.get("last")]))


def wrong(event, ctx):
    memory = ctx.short_term_memory
    memory.set("value", 1)
    memory.set("object.value", 1)
    call, args = event.get_attr("input")
    getattr(memory, call)(*args)


def wrong_type(event, ctx):
    ctx.short_term_memory.set("a", {"b": (1,)})


def wrong_ref(event, ctx):
    ctx.short_term_memory.get(ctx.sensory_memory.set("x", 1))


def test_short_term_memory_belongs_to_its_key_and_outlives_inputs(run):
    assert run([("a", 0), ("b", 0), ("a", 0), ("a", 0)], (INPUT, count)) == [("a", 1), ("b", 1), ("a", 2), ("a", 3)]


def test_keys_of_different_types_have_memories_of_their_own(run):
    keys = [1, "1", 1.0, True, b"1", None, (1,)]
    outputs = run([(key, 0) for key in keys * 2], (INPUT, count))
    assert sorted(total for _, total in outputs) == [1] * len(keys) + [2] * len(keys)


def test_the_tree_of_objects_and_values(run):
    assert run([("k", 0)], (INPUT, tree)) == [("k", "ok")]


def test_memory_holds_copies(run):
    assert run([("k", 0)], (INPUT, own_copy)) == [("k", 2)]


def many(event, ctx):
    n = event.get_attr("input")
    ctx.short_term_memory.set(f"p{n}.q", n)
    ctx.send_event(Event(type=f"type{n}"))
    if n == 9_999:
        memory = ctx.short_term_memory
        names = memory.get_field_names()
        ctx.send_event(OutputEvent(output=[len(names), sum(memory.get(f"{name}.q") for name in names)]))


async def many_later(event, ctx):
    await asyncio.sleep(0)
    many(event, ctx)


@pytest.mark.parametrize("action", [many, many_later])
def test_many_paths_and_event_types(run, action):
    assert run([("k", n) for n in range(10_000)], (INPUT, action)) == [("k", [10_000, sum(range(10_000))])]


def test_sensory_memory_lasts_for_one_run(run):
    assert run([("k", 1), ("k", 2)], (INPUT, write_both), ("next", read_both)) == [("k", [1, 1]), ("k", [2, 2])]


@pytest.mark.parametrize(("call", "words"), [
    (("set", ["object", 1]), "Cannot overwrite object with value"),
    (("new_object", ["value"]), 'Cannot create object "value": a value is stored there; use another name'),
    (("set", ["x" * 5000, 1]), "too long: it has 5000 bytes"),
    (("get", ["x" * 100_000]), "has 100000 bytes"),
    (("set", ["value.below", 1]), 'its parent "value" is a value'),
    (("set", ["a..b", 1]), "Invalid memory path"),
    (("set", ["", 1]), "Invalid memory path"),
    (("set", [1, 1]), "must be a text"),
    (("get", [["value"]]), "must be a text"),
])
def test_writes_against_the_rules_are_errors_of_the_action(run, call, words):
    with pytest.raises(ActionExecutionError, match=words) as error:
        run([("k", call)], (INPUT, wrong))
    assert error.value.action == "wrong"


def test_a_value_that_would_come_back_as_another_is_refused_with_its_path(run):
    with pytest.raises(ActionExecutionError, match=r"a\.b: memory cannot hold a value of type 'tuple'"):
        run([("k", 0)], (INPUT, wrong_type))


def test_a_reference_is_read_from_its_own_memory(run):
    with pytest.raises(ActionExecutionError, match=r"use ref\.resolve\(ctx\)"):
        run([("k", 0)], (INPUT, wrong_ref))


def test_references_to_both_memories_can_be_sent_in_events(run):
    assert run([("k", 1)], (INPUT, send_references), ("next", resolve_references)) == [("k", [[1], "two"])]


def test_a_reference_to_an_unknown_memory_is_refused():
    for wrong in ("long_term", ["short_term"], None):
        with pytest.raises(ValueError, match="memory_type"):
            MemoryRef.model_validate({"memory_type": wrong, "path": "a"})


def changes_its_config(event, ctx):
    assert ctx.get_action_config_value("limit") == 3 and ctx.get_action_config_value("nothing") is None
    ctx.get_action_config_value("names").append(event.get_attr("input"))
    ctx.action_config["limit"] = 4
    assert ctx.get_action_config_value("limit") == 4
    ctx.send_event(OutputEvent(output=[ctx.action_config, ctx.get_action_config_value("names")]))


def test_what_an_action_changes_in_its_configuration_reaches_no_other(environment):
    names = []
    agent = Agent().add_action("change", [INPUT], changes_its_config, names=names, limit=3)
    outputs = environment.from_list([{"value": "a"}, {"value": "b"}]).apply(agent).to_list()
    environment.execute()
    assert outputs == [
        {0: [{"names": ["a"], "limit": 4}, ["a"]]}, {1: [{"names": ["b"], "limit": 4}, ["b"]]}]
    assert names == [] and agent.actions["change"][2] == {"names": [], "limit": 3}


def sends_an_object(event, ctx):
    ctx.short_term_memory.set("user.name", "Ann")
    ctx.send_event(OutputEvent(output={"user": ctx.short_term_memory.get("user")}))


def test_an_object_of_memory_cannot_be_sent(run):
    words = r"attributes\.output\.user: .*an object of memory does not travel; send its values, by get_fields\(\)"
    with pytest.raises(ActionExecutionError, match=words):
        run([("k", 1)], (INPUT, sends_an_object))
