"""What memory can hold, and references into it."""

import pytest
from pydantic import BaseModel, ValidationError

from flink_agents.api.memory_object import MemoryType, validate_memory_value
from flink_agents.api.memory_reference import MemoryRef


class Model(BaseModel):
    x: int = 1


@pytest.mark.parametrize("value", [None, True, 5, 2**80, 1.5, "ü", b"\xff", [], [1, [b""]], {"a": {"b": None}}])
def test_what_memory_can_hold(value):
    validate_memory_value("path", value)


@pytest.mark.parametrize("value", [(1,), {1}, Model(), {1: "x"}, {"a": [Model()]}, object(), print])
def test_what_memory_cannot_hold(value):
    with pytest.raises(TypeError, match="some.path"):
        validate_memory_value("some.path", value)


class Memory:
    def __init__(self, name):
        self.name = name

    def get(self, ref):
        return (self.name, ref.path)


class Context:
    sensory_memory = Memory("sensory")
    short_term_memory = Memory("short-term")


def test_references_are_resolved_in_their_memory():
    ref = MemoryRef.create(MemoryType.SENSORY, "a.b")
    assert ref.resolve(Context()) == ("sensory", "a.b")
    assert MemoryRef(path="c").resolve(Context()) == ("short-term", "c")


def test_references_travel_in_events_and_cannot_be_changed():
    ref = MemoryRef.create(MemoryType.SENSORY, "a.b")
    assert ref.model_dump(mode="json") == {"memory_type": ["sensory"], "path": "a.b"}
    assert MemoryRef.model_validate(ref.model_dump()) == ref
    assert hash(ref) == hash(MemoryRef.create(MemoryType.SENSORY, "a.b"))
    with pytest.raises(ValidationError):
        ref.path = "c"
