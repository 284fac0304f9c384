"""What goes wrong with models: the strategies, their metrics, and what journals keep of calls that were paid for."""

import logging
import os
import signal
import subprocess
import sys
import time

import pytest

import test_react
from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.decorators import action
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import ResourceDescriptor, ResourceName, ResourceType
from flink_agents.api.tools.tool import Tool
from flink_agents.plan.configuration import AgentConfiguration
from flink_agents.plan.resource_provider import provider_of_descriptor


class Asks(Agent):
    """Asks the model, and tells all of the answer."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event, ctx):
        message = ChatMessage(content=InputEvent.from_event(event).input)
        ctx.send_event(ChatRequestEvent(model="model", messages=[message]))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell(event, ctx):
        answered = ChatResponseEvent.from_event(event)
        if os.environ.get("STOP") == answered.response.content:
            raise RuntimeError(os.environ["STOP"])
        told = [answered.response.content, answered.retry_count, answered.response.extra_args.get("error")]
        ctx.send_event(OutputEvent(output=told))


def asks(server, tools=(), prompt=None, **arguments):
    agent = Asks()
    if prompt is not None:
        agent.add_resource("prompt", ResourceType.PROMPT, prompt)
    arguments = {"max_retries": 0, **arguments}
    agent.add_resource("server", ResourceType.CHAT_MODEL_CONNECTION, test_react.connection(server, **arguments))
    setup = ResourceDescriptor(
        clazz=ResourceName.ChatModel.OPENAI_COMPLETIONS_SETUP, connection="server", model="m1", tools=list(tools),
        prompt=None if prompt is None else "prompt",
    )
    agent.add_resource("model", ResourceType.CHAT_MODEL, setup)
    return agent


BROKEN = {"status": 500, "error": "no memory"}
TROUBLE = {
    "refused": ({"status": 400, "error": "no such model"}, "no such model"),
    "malformed": ({"raw": "<html>"}, "attempt 1 of 1"),
    "cut": ({"text": "half of it", "cut_after": 20}, "attempt 1 of 1"),
    "no arguments": ({"tool_calls": [{"name": "later", "arguments": "{no"}]}, "no JSON object"),
    "silent": ({"hang": True}, "for 1 s"),
    "too large": ({"text": "x" * 5000}, "max_response_bytes"),
    "another role": ({"text": "x", "role": "wizard"}, "role is 'wizard'"),
    "cut cleanly": ({"text": "half of it", "cut_after": 20, "cut_cleanly": True}, "attempt 1 of 1"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", TROUBLE)
def test_a_call_that_fails_names_connection_model_and_attempt(model_server, run, kind, stream):
    answer, told = TROUBLE[kind]
    server = model_server({"answers": [answer]})
    with pytest.raises(RuntimeError, match="model 'm1' of connection 'server', attempt 1 of 1") as failed:
        run([("k", "?")], asks(server, timeout=1, max_response_bytes=4096, stream=stream))
    assert told in str(failed.value) and "action 'chat_model_action', key 'k'" in str(failed.value)
    assert failed.value.__cause__.kind


def test_keys_are_told_to_nobody(model_server, run, caplog):
    caplog.set_level(logging.DEBUG)
    server = model_server({"answers": [{"text": "ok"}]}, keys=["sk-right"])
    with pytest.raises(RuntimeError, match="401") as failed:
        run([("k", "?")], asks(server, api_key="sk-expired"))
    assert "sk-expired" not in f"{failed.value}{failed.value.__cause__!r}{caplog.text}"
    assert run([("k", "?")], asks(server, api_key="sk-right")) == [("k", ["ok", 0, None])]


def test_tools_that_there_are_not_are_told_to_the_model(model_server, run):
    calls = [{"name": "no_such", "arguments": {}}]
    server = model_server({"when": {"round": 0}, "answers": [{"tool_calls": calls}]}, {"answers": [{"text": "$last"}]})
    assert run([("k", "?")], asks(server)) == [("k", ["Tool `no_such` does not exist.", 0, None])]


def test_a_placeholder_without_a_value_stays(model_server, run):
    server = model_server({"answers": [{"text": "ok"}]})
    agent = asks(server, prompt=Prompt.from_text("Say {this} to {}"))
    assert run([("k", "?")], agent) == [("k", ["ok", 0, None])]
    assert [message["content"] for message in server.chats()[0]["messages"]] == ["Say {this} to {}", "?"]


SECRETS = {
    "api_key": "sk-1", "apikey": "sk-2", "default_headers": {"x-key": "sk-3"}, "proxy": "http://me:sk-4@127.0.0.1:9",
}


def test_what_shows_a_resource_shows_no_values():
    for clazz in (
        ResourceName.ChatModel.OPENAI_COMPLETIONS_CONNECTION,
        ResourceName.EmbeddingModel.OPENAI_CONNECTION,
        ResourceName.MCP_SERVER,
    ):
        resource = ResourceDescriptor(clazz=clazz).clazz(**SECRETS)
        shown = f"{resource!r} {resource} {[resource]}"
        assert "sk-" not in shown and shown.count("apikey=…") == shown.count("proxy=…") == 3
    with pytest.raises(Exception, match="'api_?key'") as refused:
        resource.open()
    assert "sk-" not in f"{refused.value!r}"


@pytest.mark.parametrize("name", ["api_key", "api_base_url", "default_headers"])
def test_what_refuses_an_argument_does_not_show_it(name):
    secret = ["sk-6"] if name == "default_headers" else {"key": "sk-6"}
    descriptor = ResourceDescriptor(clazz=ResourceName.ChatModel.OPENAI_COMPLETIONS_CONNECTION, **{name: secret})
    with pytest.raises(ValueError, match=name) as direct:
        descriptor.clazz(**descriptor.arguments)
    provider = provider_of_descriptor("server", ResourceType.CHAT_MODEL_CONNECTION, descriptor)
    with pytest.raises(RuntimeError, match=name) as named:
        provider.provide(None, AgentConfiguration())
    assert "sk-6" not in f"{direct.value}{direct.value!r}{named.value}{named.value.__cause__!r}"


def test_retry_asks_again_and_counts_it(model_server, run):
    server = model_server({"answers": [BROKEN, BROKEN, {"text": "ok", "usage": {"prompt": 7, "completion": 2}}]})
    environment = AgentsExecutionEnvironment.get_execution_environment()
    environment.get_config().set_str("error-handling-strategy", "retry")
    environment.get_config().set_str("retry-wait-interval", "0")
    outputs = environment.from_list([{"key": "k", "value": "?"}]).apply(asks(server)).to_list()
    environment.execute()
    assert outputs == [{"k": ["ok", 2, None]}]
    group = "action.chat_model_action.model."
    counted = {name[len(group) :]: value for name, value in environment.metrics().values().items() if name.startswith(group)}
    # Tokens are the model's, retries the connection's.
    assert counted == {"m1.promptTokens": 7, "m1.completionTokens": 2, "server.retryCount": 2}


def test_ignore_answers_with_the_error(model_server, run):
    server = model_server({"answers": [BROKEN]})
    ((_, (content, retries, error)),) = run([("k", "?")], asks(server), {"error-handling-strategy": "ignore"})
    assert (content, retries) == ("", 0)
    assert error["class"] == "flink_agents._core.ModelError" and "no memory" in error["message"]


def test_a_call_that_takes_too_long_is_given_up(model_server, run):
    server = model_server({"answers": [{"hang": True}]})
    with pytest.raises(RuntimeError, match="DurableCallTimeoutError: Durable call .*chat.* took longer than 0.3 s"):
        run([("k", "?")], asks(server), {"call.timeout": "300ms"})


@pytest.mark.parametrize("store", [{}, {"actionStateStoreBackend": "sqlite"}])
def test_the_wait_before_an_attempt_is_no_part_of_its_time(model_server, run, store):
    server = model_server({"answers": [BROKEN, {"hang": True}, {"text": "ok"}]})
    config = {"error-handling-strategy": "retry", "retry-wait-interval": "1", "call.timeout": "700ms", **store}
    assert run([("k", "?")], asks(server), config, name="waits") == [("k", ["ok", 2, None])]
    assert len(server.chats()) == 3


@pytest.mark.parametrize("store", [{}, {"actionStateStoreBackend": "sqlite"}])
def test_a_run_that_fails_does_not_wait_for_attempts_to_come(model_server, run, monkeypatch, store):
    server = model_server(
        {"when": {"contains": "later"}, "answers": [BROKEN]}, {"answers": [{"text": "now", "delay_ms": 500}]}
    )
    monkeypatch.setenv("STOP", "now")
    config = {"error-handling-strategy": "retry", "retry-wait-interval": "300", **store}
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="key 'b'"):
        run([("a", "later"), ("b", "?")], asks(server), config, name="fails")
    assert time.monotonic() - began < 60


def test_what_was_answered_is_not_asked_again_by_the_next_run(model_server, run, monkeypatch):
    server = model_server({"when": {"contains": "one"}, "answers": [{"text": "1"}]}, {"answers": [{"text": "2"}]})
    config = {"actionStateStoreBackend": "sqlite"}
    # Of one key, so that the first answer has come when the second stops the run.
    inputs = [("a", "one"), ("a", "two")]
    monkeypatch.setenv("STOP", "2")
    with pytest.raises(RuntimeError, match="key 'a'"):
        run(inputs, asks(server), config, name="chats")
    assert len(server.chats()) == 2
    monkeypatch.delenv("STOP")
    assert run(inputs, asks(server), config, name="chats") == [("a", ["1", 0, None]), ("a", ["2", 0, None])]
    assert len(server.chats()) == 2


def test_failed_attempts_and_their_waits_are_not_repeated_by_the_next_run(model_server, run, monkeypatch):
    server = model_server({"answers": [BROKEN, {"text": "2"}]})
    config = {
        "actionStateStoreBackend": "sqlite", "error-handling-strategy": "retry", "retry-wait-interval": "1",
    }
    monkeypatch.setenv("STOP", "2")
    with pytest.raises(RuntimeError, match="key 'b'"):
        run([("b", "?")], asks(server), config, name="retried")
    monkeypatch.delenv("STOP")
    assert run([("b", "?")], asks(server), config, name="retried") == [("b", ["2", 1, None])]
    assert len(server.chats()) == 2


def once_killed() -> str:
    """Kills the process that calls it first."""
    with open("called", "a", encoding="utf-8") as file:
        file.write("x")
    if os.path.getsize("called") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def killed_program(url):
    server = type("Server", (), {"url": url})
    agent = asks(server, tools=["once_killed"])
    agent.add_resource("once_killed", ResourceType.TOOL, Tool.from_callable(once_killed))
    environment = AgentsExecutionEnvironment.get_execution_environment()
    environment.get_config().set_str("actionStateStoreBackend", "sqlite")
    outputs = environment.from_list([{"key": "k", "value": "?"}]).apply(agent).to_list()
    environment.execute("killed")
    print(outputs)


def program_at(server, directory):
    """Return the arguments that start ``killed_program`` with a server, in a directory."""
    environment = dict(os.environ, PYTHONPATH=os.path.dirname(__file__), no_proxy="*")
    environment.pop("FLINK_CONF_DIR", None)
    program = f"import test_trouble; test_trouble.killed_program({server.url!r})"
    return {
        "args": [sys.executable, "-c", program], "cwd": directory, "env": environment, "text": True,
        "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
    }


def test_a_process_that_is_killed_in_a_tool_does_not_pay_again_for_the_chat_before(model_server, tmp_path):
    server = model_server(
        {"when": {"round": 0}, "answers": [{"tool_calls": [{"name": "once_killed", "arguments": {}}]}]},
        {"when": {"round": 1}, "answers": [{"text": "it is $last"}]},
    )
    first = subprocess.run(**program_at(server, tmp_path), check=False, timeout=60)
    assert first.returncode == -signal.SIGKILL, first.stderr
    assert len(server.chats()) == 1
    second = subprocess.run(**program_at(server, tmp_path), check=False, timeout=60)
    assert second.stdout == "[{'k': ['it is alive', 0, None]}]\n", second.stderr
    assert len(server.chats()) == 2
    assert (tmp_path / "called").read_text() == "xx"


def test_a_chat_in_which_the_process_is_killed_is_asked_again_with_the_same_key(model_server, tmp_path):
    server = model_server({"answers": [{"text": "late", "delay_ms": 60000}, {"text": "in time"}]})
    with subprocess.Popen(**program_at(server, tmp_path)) as first:
        until = time.monotonic() + 60
        while not server.chats() and time.monotonic() < until:
            time.sleep(0.05)
        first.kill()
    second = subprocess.run(**program_at(server, tmp_path), check=False, timeout=60)
    assert second.stdout == "[{'k': ['in time', 0, None]}]\n", second.stderr
    one, other = (asked["headers"]["idempotency-key"] for asked in server.requests())
    assert one == other
