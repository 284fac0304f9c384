"""Live traces: what a receiver of OTLP gets of a run, decoded by the package of the OpenTelemetry project."""

import asyncio
import json
import socket
import time
from typing import ClassVar

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import BaseModel

from flink_agents.api.agents.react_agent import ReActAgent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection, BaseChatModelSetup
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.resource import ResourceDescriptor, ResourceType
from flink_agents.api.tools.tool import Tool
from flink_agents.api.trace import ExecutionReporters
from local_agents import agent_of
from otlp_receiver import Receiver, attributes

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.fixture
def receiver():
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


def first(event, ctx):
    metadata = {"toolCallId": "call-1", "toolType": "function"}
    ExecutionReporters.started(ctx, "tool", "add", metadata)
    ExecutionReporters.succeeded(ctx, "tool", "add", metadata)
    ctx.send_event(Event(type="my.step", attributes={"value": InputEvent.from_event(event).input}))


async def second(event, ctx):
    ExecutionReporters.started(ctx, "llm", "helper", {"model": "gpt-x"})
    await ctx.durable_execute_async(len, "abc")
    ExecutionReporters.failed(ctx, "llm", "helper", {"model": "gpt-x"}, OSError("no route"), "model_call_failed")
    ctx.send_event(OutputEvent(output="done"))


ACTIONS = ((InputEvent.EVENT_TYPE, first), ("my.step", second))


def by_name(spans) -> dict[str, Span]:
    named = {span.name: span for span in spans}
    assert len(named) == len(spans), [span.name for span in spans]
    return named


def test_runs_actions_and_calls_are_spans(run, receiver):
    assert run([("k", "a")], *ACTIONS, config={"otlp.endpoint": receiver.url, "log.keys": "plain"}) == [("k", "done")]
    assert receiver.heads[0] == ("/v1/traces", "application/x-protobuf")
    resource = attributes(receiver.requests[0].resource_spans[0].resource)
    assert resource["service.name"] == "Agent"
    assert resource["flink.subtask.index"] == 0
    spans = by_name(receiver.spans)
    assert set(spans) == {
        "invoke_agent Agent", "action first", "execute_tool add", "action second", "chat gpt-x", "call builtins.len"
    }
    root = spans["invoke_agent Agent"]
    assert root.parent_span_id == b""
    assert root.kind == Span.SPAN_KIND_CONSUMER
    assert attributes(root)["flink_agents.key"] == "k"
    assert {span.trace_id for span in receiver.spans} == {root.trace_id}
    assert len({span.span_id for span in receiver.spans}) == 6
    for child, parent in (
        ("action first", "invoke_agent Agent"),
        ("action second", "invoke_agent Agent"),
        ("execute_tool add", "action first"),
        ("chat gpt-x", "action second"),
        ("call builtins.len", "action second"),
    ):
        inner, outer = spans[child], spans[parent]
        assert inner.parent_span_id == outer.span_id
        assert outer.start_time_unix_nano <= inner.start_time_unix_nano <= inner.end_time_unix_nano <= outer.end_time_unix_nano
    tool = attributes(spans["execute_tool add"])
    assert tool["gen_ai.operation.name"] == "execute_tool"
    assert (tool["gen_ai.tool.name"], tool["gen_ai.tool.call.id"], tool["gen_ai.tool.type"]) == ("add", "call-1", "function")
    model = spans["chat gpt-x"]
    assert model.kind == Span.SPAN_KIND_CLIENT
    assert (model.status.code, model.status.message) == (Status.STATUS_CODE_ERROR, "no route")
    told = attributes(model)
    assert (told["gen_ai.operation.name"], told["gen_ai.request.model"]) == ("chat", "gpt-x")
    assert (told["error.type"], told["flink_agents.problem_category"]) == ("OSError", "model_call_failed")
    assert [event.name for event in model.events] == ["exception"]
    assert spans["action second"].status.code == Status.STATUS_CODE_UNSET


