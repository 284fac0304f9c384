"""Events: construction, JSON, what is refused."""

import copy
import datetime
import enum
import json
import os
import pickle
import subprocess
import sys
import uuid
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.context_retrieval_event import (
    ContextRetrievalRequestEvent,
    ContextRetrievalResponseEvent,
)
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.events.event_type import EventType
from flink_agents.api.events.memory_event import (
    LongTermUpdateEvent,
    MemoryEvent,
    SensoryReadEvent,
    ShortTermWriteEvent,
)
from flink_agents.api.events.run_event import AgentRunBeginEvent
from flink_agents.api.events.tool_event import ToolRequestEvent, ToolResponseEvent
from flink_agents.api.vector_stores.vector_store import Document

SAMPLES = Path(__file__).resolve().parents[3] / "e2e-test" / "conformance" / "plan-samples" / "head"


class OutData(BaseModel):
    result: int
    why: str | None = None


class Mine(Event):
    """A subclass as users write them."""

    EVENT_TYPE: ClassVar[str] = "mine"

    def __init__(self, number: int) -> None:
        super().__init__(type=self.EVENT_TYPE, attributes={"number": number})

    @property
    def number(self) -> int:
        return self.get_attr("number")


class WithField(Event):
    """A subclass with a pydantic field."""

    level: int = 3

    @field_validator("level")
    @classmethod
    def _positive(cls, value):
        if value < 0:
            raise ValueError("negative")
        return value


def without_ids(event_json):
    data = json.loads(event_json) if isinstance(event_json, str) else dict(event_json)
    data.pop("id")
    data["attributes"] = {k: v for k, v in data["attributes"].items() if k != "request_id"}
    return data


def sample_events(pyflink):
    from flink_agents.api.agents.types import OutputSchema

    row_type = pyflink.RowTypeInfo(
        [pyflink.BasicTypeInfo(pyflink.BasicType.INT), pyflink.BasicTypeInfo(pyflink.BasicType.STRING)],
        ["result", "why"],
    )
    hi = ChatMessage(role=MessageRole.USER, content="hi")
    answer = ChatMessage(role=MessageRole.ASSISTANT, content="ok")
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
    document = Document(content="c", metadata={"k": "v"}, id="d1")
    return {
        "InputEvent(str)": InputEvent(input="hello"),
        "InputEvent(pydantic)": InputEvent(input=OutData(result=1)),
        "InputEvent(bytes utf8)": InputEvent(input=b"abc"),
        "InputEvent(tuple)": InputEvent(input=(1, 2)),
        "Event(extra property)": Event(type="my.event", attributes={"k": 1}, extra_prop="x"),
        "ChatRequestEvent": ChatRequestEvent(model="model", messages=[hi], prompt_args={"input": "v"}),
        "ChatRequestEvent(row schema)": ChatRequestEvent(
            model="model", messages=[hi], output_schema=OutputSchema(output_schema=row_type)
        ),
        "ChatResponseEvent": ChatResponseEvent(uuid.uuid4(), answer, 1, 2),
        "ToolRequestEvent": ToolRequestEvent(model="model", tool_calls=[call]),
        "ToolResponseEvent": ToolResponseEvent(uuid.uuid4(), {"c1": 3}, {"c1": "ext-1"}),
        "ContextRetrievalRequestEvent": ContextRetrievalRequestEvent("q", "store"),
        "ContextRetrievalResponseEvent": ContextRetrievalResponseEvent(uuid.uuid4(), "q", [document]),
        "OutputEvent": OutputEvent(output={"x": 1}),
    }


def test_event_json_equals_the_samples_of_the_reference(pyflink):
    expected = json.loads((SAMPLES / "python-events.json").read_text(encoding="utf-8"))
    for name, event in sample_events(pyflink).items():
        assert without_ids(event.model_dump_json()) == without_ids(expected[name]), name


def test_json_starts_with_id_type_and_attributes():
    assert list(json.loads(InputEvent(input=1).model_dump_json())) == ["id", "type", "attributes"]


def test_lineage_is_in_the_json_only_if_there_is_one():
    upstream = uuid.uuid4()
    event = Event(type="t", upstream_event_id=upstream, upstream_action_name="act")
    data = json.loads(event.model_dump_json())
    assert data["upstreamEventId"] == str(upstream)
    assert data["upstreamActionName"] == "act"
    again = Event.from_json(event.model_dump_json())
    assert (again.upstream_event_id, again.upstream_action_name) == (upstream, "act")
    assert Event(type="t", upstreamActionName="other").upstream_action_name == "other"
    assert "upstreamEventId" not in Event(type="t").model_dump_json(exclude={"attributes"})


