"""Agents that ask models, end to end: ReAct, tools, structured output, chats of actions of one's own."""

import json
import threading
import time

import pytest
from pydantic import BaseModel

from flink_agents.api.agents.react_agent import ReActAgent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import ResourceDescriptor, ResourceName, ResourceType
from flink_agents.api.tools.tool import Tool
from flink_agents.api.tools.tool_parameter_injection import InjectedArg


class Place(BaseModel):
    city: str
    country: str = "DE"


class Weather(BaseModel):
    city: str
    degrees: int


def weather(place: Place, days: int, unit: str) -> Weather:
    """Tell the weather.

    Parameters
    ----------
    place
        Where.
    days
        From today.
    """
    assert isinstance(place, Place) and type(days) is int and unit == "celsius"
    return Weather(city=place.city, degrees=20 + days)


async def later(minutes: float = 1.0) -> str:
    """Tell the time in some minutes."""
    return f"in {minutes:g} minutes"


def breaks() -> None:
    """Break."""
    msg = "it is broken"
    raise OSError(msg)


def connection(server, **arguments):
    return ResourceDescriptor(
        clazz=ResourceName.ChatModel.OPENAI_COMPLETIONS_CONNECTION, api_base_url=f"{server.url}/v1", **arguments
    )


def react(server, *, tools=(), output_schema=None, prompt=None, cls=ReActAgent, **arguments):
    setup = ResourceDescriptor(
        clazz=ResourceName.ChatModel.OPENAI_COMPLETIONS_SETUP,
        connection="server",
        model="m1",
        tools=list(tools),
        **arguments,
    )
    agent = cls(chat_model=setup, prompt=prompt, output_schema=output_schema)
    agent.add_resource("server", ResourceType.CHAT_MODEL_CONNECTION, connection(server, max_retries=0))
    agent.add_resource(
        "weather",
        ResourceType.TOOL,
        Tool.from_callable(weather, injected_args={"unit": InjectedArg.from_config("weather.unit")}),
    )
    agent.add_resource("later", ResourceType.TOOL, Tool.from_callable(later))
    agent.add_resource("breaks", ResourceType.TOOL, Tool.from_callable(breaks))
    return agent


CALLS = [
    {"name": "weather", "arguments": {"place": {"city": "Ulm"}, "days": 3.0}},
    {"name": "later", "arguments": {}},
    {"name": "breaks", "arguments": {}},
    {"name": "nowhere", "arguments": {}},
    {"name": "weather", "arguments": {"place": {"city": "Ulm"}, "days": "many"}},
    {"name": "weather", "arguments": {"place": {"city": "Ulm"}, "days": 1, "unit": "kelvin"}},
    {"name": "later", "arguments": {"hours": 1}},
]
RESULTS = [
    '{"city":"Ulm","degrees":23}',
    "in 1 minutes",
    "Tool `breaks` failed: it is broken",
    "Tool `nowhere` does not exist.",
    "Tool `weather` failed: arguments of the tool 'weather' do not fit: days: Input should be a valid integer",
    # What is injected wins.
    '{"city":"Ulm","degrees":21}',
    "Tool `later` failed: the tool 'later' has no parameter hours; its parameters are minutes",
]


@pytest.mark.parametrize("side_by_side", ["true", "false"])
def test_tools_are_called_with_fitting_arguments_and_the_model_sees_what_came_of_it(model_server, run, side_by_side):
    server = model_server(
        {"when": {"round": 0}, "answers": [{"tool_calls": CALLS}]},
        {"when": {"round": 1}, "answers": [{"text": "done"}]},
    )
    agent = react(server, tools=["weather", "later", "breaks"])
    config = {"weather.unit": "celsius", "tool-call.async": side_by_side, "chat.async": side_by_side}
    assert run([("k", "Weather?")], agent, config) == [("k", "done")]
    first, second = server.chats()
    told = {tool["function"]["name"]: tool["function"] for tool in first["tools"]}
    assert told["weather"]["description"] == "Tell the weather."
    assert sorted(told["weather"]["parameters"]["properties"]) == ["days", "place"]
    results = [message["content"] for message in second["messages"] if message["role"] == "tool"]
    for result, wanted in zip(results, RESULTS, strict=True):
        assert result.startswith(wanted), result