@pytest.mark.parametrize("log", ["off", "on", "traced"])
def test_spans_need_no_event_log_and_change_none(run, receiver, tmp_path, log):
    config = {"otlp.endpoint": receiver.url, "baseLogDir": str(tmp_path)}
    config.update({"off": {"event-log.level": "OFF"}, "on": {}, "traced": {"event-log.trace.enabled": True}}[log])
    run([("k", "a")], *ACTIONS, config=config)
    assert len(receiver.spans) == 6
    lines = [json.loads(line) for file in tmp_path.glob("*.log") for line in file.read_text().splitlines()]
    assert len(lines) == {"off": 0, "on": 3, "traced": 3 + 8}[log]
    if log == "on":
        assert "inputRunId" not in lines[0]
    if log == "traced":
        trace = lines[0]["inputRunId"].replace("-", "")
        assert {span.trace_id.hex() for span in receiver.spans} == {trace}


@pytest.mark.parametrize("store", [None, "memory"])
def test_a_run_is_the_child_of_the_span_that_its_input_names(run, receiver, store):
    config = {"otlp.endpoint": receiver.url}
    if store:
        config.update({"actionStateStoreBackend": store, "job-identifier": "traced"})
    inputs = [
        ("k", {"traceparent": f"00-{TRACE}-{PARENT}-01"}),
        ("k", {"traceparent": f"00-{TRACE}-{PARENT}-00"}),
        ("k", {"traceparent": "00-nonsense"}),
        ("k", {"traceparent": 7}),
    ]
    run(inputs, (InputEvent.EVENT_TYPE, first), config=config)
    roots = [span for span in receiver.spans if span.name == "invoke_agent Agent"]
    # Who sent the second does not record its trace.
    assert len(roots) == 3
    (child,) = [span for span in roots if span.parent_span_id]
    assert (child.trace_id.hex(), child.parent_span_id.hex()) == (TRACE, PARENT)
    assert len([span for span in receiver.spans if span.trace_id.hex() == TRACE]) == 3


def test_a_replayed_action_is_marked_and_its_calls_are_not_counted_again(receiver, tmp_path):
    config = {
        "otlp.endpoint": receiver.url,
        "actionStateStoreBackend": "sqlite",
        "sqlite.path": str(tmp_path / "journal.sqlite"),
        "job-identifier": "replayed",
    }
    for _ in range(2):
        environment = AgentsExecutionEnvironment.get_execution_environment()
        for key, value in config.items():
            environment.get_config().set_str(key, value)
        outputs = environment.from_list([{"key": "k", "value": "a"}]).apply(agent_of(*ACTIONS)).to_list()
        environment.execute()
        assert outputs == [{"k": "done"}]
    names = sorted(span.name for span in receiver.spans)
    assert names.count("chat gpt-x") == names.count("execute_tool add") == 1
    # What is replayed as a whole does not come to its calls.
    assert names.count("call builtins.len") == 1
    replayed = [span.name for span in receiver.spans if attributes(span).get("flink_agents.replayed")]
    assert sorted(replayed) == ["action first", "action second", "invoke_agent Agent"]


# ---- durable calls

MADE: list[str] = []


def double(number):
    MADE.append("double")
    return 2 * number


async def treble(number):
    MADE.append("treble")
    return 3 * number


def out_of_luck():
    MADE.append("out_of_luck")
    msg = "not today"
    raise ValueError(msg)


def plain(event, ctx):
    assert ctx.durable_execute(double, 4) == 8
    try:
        ctx.durable_execute(out_of_luck)
    except ValueError:
        ctx.send_event(OutputEvent(output="done"))


async def awaiting(event, ctx):
    async def unlucky():
        try:
            await ctx.durable_execute_async(out_of_luck)
        except ValueError:
            return "failed"

    first = await ctx.durable_execute_async(treble, 1)
    second = await ctx.durable_gather(ctx.durable_execute_async(double, 1), ctx.durable_execute_async(double, 2))
    ctx.send_event(OutputEvent(output=[first, second, await unlucky()]))


def calls_of(spans) -> list[tuple]:
    """What is shown of each call, by its number."""
    shown = [span for span in spans if span.name.startswith("call ")]
    shown.sort(key=lambda span: attributes(span)["flink_agents.call.number"])
    return [
        (
            attributes(span)["flink_agents.call"].rpartition(".")[2],
            attributes(span).get("error.type"),
            attributes(span).get("flink_agents.replayed", False),
        )
        for span in shown
    ]


