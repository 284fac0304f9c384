#!/usr/bin/env python3
"""Sends live spans (``otlp.endpoint``) to a collector that others have written, and looks at what it passes on.

Usage: check_collector.py       Run it with the Python of target/venv-test (scripts/python-env). The last line is ``N passed, N failed``.

The collector is Rotel, the package rotel of PyPI (Apache-2.0, 10 MB), fetched once by pip into target/otlp/; nothing is installed. It
decodes what comes, and sends it on to a receiver in this process, in requests of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent / "cluster"), str(ROOT / "scripts"), str(ROOT / "python" / "tests" / "local")]
from checks import Suite  # noqa: E402
from cluster import free_ports  # noqa: E402
from entry import run_suite  # noqa: E402
from from_pypi import unpacked  # noqa: E402
from otlp_receiver import Receiver, attributes  # noqa: E402
from rest import wait_for  # noqa: E402

PACKAGE = "rotel==0.0.1a15"
SECONDS = 120
# What rust/runtime/src/otlp/mod.rs keeps while there is nobody, and sends together.
QUEUE, BATCH = 16_384, 512
FEW = 1000
# Of three spans each: more than fit into the queue.
MANY = 7000
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ATTEMPTS = 2
FAILURES = {"retry.max-attempts": str(ATTEMPTS - 1), "retry.backoff": "1 ms", "on-failure": "dead-letter"}

EVERYTHING = {"kind": "everything"}
OF_ANOTHER = {"kind": "everything", "traceparent": f"00-{TRACE}-{PARENT}-01"}
NOT_RECORDED = {"kind": "everything", "traceparent": f"00-{'5' * 32}-{PARENT}-00"}
POISON = {"kind": "poison"}
AGENT = "invoke_agent Traced"

# Of one input that has everything: below what each span is, its kind, and its error.
INTERNAL, CLIENT, CONSUMER = Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_CONSUMER
Shown = tuple[str, str, int, str]
SHOWN: list[Shown] = [
    (AGENT, "", CONSUMER, ""),
    ("action calls", AGENT, INTERNAL, ""),
    ("execute_tool add", "action calls", INTERNAL, ""),
    ("call __main__.double", "action calls", INTERNAL, ""),
    ("call __main__.out_of_luck", "action calls", INTERNAL, "not today"),
    ("action asks", AGENT, INTERNAL, ""),
    ("call __main__.double", "action asks", INTERNAL, ""),
    ("chat gpt-x", "action asks", CLIENT, "no route"),
]
SHOWN_OF_POISON: list[Shown] = [(AGENT, "", CONSUMER, ""), *[("action fails", AGENT, INTERNAL, "no way")] * ATTEMPTS]


class Collector:
    """A Rotel that passes on what it gets. When it is started again it has the same ports."""

    def __init__(self, program: Path, base: Path, behind: Receiver) -> None:
        self.program = program
        self.base = base
        self.behind = behind
        self.log = base / "collector.log"
        self.http, self.grpc = free_ports(2)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ROTEL_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.program), "start", "--otlp-http-endpoint", f"127.0.0.1:{self.http}", "--otlp-grpc-endpoint",
                 f"127.0.0.1:{self.grpc}", "--pid-file", str(self.base / "collector.pid"), "--log-file", str(self.base / "collector.daemon"),
                 "--exporter", "otlp", "--otlp-exporter-protocol", "http", "--otlp-exporter-endpoint", self.behind.url],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        wait_for("the collector listens", SECONDS, self.listens)

    def listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the collector has ended: {self.said()}"
        try:
            for port in (self.http, self.grpc):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return False
        return True

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ends it, if it runs."""
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def said(self) -> str:
        """Its log, without colours."""
        return re.sub(r"\x1b\[\d+m", "", self.log.read_text(encoding="utf-8", errors="replace"))

    def complaints(self) -> list[str]:
        return [line for line in self.said().splitlines() if re.search(r" (?:WARN|ERROR) ", line)]