def test_an_event_comes_back_from_its_json():
    event = Event(type="t", attributes={"a": [1, 2.5, None, True, {"b": "ü"}]}, more="x")
    again = Event.from_json(event.model_dump_json())
    assert again == event
    assert again.more == "x"
    assert isinstance(InputEvent.from_json(InputEvent(input=1).model_dump_json()), InputEvent)


def test_an_event_without_id_gets_one():
    first, second = (Event.from_json('{"type": "t", "id": null}') for _ in range(2))
    assert first.id.version == 4
    assert first.id != second.id
    assert Event(type="t", id=None).id.version == 4
    assert Event(type="t", id=str(first.id)).id == first.id


@pytest.mark.parametrize("text", ["", "[]", "{", '{"attributes": {}}', '{"type": ""}', '{"type": 5}'])
def test_json_that_is_no_event_is_refused(text):
    with pytest.raises(ValueError, match="Not the JSON of an event"):
        Event.from_json(text)


def test_rows_come_back_where_pyflink_is(pyflink):
    text = '{"type": "t", "attributes": {"rows": [{"type": "Row", "values": [1, "x"], "fields": ["a", "b"]}]}}'
    assert Event.from_json(text).attributes["rows"] == [pyflink.Row(a=1, b="x")]


def test_rows_stay_dicts_where_pyflink_is_not():
    row = {"type": "Row", "values": [1]}
    assert Event.from_json(json.dumps({"type": "t", "attributes": {"row": row}})).attributes["row"] == row


def test_ids_are_random_and_valid():
    ids = {Event(type="t").id for _ in range(1000)}
    assert len(ids) == 1000
    assert all(i.version == 4 and i.variant == uuid.RFC_4122 and uuid.UUID(str(i)) == i for i in ids)


def test_a_forked_child_has_other_ids():
    program = (
        "import os\n"
        "from flink_agents.api.events.event import Event\n"
        "child = os.fork()\n"
        "os.write(1, f'{Event(type=chr(116)).id}\\n'.encode())\n"
        "if child: os.waitpid(child, 0)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    ids = run.stdout.split()
    assert len(ids) == 2
    assert ids[0] != ids[1]


def test_the_id_cannot_be_changed():
    event = Event(type="t")
    with pytest.raises(ValidationError, match="frozen"):
        event.id = uuid.uuid4()


def test_it_is_a_pydantic_model():
    event = Event(type="t", attributes={"a": 1})
    assert isinstance(event, BaseModel)
    assert event.model_dump()["attributes"] == {"a": 1}
    assert event.model_dump(mode="json")["id"] == str(event.id)
    assert Event.model_validate(event.model_dump()) == event
    assert Event.model_validate_json(event.model_dump_json()) == event
    assert event.model_copy(update={"type": "u"}).type == "u"
    assert pickle.loads(pickle.dumps(event)) == event
    assert copy.deepcopy(event) == event
    assert event.model_fields_set == {"type", "attributes"}
    assert "properties" in Event.model_json_schema()


@pytest.mark.parametrize(
    "fields", [{}, {"type": ""}, {"type": 5}, {"type": "t", "attributes": 3}, {"type": "t", "id": 5}]
)
def test_wrong_fields_are_refused_by_pydantic(fields):
    with pytest.raises(ValidationError):
        Event(**fields)


def test_the_dict_of_attributes_is_copied():
    attributes = {"a": 1}
    event = Event(type="t", attributes=attributes)
    attributes["a"] = 2
    assert event.get_attr("a") == 1
    assert event.get_attr("b") is None
    event.set_attr("b", 5)
    assert attributes == {"a": 2}
    assert event.get_attr("b") == 5


class Color(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ((1, (2,)), [1, [2]]),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (Color.RED, "red"),
        (OutData(result=1), {"result": 1, "why": None}),
        (b"\xc3\xbc", "ü"),
    ],
)
def test_what_is_made_plain(value, plain):
    assert json.loads(Event(type="t", attributes={"x": value}).model_dump_json())["attributes"] == {"x": plain}


@pytest.mark.parametrize(
    ("attributes", "path"),
    [
        ({"items": [{}, {"when": object()}]}, r"attributes\.items\[1\]\.when"),
        ({"f": print}, r"attributes\.f"),
        ({"b": b"\xff"}, r"attributes\.b"),
    ],
)
def test_what_cannot_be_made_plain_is_refused_with_its_path(attributes, path):
    with pytest.raises((TypeError, ValueError), match=path):
        Event(type="t", attributes=attributes)
    event = Event(type="t")
    with pytest.raises((TypeError, ValueError), match=path):
        event.attributes = attributes
    assert event.attributes == {}


def test_cycles_are_refused():
    cycle = {}
    cycle["self"] = cycle
    with pytest.raises((TypeError, ValueError), match="attributes"):
        Event(type="t", attributes=cycle)