PLAIN = [("double", None, False), ("out_of_luck", "ValueError", False)]
AWAITING = [("treble", None, False), ("double", None, False), ("double", None, False), ("out_of_luck", "ValueError", False)]


@pytest.mark.parametrize("store", [None, "memory"])
@pytest.mark.parametrize("limit", [None, "1 min"])
@pytest.mark.parametrize(("action", "expected"), [(plain, PLAIN), (awaiting, AWAITING)])
def test_durable_calls_are_spans_below_their_action(run, receiver, store, limit, action, expected):
    config = {"otlp.endpoint": receiver.url}
    if store:
        config.update({"actionStateStoreBackend": store, "job-identifier": f"calls of {action.__name__} {limit}"})
    if limit:
        config["call.timeout"] = limit
    run([("k", "a")], (InputEvent.EVENT_TYPE, action), config=config)
    assert calls_of(receiver.spans) == expected
    (outer,) = [span for span in receiver.spans if span.name.startswith("action ")]
    for span in receiver.spans:
        if span.name.startswith("call "):
            assert span.parent_span_id == outer.span_id
            assert outer.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
            assert span.end_time_unix_nano <= outer.end_time_unix_nano
            assert "gen_ai.operation.name" not in attributes(span)
            failed = "out_of_luck" in span.name
            assert span.status.code == (Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET)
            assert [event.name for event in span.events] == (["exception"] if failed else [])


def test_a_call_that_is_given_up_is_shown_as_cancelled(run, receiver):
    async def hanging(event, ctx):
        call = asyncio.ensure_future(ctx.durable_execute_async(asyncio.sleep, 3600))
        await ctx.durable_execute_async(double, 1)
        call.cancel()
        await asyncio.wait([call])
        ctx.send_event(OutputEvent(output="done"))

    assert run([("k", "a")], (InputEvent.EVENT_TYPE, hanging), config={"otlp.endpoint": receiver.url}) == [("k", "done")]
    shown = {name: error for name, error, _ in calls_of(receiver.spans)}
    assert shown == {"sleep": "asyncio.exceptions.CancelledError", "double": None}


BURNS: list[str] = []


def burns():
    if BURNS:
        raise RuntimeError(BURNS.pop())


def plain_that_burns(event, ctx):
    plain(event, ctx)
    burns()


async def awaiting_that_burns(event, ctx):
    await awaiting(event, ctx)
    burns()


@pytest.mark.parametrize(("action", "expected"), [(plain_that_burns, PLAIN), (awaiting_that_burns, AWAITING)])
def test_a_replayed_call_is_marked_and_takes_no_time(receiver, tmp_path, action, expected):
    """The first process dies between its calls and the end of their action."""
    MADE.clear()
    BURNS[:] = ["the machine burns"]
    config = {
        "otlp.endpoint": receiver.url,
        "actionStateStoreBackend": "sqlite",
        "sqlite.path": str(tmp_path / "journal.sqlite"),
        "job-identifier": "replayed",
    }

    def process():
        environment = AgentsExecutionEnvironment.get_execution_environment()
        for key, value in config.items():
            environment.get_config().set_str(key, value)
        environment.from_list([{"key": "k", "value": "a"}]).apply(agent_of((InputEvent.EVENT_TYPE, action))).to_list()
        environment.execute()

    with pytest.raises(Exception, match="the machine burns"):
        process()
    made = list(MADE)
    assert calls_of(receiver.spans) == expected
    before = len(receiver.spans)
    process()
    assert made == MADE
    again = receiver.spans[before:]
    assert calls_of(again) == [(name, error, True) for name, error, _ in expected]
    for span in again:
        if span.name.startswith("call "):
            assert span.start_time_unix_nano == span.end_time_unix_nano
    roots = [span for span in again if span.name.startswith("invoke_agent")]
    assert [attributes(span).get("flink_agents.replayed") for span in roots] == [True]


