"""Secrets by reference: whoever uses them gets them; neither plan nor log nor errors have them."""

from __future__ import annotations

import logging

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.resource import Resource, ResourceDescriptor, ResourceType

SEEN: list[str] = []


class Connection(Resource):
    """A connection that logs in."""

    api_key: str
    headers: dict[str, list[str]] = {}

    @classmethod
    def resource_type(cls):
        return ResourceType.CHAT_MODEL_CONNECTION


class Knowing(Agent):
    """Uses a resource and an option that are secrets."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def use(event, ctx) -> None:
        connection = ctx.get_resource("model", ResourceType.CHAT_MODEL_CONNECTION)
        SEEN.extend([connection.api_key, connection.headers["auth"][0], ctx.config.get_str("my.password")])
        ctx.send_event(OutputEvent(output="done"))


def environment(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    env = AgentsExecutionEnvironment.get_execution_environment()
    env.get_config().set_str("my.password", f"${{file:{secret}}}")
    env.get_config().set_str("Connection.api_key", "${env:MODEL_KEY}")
    arguments = {"headers": {"auth": ["${env:MODEL_KEY}"]}}
    env.add_resource(
        "model",
        ResourceType.CHAT_MODEL_CONNECTION,
        ResourceDescriptor(clazz=f"{__name__}.Connection", **arguments),
    )
    return env


def test_they_are_where_they_are_used_and_nowhere_else(tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setenv("MODEL_KEY", "hunter3")
    SEEN.clear()
    env = environment(tmp_path)
    plan = env.compile(Knowing()).to_json()
    assert "${env:MODEL_KEY}" in plan
    assert "hunter" not in plan
    outputs = env.from_list([{"key": "k", "value": 1}]).apply(Knowing()).to_list()
    with caplog.at_level(logging.DEBUG):
        env.execute()
    assert outputs == [{"k": "done"}]
    assert SEEN == ["hunter3", "hunter3", "hunter2"]
    assert "hunter" not in caplog.text


def test_a_reference_that_leads_nowhere_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("MODEL_KEY", raising=False)
    env = environment(tmp_path)
    env.from_list([{"key": "k", "value": 1}]).apply(Knowing()).to_list()
    with pytest.raises(Exception, match="use") as said:
        env.execute()
    text = f"{said.value} {said.value.__cause__}"
    assert "environment variable MODEL_KEY" in text
    assert "argument '" in text
    assert "Set the variable" in text