def test_extra_fields_are_checked_too():
    with pytest.raises((TypeError, ValueError), match="more"):
        Event(type="t", more=object())
    event = Event(type="t", more=1)
    with pytest.raises((TypeError, ValueError), match="more"):
        event.more = object()
    event.more = 2
    assert json.loads(event.model_dump_json())["more"] == 2


def test_assigned_attributes_must_be_a_dict_and_the_type_a_text():
    event = Event(type="t")
    with pytest.raises(TypeError, match="must be a dict, not list"):
        event.attributes = []
    with pytest.raises(ValueError, match="must be a text that is not empty"):
        event.type = ""
    event.type = "u"
    assert event.get_type() == "u"


def test_a_view_keeps_id_lineage_and_attributes():
    source = Event(
        type="_input_event", attributes={"input": 5}, upstream_event_id=uuid.uuid4(), upstream_action_name="a"
    )
    view = InputEvent.from_event(source)
    assert isinstance(view, InputEvent)
    assert view.input == 5
    assert view.model_dump() == source.model_dump()
    view.set_attr("input", 6)
    assert source.get_attr("input") == 5


def test_reconstruct_from_takes_over_identity():
    source = Event(type="x", upstream_action_name="a")
    event = OutputEvent(output=1).reconstruct_from(source)
    assert (event.id, event.upstream_action_name, event.output) == (source.id, "a", 1)


def test_a_view_of_an_event_without_the_attribute_is_refused():
    with pytest.raises(ValueError, match="has no attribute 'input', which every InputEvent has; its attributes are"):
        InputEvent.from_event(OutputEvent(output=1))


def test_plain_classes_are_not_validated_by_pydantic():
    for cls in (Event, InputEvent, ToolResponseEvent, ShortTermWriteEvent, Mine):
        assert cls._plain, cls
    assert not WithField._plain
    assert Mine(5).__pydantic_private__ is None


def test_subclasses_of_users():
    event = Mine(5)
    assert (event.type, event.number, event.id.version) == ("mine", 5, 4)
    view = Mine.from_event(Event.from_json(event.model_dump_json()))
    assert isinstance(view, Mine)
    assert view == event


def test_subclasses_with_fields_and_validators_of_their_own():
    event = WithField(type="t", level="5")
    assert event.level == 5
    with pytest.raises(ValidationError, match="negative"):
        WithField(type="t", level=-1)
    assert json.loads(event.model_dump_json())["level"] == 5
    assert WithField.from_event(Event(type="t", level=7)).level == 7
    assert WithField.from_event(Event(type="t")).level == 3


def test_typed_attributes_are_parsed_again():
    request = uuid.uuid4()
    response = ChatResponseEvent(request, ChatMessage(content="x"))
    view = ChatResponseEvent.from_event(Event.from_json(response.model_dump_json()))
    assert (view.request_id, view.response, view.retry_count) == (request, ChatMessage(content="x"), 0)
    call = uuid.uuid4()
    tools = ToolResponseEvent(request, {call: 3}, error={call: "no"})
    view = ToolResponseEvent.from_event(Event.from_json(tools.model_dump_json()))
    assert (view.responses, view.success, view.error, view.external_ids) == ({call: 3}, {call: True}, {call: "no"}, {})
    found = ContextRetrievalResponseEvent(request, "q", [Document(content="c")])
    assert ContextRetrievalResponseEvent.from_event(Event.from_json(found.model_dump_json())).documents == [
        Document(content="c")
    ]


def test_tool_responses_of_the_release_count_as_successes():
    old = Event(type="_tool_response_event", attributes={"request_id": str(uuid.uuid4()), "responses": {"c": 1}})
    view = ToolResponseEvent.from_event(old)
    assert (view.success, view.error) == ({"c": True}, {})


def test_memory_events():
    event = LongTermUpdateEvent(key="k", value={"s": 1}, cleared_sets=["a"])
    view = MemoryEvent.from_event(Event.from_json(event.model_dump_json()))
    assert isinstance(view, LongTermUpdateEvent)
    assert (view.key, view.value, view.cleared_sets) == ("k", {"s": 1}, ["a"])
    assert MemoryEvent.is_memory_type(EventType.SensoryReadEvent)
    assert not MemoryEvent.is_memory_type(EventType.InputEvent)
    assert not MemoryEvent.is_memory_type(None)
    with pytest.raises(ValueError, match="is no ShortTermWriteEvent"):
        ShortTermWriteEvent.from_event(SensoryReadEvent(key="k", value={}))
    with pytest.raises(ValueError, match="is no MemoryEvent"):
        MemoryEvent.from_event(InputEvent(input=1))
    with pytest.raises(TypeError, match="no type of its own"):
        MemoryEvent(key="k", value={})
    assert AgentRunBeginEvent.from_event(AgentRunBeginEvent(key="k", value={"a.b": 1})).value == {"a.b": 1}