# ---- calls of built-in actions


class Weather(BaseModel):
    city: str
    degrees: int


class Answering(BaseChatModelConnection):
    """Gives one answer after the other; an exception is raised."""

    answers: ClassVar[list] = []

    @property
    def provider_name(self):
        return "gemini"

    async def chat(self, messages, tools=None, output_schema=None, **kwargs):
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        tokens = {"model_name": "m1", "promptTokens": 17, "completionTokens": 4}
        return ChatMessage(role=MessageRole.ASSISTANT, extra_args=tokens, **answer)


class Asking(BaseChatModelSetup):
    @property
    def model_kwargs(self):
        return {"model": self.model}


def shout(text: str) -> str:
    """Shout."""
    return text.upper()


TOOL_CALL = {"id": "1", "type": "function", "function": {"name": "shout", "arguments": {"text": "hi"}}}


def asking(receiver, answers, schema=None, **more):
    Answering.answers = answers
    setup = ResourceDescriptor(clazz="test_otlp.Asking", connection="answering", model="m1", tools=["shout"])
    agent = ReActAgent(chat_model=setup, output_schema=schema)
    agent.add_resource("answering", ResourceType.CHAT_MODEL_CONNECTION, ResourceDescriptor(clazz="test_otlp.Answering"))
    agent.add_resource("shout", ResourceType.TOOL, Tool.from_callable(shout))
    environment = AgentsExecutionEnvironment.get_execution_environment()
    for key, value in {"otlp.endpoint": receiver.url, **more}.items():
        environment.get_config().set_str(key, value)
    outputs = environment.from_list([{"key": "k", "value": "Warm?"}]).apply(agent).to_list()
    environment.execute()
    return outputs


def test_calls_of_models_and_tools_are_one_span_each_with_the_tokens(receiver):
    answers = [{"content": "", "tool_calls": [TOOL_CALL]}, {"content": "warm"}]
    assert asking(receiver, answers) == [{"k": "warm"}]
    names = [span.name for span in receiver.spans]
    assert names.count("chat m1") == 2
    assert names.count("execute_tool shout") == 1
    # What carries them is no call more.
    assert not [name for name in names if name.startswith("call ")]
    for span in receiver.spans:
        if span.name == "chat m1":
            told = attributes(span)
            assert told["gen_ai.provider.name"] == "gcp.gemini"
            assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (17, 4)
            assert "flink_agents.replayed" not in told


def test_a_replayed_chat_is_marked_and_its_tokens_are_counted_once(receiver, tmp_path):
    """The first process dies while the answer is repaired."""
    store = {
        "actionStateStoreBackend": "sqlite",
        "sqlite.path": str(tmp_path / "journal.sqlite"),
        "job-identifier": "chats",
    }
    bad, good = {"content": "warm"}, {"content": '{"city": "Ulm", "degrees": 20}'}
    with pytest.raises(KeyboardInterrupt):
        asking(receiver, [bad, KeyboardInterrupt()], Weather, **store)
    assert asking(receiver, [good], Weather, **store) == [{"k": {"city": "Ulm", "degrees": 20}}]
    chats = [attributes(span) for span in receiver.spans if span.name == "chat m1"]
    # The one that was answered, its replay, and the repair; the one that the end of the process interrupted has no end.
    assert [told.get("flink_agents.replayed", False) for told in chats] == [False, True, False]
    assert [told.get("gen_ai.usage.input_tokens") for told in chats] == [17, None, 17]
    assert not [span for span in receiver.spans if span.name.startswith("call ")]


def test_a_run_that_fails_is_sent_with_why(run, receiver):
    def broken(event, ctx):
        msg = "not today"
        raise ValueError(msg)

    with pytest.raises(Exception, match="not today"):
        run([("k", "a")], (InputEvent.EVENT_TYPE, broken), config={"otlp.endpoint": receiver.url})
    spans = by_name(receiver.spans)
    for span in spans.values():
        assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "not today")
    assert attributes(spans["invoke_agent Agent"])["flink_agents.unfinished"] is True


