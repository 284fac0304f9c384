"""Live traces: what a receiver of OTLP gets of a run, decoded by the package of the OpenTelemetry project."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.trace import ExecutionReporters
from local_agents import agent_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent; answers with ``status``."""

    daemon_threads = True

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.requests: list[ExportTraceServiceRequest] = []
        self.heads: list[tuple[str, str]] = []
        self.tokens: list[str | None] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heads.append((self.path, self.headers["Content-Type"]))
        self.server.tokens.append(self.headers["Authorization"])
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


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


def attributes(of) -> dict:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value"))
        for pair in of.attributes
    }


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
    assert set(spans) == {"invoke_agent Agent", "action first", "execute_tool add", "action second", "chat gpt-x"}
    root = spans["invoke_agent Agent"]
    assert root.parent_span_id == b""
    assert root.kind == Span.SPAN_KIND_CONSUMER
    assert attributes(root)["flink_agents.key"] == "k"
    assert {span.trace_id for span in receiver.spans} == {root.trace_id}
    assert len({span.span_id for span in receiver.spans}) == 5
    for child, parent in (
        ("action first", "invoke_agent Agent"),
        ("action second", "invoke_agent Agent"),
        ("execute_tool add", "action first"),
        ("chat gpt-x", "action second"),
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
    assert len(receiver.spans) == 5
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
    replayed = [span.name for span in receiver.spans if attributes(span).get("flink_agents.replayed")]
    assert sorted(replayed) == ["action first", "action second", "invoke_agent Agent"]


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
    assert len(receiver.spans) == 5000
    assert len({span.trace_id for span in receiver.spans}) == 1000


def test_headers_are_sent_with_secrets_looked_up_here_and_spans_are_counted(run, environment, receiver, monkeypatch, caplog):
    monkeypatch.setenv("OTLP_TEST_TOKEN", "Bearer hunter2")
    config = {"otlp.endpoint": receiver.url, "otlp.headers.Authorization": "${env:OTLP_TEST_TOKEN}"}
    run([("k", "a")], *ACTIONS, config=config)
    assert receiver.tokens == ["Bearer hunter2"]
    values = environment.metrics().values()
    assert (values["otlpSpansSent"], values["otlpSpansDropped"]) == (5, 0)
    assert "hunter2" not in caplog.text


def test_a_secret_that_is_not_there_is_named_at_the_start(run, receiver):
    config = {"otlp.endpoint": receiver.url, "otlp.headers.Authorization": "${env:NO_SUCH_VARIABLE}"}
    with pytest.raises(ValueError, match="otlp.headers.Authorization: environment variable NO_SUCH_VARIABLE"):
        run([("k", "a")], *ACTIONS, config=config)


def test_a_machine_without_certificates_can_send_what_is_not_encrypted(run, receiver, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    run([("k", "a")], *ACTIONS, config={"otlp.endpoint": receiver.url})
    assert len(receiver.spans) == 5


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
    assert (values["otlpSpansSent"], values["otlpSpansDropped"]) == (0, 5)


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