def test_an_answer_becomes_the_object_that_was_asked_for(model_server, run):
    server = model_server({"answers": [{"text": '```json\n{"city": "Ulm", "degrees": 20}\n```'}]})
    prompt = Prompt.from_messages([ChatMessage(role=MessageRole.USER, content="How warm is it in {city}?")])
    agent = react(server, prompt=prompt, output_schema=Weather)
    assert run([("k", {"city": "Ulm"})], agent) == [("k", {"city": "Ulm", "degrees": 20})]
    (asked,) = server.chats()
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert asked["messages"][1]["content"] == "How warm is it in Ulm?"


def test_an_answer_that_does_not_fit_is_repaired_once_and_then_fails(model_server, run):
    bad = {"text": '{"city": "Ulm", "degrees": "warm"}'}
    server = model_server({"answers": [bad, {"text": '{"city": "Ulm", "degrees": 20}'}]})
    assert run([("k", "?")], react(server, output_schema=Weather)) == [("k", {"city": "Ulm", "degrees": 20})]
    repaired = server.chats()[1]["messages"]
    assert "degrees" in repaired[-1]["content"] and repaired[-2]["content"] == bad["text"]

    server = model_server({"answers": [bad]})
    with pytest.raises(RuntimeError, match="degrees"):
        run([("k", "?")], react(server, output_schema=Weather))
    assert len(server.chats()) == 2


def test_the_trace_has_models_tools_and_parsers(model_server, run, tmp_path):
    server = model_server(
        {"when": {"round": 0}, "answers": [{"tool_calls": [CALLS[2]]}]},
        {"when": {"round": 1}, "answers": [{"text": '{"city": "Ulm", "degrees": 1}'}]},
    )
    config = {"baseLogDir": str(tmp_path), "event-log.trace.enabled": "true"}
    run([("k", "?")], react(server, tools=["breaks"], output_schema=Weather), config)
    (log,) = tmp_path.glob("*.log")
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    ended = [
        (line["entityType"], line["entityName"], line["status"], line.get("problemCategory"))
        for line in lines
        if line.get("entityType") not in (None, "action") and line["status"] != "started"
    ]
    assert ended == [
        ("llm", "_default_chat_model", "success", None),
        ("tool", "breaks", "failed", "tool_call_failed"),
        ("llm", "_default_chat_model", "success", None),
        ("parser", "structured_output", "success", None),
    ]
    (called,) = (line for line in lines if line.get("entityType") == "tool" and line["status"] == "failed")
    assert called["entityMetadata"].keys() == {"toolRequestEventId", "toolCallId", "externalId", "toolType"}
    assert called["eventAttributes"] == {"errorType": "OSError", "errorMessage": "it is broken"}


def test_hundreds_of_chats_wait_without_threads(model_server, run):
    server = model_server({"answers": [{"text": "$last", "delay_ms": 300}]})
    before = threading.active_count()
    began = time.monotonic()
    outputs = run([(key, str(key)) for key in range(300)], react(server), {"num-async-threads": "1"})
    assert sorted(outputs) == [(key, str(key)) for key in range(300)]
    # One after another they would take 90 s.
    assert time.monotonic() - began < 20
    assert threading.active_count() <= before + 1


def test_a_row_type_asks_for_a_row(model_server, run, pyflink):
    types = [pyflink.BasicTypeInfo(pyflink.BasicType.INT), pyflink.BasicTypeInfo(pyflink.BasicType.STRING)]
    schema = pyflink.RowTypeInfo(types, ["degrees", "city"])
    server = model_server({"answers": [{"text": '{"city": "Ulm"}'}, {"text": '{"city": "Ulm", "degrees": 20.0}'}]})
    ((_, row),) = run([("k", "?")], react(server, output_schema=schema))
    assert row == pyflink.Row(degrees=20, city="Ulm")
    assert "the field 'degrees' is missing" in server.chats()[1]["messages"][-1]["content"]