def test_many_runs_are_sent_completely(run, receiver):
    run([(f"k{i % 50}", i) for i in range(1000)], *ACTIONS, config={"otlp.endpoint": receiver.url})
    assert len(receiver.spans) == 6000
    assert len({span.trace_id for span in receiver.spans}) == 1000


def test_headers_are_sent_with_secrets_looked_up_here_and_spans_are_counted(run, environment, receiver, monkeypatch, caplog):
    monkeypatch.setenv("OTLP_TEST_TOKEN", "Bearer hunter2")
    config = {"otlp.endpoint": receiver.url, "otlp.headers.Authorization": "${env:OTLP_TEST_TOKEN}"}
    run([("k", "a")], *ACTIONS, config=config)
    assert receiver.tokens == ["Bearer hunter2"]
    values = environment.metrics().values()
    assert (values["otlpSpansSent"], values["otlpSpansDropped"]) == (6, 0)
    assert "hunter2" not in caplog.text


def test_a_secret_that_is_not_there_is_named_at_the_start(run, receiver):
    config = {"otlp.endpoint": receiver.url, "otlp.headers.Authorization": "${env:NO_SUCH_VARIABLE}"}
    with pytest.raises(ValueError, match="otlp.headers.Authorization: environment variable NO_SUCH_VARIABLE"):
        run([("k", "a")], *ACTIONS, config=config)


def test_a_machine_without_certificates_can_send_what_is_not_encrypted(run, receiver, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    run([("k", "a")], *ACTIONS, config={"otlp.endpoint": receiver.url})
    assert len(receiver.spans) == 6


def test_a_machine_without_certificates_is_told_what_to_do(run, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    with pytest.raises(ValueError, match="Option otlp.endpoint: .*No CA certificates.*let otlp.ca-file name a file of them"):
        run([("k", "a")], *ACTIONS, config={"otlp.endpoint": "https://localhost:1"})


def test_spans_that_nobody_takes_are_counted_as_dropped(run, environment):
    refusing = Receiver(status=400)
    run([("k", "a")], *ACTIONS, config={"otlp.endpoint": refusing.url})
    refusing.shutdown()
    refusing.server_close()
    values = environment.metrics().values()
    assert (values["otlpSpansSent"], values["otlpSpansDropped"]) == (0, 6)


def test_a_receiver_that_is_down_is_a_warning(run, caplog):
    down = Receiver()
    down.shutdown()
    down.server_close()
    assert run([("k", "a")], *ACTIONS, config={"otlp.endpoint": down.url}) == [("k", "done")]
    (warning,) = [record.getMessage() for record in caplog.records if "otlp.endpoint" in record.getMessage()]
    assert down.url in warning
    assert "The job goes on" in warning


def test_a_receiver_that_refuses_is_a_warning(run, caplog):
    refusing = Receiver(status=401)
    run([("k", "a")], *ACTIONS, config={"otlp.endpoint": refusing.url})
    refusing.shutdown()
    refusing.server_close()
    (warning,) = [record.getMessage() for record in caplog.records if "otlp.endpoint" in record.getMessage()]
    assert "401" in warning


@pytest.mark.parametrize(("endpoint", "why"), [("localhost:4318", "must be a URL such as"), ("https://me:hunter2@collector", "otlp.headers.<name>")])
def test_an_endpoint_that_is_none_is_refused_at_the_start(run, endpoint, why):
    with pytest.raises(ValueError, match=why):
        run([("k", "a")], *ACTIONS, config={"otlp.endpoint": endpoint})


def test_a_receiver_that_is_gone_is_said_while_the_run_goes_on(environment, caplog):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        environment.get_config().set_str("otlp.endpoint", url)
        end = time.monotonic() + 60

        def inputs():
            while "cannot be sent" not in caplog.text:
                assert time.monotonic() < end
                yield {"key": "k", "value": "a"}

        environment.from_iterable(inputs()).apply(agent_of((InputEvent.EVENT_TYPE, first))).to_list()
        environment.execute()
    assert caplog.text.count(f"Spans cannot be sent to {url}/v1/traces (otlp.endpoint): ") == 1
    assert environment.metrics().values()["otlpSpansDropped"] > 0
