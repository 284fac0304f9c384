"""The actions of the ReActAgent, with a context that only records."""

import dataclasses

import pytest
from pydantic import BaseModel

from flink_agents.api.agents.react_agent import ReActAgent
from flink_agents.api.agents.types import OutputSchema
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.events.chat_event import ChatResponseEvent
from flink_agents.api.events.event import InputEvent
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import ResourceDescriptor

MODEL = ResourceDescriptor(clazz="a.B")


class Answer(BaseModel):
    result: int


@dataclasses.dataclass
class Point:
    x: int
    y: int | None


class Recorder:
    def __init__(self, agent):
        self.resources = {(name, kind): r for kind, named in agent.resources.items() for name, r in named.items()}
        self.config = agent.actions["start_action"][2] or {}
        self.sent = []

    def get_resource(self, name, type, metric_group=None):
        return self.resources[(name, type)]

    def get_action_config_value(self, key):
        return self.config.get(key)

    def send_event(self, event):
        self.sent.append(event)


def asked(agent, value):
    context = Recorder(agent)
    ReActAgent.start_action(InputEvent(input=value), context)
    (event,) = context.sent
    return event


@pytest.mark.parametrize(("value", "text"), [("hi", "hi"), (5, "5"), (True, "True"), (None, "None"), (1.5, "1.5")])
def test_plain_inputs_become_messages_of_the_user(value, text):
    request = asked(ReActAgent(chat_model=MODEL), value)
    assert request.messages == [ChatMessage(content=text)]
    assert (request.model, request.output_schema) == ("_default_chat_model", None)


@pytest.mark.parametrize("value", [{"x": 1, "y": None}, Point(1, None)])
def test_fields_become_arguments_of_the_prompt(value):
    assert asked(ReActAgent(chat_model=MODEL, prompt=Prompt.from_text("{x}+{y}")), value).messages == [
        ChatMessage(content="1+")
    ]


def test_rows_become_arguments_of_the_prompt(pyflink):
    agent = ReActAgent(chat_model=MODEL, prompt=Prompt.from_text("{x} {f0}"))
    context = Recorder(agent)
    for row in (pyflink.Row(x=1), pyflink.Row(2)):
        event = InputEvent(input=None)
        event.set_attr("input", row)
        ReActAgent.start_action(event, context)
    assert [e.messages[0].content for e in context.sent] == ["1 {f0}", "{x} 2"]


def test_fields_without_a_prompt_are_refused():
    with pytest.raises(RuntimeError, match="an input of dict and has no prompt"):
        asked(ReActAgent(chat_model=MODEL), {"a": 1})
    with pytest.raises(RuntimeError, match="cannot take the fields of its input of list"):
        asked(ReActAgent(chat_model=MODEL, prompt=Prompt.from_text("x")), [1])


def test_the_schema_stands_after_the_first_system_message():
    messages = [ChatMessage(role="system", content="be kind"), ChatMessage(content="{input}")]
    agent = ReActAgent(chat_model=MODEL, prompt=Prompt.from_messages(messages), output_schema=Answer)
    request = asked(agent, "q")
    assert [m.role for m in request.messages] == [MessageRole.SYSTEM, MessageRole.SYSTEM, MessageRole.USER]
    assert "match the schema {'properties'" in request.messages[1].content
    assert request.output_schema == OutputSchema(output_schema=Answer)


def test_other_schemas_are_refused():
    for schema in (dict, {"type": "object"}, 5):
        with pytest.raises(TypeError, match="must be a pydantic class or a RowTypeInfo"):
            ReActAgent(chat_model=MODEL, output_schema=schema)


def test_row_schemas_of_other_than_basic_types_are_refused(pyflink):
    with pytest.raises(ValueError, match="the field 'a' of an output schema has the type"):
        OutputSchema(output_schema=pyflink.RowTypeInfo([object()], ["a"]))


def test_the_answer_is_given_out():
    context = Recorder(ReActAgent(chat_model=MODEL))
    structured = ChatMessage(content="x", extra_args={"structured_output": {"result": 0}})
    for response in (ChatMessage(content="x"), structured):
        ReActAgent.stop_action(ChatResponseEvent(InputEvent(input=1).id, response), context)
    assert [event.output for event in context.sent] == ["x", {"result": 0}]
