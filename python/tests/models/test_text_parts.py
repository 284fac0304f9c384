"""What models say while they say it, without Flink."""

import asyncio
import logging

import pytest
from test_native import CHATS, Others, made
from test_trouble import asks

from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.chat_models.text_part import TextPart, listening_to_text
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.runtime.executor import ActionExecutionError

SAID = "Trains run at night, and nobody knows why."


def listened(server, listener, **arguments):
    """Return what agents got whose environment has the listener."""
    environment = AgentsExecutionEnvironment.get_execution_environment()
    environment.on_text(listener)
    inputs = [{"key": key, "value": "why?"} for key in ("a", "b")]
    outputs = environment.from_list(inputs).apply(asks(server, **arguments)).to_list()
    environment.execute()
    return {key: value[0] for output in outputs for key, value in output.items()}


def test_a_listener_hears_what_the_agent_gets_part_by_part(model_server):
    parts = []
    server = model_server({"answers": [{"text": SAID}]})
    assert listened(server, parts.append) == {"a": SAID, "b": SAID}
    for key in ("a", "b"):
        own = [part for part in parts if part.key == key]
        assert len(own) > 1
        assert {(part.kind, part.model) for part in own} == {("text", "model")}
        assert "".join(part.text for part in own) == SAID
    assert all(body["stream"] for body in server.chats())


def test_without_a_listener_nothing_is_streamed(model_server, run):
    server = model_server({"answers": [{"text": SAID}]})
    assert run([("a", "why?")], asks(server)) == [("a", [SAID, 0, None])]
    assert not any(body.get("stream") for body in server.chats())


def test_parts_come_before_the_end_of_an_answer(model_server):
    parts = []
    server = model_server({"answers": [{"text": SAID, "cut_after": 400}]})
    with pytest.raises(ActionExecutionError, match="cut"):
        listened(server, parts.append)
    heard = "".join(part.text for part in parts if part.key == parts[0].key)
    assert heard
    assert SAID.startswith(heard)
    assert heard != SAID


def test_an_attempt_that_fails_in_between_is_told_of(model_server):
    parts = []
    half = {"text": SAID, "cut_after": 400}
    server = model_server({"answers": [half, {"text": SAID}]})
    environment = AgentsExecutionEnvironment.get_execution_environment()
    environment.on_text(parts.append)
    outputs = environment.from_list([{"key": "a", "value": "why?"}]).apply(asks(server, max_retries=1)).to_list()
    environment.execute()
    assert outputs[0]["a"][0] == SAID
    kinds = [part.kind for part in parts]
    assert kinds.count("again") == 1
    again = kinds.index("again")
    assert parts[again].text == ""
    assert "".join(part.text for part in parts[again:]) == SAID


def test_a_listener_that_raises_costs_nothing(model_server, caplog):
    server = model_server({"answers": [{"text": SAID}]})

    def listener(part):
        msg = "deaf"
        raise ValueError(msg)

    with caplog.at_level(logging.ERROR, "flink_agents"):
        assert listened(server, listener) == {"a": SAID, "b": SAID}
    assert "A listener to what models say failed" in caplog.text
    assert "deaf" in caplog.text


@pytest.mark.parametrize("provider", CHATS)
def test_a_chat_outside_of_agents_is_heard_too(model_server, provider):
    connection, setup, arguments = CHATS[provider]
    server = model_server({"answers": [{"text": SAID}]})
    made_connection = made(connection, server.url, **arguments)
    model = made(setup, connection="c", model="m1", resource_context=Others(c=made_connection))
    parts = []
    with listening_to_text(parts.append):
        assert model.chat([ChatMessage(content="why?")]).content == SAID
    assert "".join(part.text for part in parts) == SAID
    assert parts[0] == TextPart("text", parts[0].text)

    async def awaited():
        with listening_to_text(parts.append):
            return await made_connection.chat_async([ChatMessage(content="why?")], model="m1")

    parts.clear()
    assert asyncio.run(awaited()).content == SAID
    assert "".join(part.text for part in parts) == SAID
    parts.clear()
    assert model.chat([ChatMessage(content="why?")]).content == SAID
    assert parts == []