class Run:
    """A run of the agent, which stops at gates."""

    def __init__(self, base: Path, endpoint: str, inputs: list[dict[str, Any]], config: dict[str, str]) -> None:
        self.log = base / "agent.log"
        options = {"otlp.endpoint": endpoint, "event-log.level": "OFF", "log.keys": "plain", **config}
        environment = {key: value for key, value in os.environ.items() if key != "FLINK_CONF_DIR"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-B", str(HERE / "traced_agent.py"), json.dumps(options), json.dumps(inputs)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=base, env=environment)
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        """Takes its lines; an empty one is the end."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put("")

    def line(self) -> str:
        """The next that it says."""
        line = self.lines.get(timeout=SECONDS)
        assert line, f"it has ended: {self.said()}"
        return line

    def reaches(self, gate: str) -> None:
        line = self.line()
        assert line == f"at {gate}", line

    def goes_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def result(self) -> dict[str, Any]:
        """What it says at its end."""
        result: dict[str, Any] = json.loads(self.line())
        status = self.process.wait(SECONDS)
        assert status == 0, self.said()
        return result

    def said(self) -> str:
        return self.log.read_text()

    def warnings(self) -> list[str]:
        """What it logged of spans."""
        return [line for line in self.said().splitlines() if "pans " in line and line.startswith(("WARNING", "ERROR"))]


@contextmanager
def running(base: Path, endpoint: str, inputs: list[dict[str, Any]], **config: str) -> Iterator[Run]:
    """A run of the agent; it is gone at the end."""
    run = Run(base, endpoint, inputs, {**FAILURES, **config})
    try:
        yield run
    finally:
        run.process.kill()
        run.process.communicate()


def ids(spans: list[Span]) -> Counter[tuple[bytes, bytes]]:
    """How often each span came."""
    return Counter((span.trace_id, span.span_id) for span in spans)


def traces(spans: list[Span]) -> list[list[Span]]:
    """The spans by their traces, in the order in which these came."""
    found: dict[bytes, list[Span]] = {}
    for span in spans:
        found.setdefault(span.trace_id, []).append(span)
    return list(found.values())


def shown(spans: list[Span]) -> list[Shown]:
    """What the spans of a trace are, and below what; where there is no such span, its id."""
    names = {span.span_id: span.name for span in spans}
    told = []
    for span in spans:
        failed = span.status.code == Status.STATUS_CODE_ERROR
        events = [event.name for event in span.events]
        assert events == (["exception"] if failed else []), f"{span.name}: {events}"
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano, span.name
        parent = names.get(span.parent_span_id, span.parent_span_id.hex())
        told.append((span.name, parent, span.kind, span.status.message if failed else ""))
    return sorted(told)


def of_everything(of: list[Span]) -> dict[str, dict[str, Any]]:
    """The attributes of those spans of which there is one."""
    return {span.name: attributes(span) for span in of if not span.name.startswith("call __main__.double")}


def sent(suite: Suite, what: str, of: list[Span], expected: list[Shown]) -> None:
    """Counts one check: these are the spans of one trace."""
    suite.equal(what, sorted(expected), shown(of))


def everything_once(suite: Suite, collector: Collector, base: Path) -> None:
    """What spans tell arrives as it was sent, once."""
    receiver = collector.behind
    inputs = [OF_ANOTHER, NOT_RECORDED, POISON, EVERYTHING]
    with running(base, collector.url, [dict(value) for value in inputs]) as run:
        result = run.result()
    number = 2 * len(SHOWN) + len(SHOWN_OF_POISON)
    wait_for("all spans", SECONDS, lambda: len(receiver.spans) >= number)
    suite.equal("what the run says itself", {"outputs": 3, "letters": 1, "otlpSpansSent": number, "otlpSpansDropped": 0}, result)
    spans = receiver.spans
    suite.equal("every span came once", [number, {1}], [len(spans), set(ids(spans).values())])
    suite.equal("warnings of the run", [], run.warnings())
    suite.equal("the collector refused nothing", [], collector.complaints())
    child, poison, own = traces(spans)
    sent(suite, "a run that is the child of its input's span", child, [(AGENT, PARENT, CONSUMER, ""), *SHOWN[1:]])
    suite.equal("its trace", TRACE, child[0].trace_id.hex())
    sent(suite, "a run that ends in a dead letter", poison, SHOWN_OF_POISON)
    sent(suite, "a run of its own", own, SHOWN)
    told = of_everything(child)
    agent = {"gen_ai.agent.name": "Traced"}
    suite.equal("attributes", {
        AGENT: {"gen_ai.operation.name": "invoke_agent", **agent, "flink_agents.key": "k"},
        "action calls": {"flink_agents.action": "calls", **agent},
        "action asks": {"flink_agents.action": "asks", **agent},
        "execute_tool add": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "add", "gen_ai.tool.call.id": "call-1",
                             "gen_ai.tool.type": "function", **agent},
        "call __main__.out_of_luck": {"flink_agents.call": "__main__.out_of_luck", "flink_agents.call.number": 1, **agent,
                                      "error.type": "ValueError"},
        "chat gpt-x": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-x", "flink_agents.resource": "helper", **agent,
                       "flink_agents.problem_category": "model_call_failed", "error.type": "OSError"},
    }, told)
    resources = {json.dumps(attributes(part.resource), sort_keys=True) for request in receiver.requests for part in request.resource_spans}
    suite.equal("the resource", ["Traced", "Traced", "traced", 0], [
        json.loads("".join(resources)).get(name) for name in ("service.name", "flink.task.name", "flink.job.id", "flink.subtask.index")])


def killed_and_started_again(suite: Suite, collector: Collector, base: Path) -> None:
    """The run goes on without the collector, and counts what it loses."""
    receiver = collector.behind
    before = len(receiver.spans)
    inputs: list[dict[str, Any]] = [
        {"kind": "load", "times": FEW}, {"kind": "gate", "name": "kill"}, {"kind": "load", "times": MANY}, {"kind": "gate", "name": "start"},
        OF_ANOTHER, POISON, EVERYTHING, {"kind": "load", "times": FEW}]
    # Those before the gates end with a gate's two.
    with_it, without, afterwards = 3 * FEW, 2 + 3 * MANY, 2 * len(SHOWN) + len(SHOWN_OF_POISON) + 3 * FEW
    with running(base, collector.url, inputs) as run:
        run.reaches("kill")
        wait_for("the first spans", SECONDS, lambda: len(receiver.spans) > before)
        collector.stop(signal.SIGKILL)
        run.goes_on()
        # What the run has done meanwhile is in the queue, or lost.
        run.reaches("start")
        first = receiver.spans[before:]
        collector.start()
        # Then there is room.
        wait_for("what has waited", SECONDS, lambda: len(receiver.spans) >= before + len(first) + QUEUE)
        run.goes_on()
        result = run.result()

    def rest() -> list[Span]:
        """What came later."""
        return receiver.spans[before + len(first):]

    def after_the_gate() -> list[Span]:
        """What the run has done since it went on beside the new collector."""
        spans = rest()
        gates = [span.end_time_unix_nano for span in spans if span.name == "action waits"]
        return [span for span in spans if len(gates) == 2 and span.start_time_unix_nano >= max(gates)]

    wait_for("what was done afterwards", SECONDS, lambda: len(after_the_gate()) >= afterwards)
    later, last = rest(), after_the_gate()
    taken, lost = result["otlpSpansSent"], result["otlpSpansDropped"]
    suite.equal("outputs and dead letters", [2 * FEW + MANY + 4, 1], [result["outputs"], result["letters"]])
    suite.equal("every span was taken or is lost", with_it + without + 2 + afterwards, taken + lost)
    least, most = without - QUEUE - BATCH, with_it + without - QUEUE
    suite.check(f"{lost} spans did not fit into the queue", "" if 0 < least <= lost <= most else f"between {least} and {most} were to be lost")
    suite.equal("every span came once after the restart", {1}, set(ids(later).values()))
    # The last request may have been passed on, and its answer not have come any more; and what was answered, not have been passed on.
    twice = len(ids(first).keys() & ids(later).keys())
    suite.check("at most a request came before it, too", "" if twice <= BATCH else f"{twice} spans")
    answered = taken - len(later)
    suite.check("what was taken came", "" if len(ids(first)) - twice <= answered <= with_it else
                f"{len(first)} came before it, {len(later)} after it, {twice} twice, and {taken} were taken")
    suite.equal("all of what was done after the restart came", [afterwards, {1}], [len(last), set(ids(last).values())])
    child, poison, own = traces(last)[:3]
    sent(suite, "a run that is the child of its input's span", child, [(AGENT, PARENT, CONSUMER, ""), *SHOWN[1:]])
    sent(suite, "a run that ends in a dead letter", poison, SHOWN_OF_POISON)
    sent(suite, "a run of its own", own, SHOWN)
    warnings = run.warnings()
    suite.equal("two warnings", 2, len(warnings))
    suite.contains("that it is gone", warnings[0], ("WARNING", f"Spans cannot be sent to {collector.url}/v1/traces (otlp.endpoint): ", "The job goes on"))
    suite.contains("that it is back", warnings[1], (f"Spans are sent to {collector.url}/v1/traces again; {lost} were dropped",))
    suite.equal("the collector refused nothing", [], collector.complaints())


def wrong_addresses(suite: Suite, collector: Collector, base: Path) -> None:
    """Those that are near the right one: the run goes on, and one warning says what is wrong."""
    before = len(collector.behind.spans)
    for what, endpoint, words in (
        ("another path", f"{collector.url}/other", ("/other/v1/traces (otlp.endpoint)", "404 Not Found")),
        ("the port of gRPC", f"http://127.0.0.1:{collector.grpc}", (f":{collector.grpc}/v1/traces (otlp.endpoint)", "4318", "4317")),
    ):
        with running(base, endpoint, [dict(EVERYTHING)]) as run:
            result = run.result()
        suite.equal(f"{what}: all spans are lost", {"outputs": 1, "letters": 0, "otlpSpansSent": 0, "otlpSpansDropped": len(SHOWN)}, result)
        suite.equal(f"{what}: one warning", 1, len(run.warnings()))
        suite.contains(f"{what}: what it says", "".join(run.warnings()), words)
    suite.equal("nothing came", before, len(collector.behind.spans))


def what_is_refused_is_seen(suite: Suite, collector: Collector, _: Path) -> None:
    """The collector complains of what it does not understand, so its silence means something."""
    suite.equal("it has not complained yet", [], collector.complaints())
    request = urllib.request.Request(collector.url + "/v1/traces", b"nonsense", {"content-type": "application/x-protobuf"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=SECONDS) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    suite.equal("it refuses nonsense", 400, status)
    wait_for("a complaint", SECONDS, collector.complaints)
    suite.check("it complains")


SCENARIOS = (everything_once, killed_and_started_again, wrong_addresses, what_is_refused_is_seen)


def run(suite: Suite, base: Path, options: argparse.Namespace) -> None:
    """Runs the scenarios, each with a collector of its own."""
    program = unpacked(ROOT / "target" / "otlp", PACKAGE, "10 MB", print) / "rotel" / "rotel-agent"
    program.chmod(0o755)
    for scenario in SCENARIOS:
        name = (scenario.__doc__ or "").splitlines()[0]
        if options.only not in name:
            continue
        place = base / scenario.__name__
        place.mkdir()
        receiver = Receiver()
        collector = Collector(program, place, receiver)
        try:
            with suite.scenario(name):
                collector.start()
                scenario(suite, collector, place)
        finally:
            collector.stop()
            receiver.shutdown()
            receiver.server_close()


if __name__ == "__main__":
    sys.exit(run_suite(__doc__.splitlines()[0], "flink-agents-otlp-", run))
