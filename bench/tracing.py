#!/usr/bin/env python3
"""What it costs to see what an agent does: this project alone, its ways taking turns.

    FLINK_AGENTS_BASELINE=<kit> bench/tracing.py [--reps N] [--workloads hop1,chain5] [--out FILE] [option=value ...]

``off`` writes no event log and sends no spans; ``log`` is the event log at its defaults; ``trace`` besides has the records of executions in
it (``event-log.trace.enabled``); ``spans`` sends runs and actions as spans by OTLP (``otlp.endpoint``) and writes no log. The receiver of the
spans counts them, in a process of its own on the same machine; spans that the job has dropped because the receiver or the sender is behind
are what is missing to two for each record and action. Without ``rate=`` in the options records come as fast as they are taken. Builds the
release jar first, unless --no-build.
"""
import argparse
import contextlib
import http.server
import multiprocessing
import os
import statistics
import sys
import tempfile
from pathlib import Path

import run

CONFIG = {"off": "", "log": "", "trace": "agent:\n  event-log.trace.enabled: true\n", "spans": "agent:\n  otlp.endpoint: http://127.0.0.1:{port}\n"}


def fields(data, wanted):
    """The parts of a protobuf message, all fields of which have a length, with this number."""
    at = 0

    def number():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(data):
        tag, length = number(), number()
        if tag >> 3 == wanted:
            yield data[at : at + length]
        at += length


def spans_in(data):
    """How many spans a request has: of all resources and scopes."""
    return sum(1 for resource in fields(data, 1) for scope in fields(resource, 2) for _ in fields(scope, 2))


def receive(port, spans):
    """Answers requests with 200 and counts their spans, for ever."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = memoryview(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            spans.value += spans_in(body)

        def log_message(self, *ignored):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    port.value = server.server_address[1]
    server.serve_forever()


@contextlib.contextmanager
def receiver():
    """Where spans go, and how many came: a port and a shared number."""
    port, spans = multiprocessing.Value("i", 0), multiprocessing.Value("q", 0)
    process = multiprocessing.Process(target=receive, args=(port, spans), daemon=True)
    process.start()
    try:
        while port.value == 0 and process.is_alive():
            process.join(0.05)
        yield port.value, spans
    finally:
        process.terminate()
        process.join()


def one(kit, way, workload, options, jar):
    """A run; its lines, and the spans received."""
    with tempfile.TemporaryDirectory() as conf, receiver() as (port, spans):
        (Path(conf) / "config.yaml").write_text(CONFIG[way].format(port=port))
        used = [f"log={'default' if way in ('log', 'trace') else 'off'}", *options]
        lines = run.run_once(kit, "ours", workload, used, jar, FLINK_CONF_DIR=conf)
        if (way == "spans") != (spans.value > 0):
            raise run.Refused(f"{workload}, {way}: {spans.value} spans were received")
        return [*lines, f"SPANS {way} received={spans.value} records={run.outputs(lines)}"], spans.value / run.outputs(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=3, help="runs of each way (default 3)")
    parser.add_argument("--workloads", default="hop1,chain5")
    parser.add_argument("--ways", default=",".join(CONFIG))
    parser.add_argument("--out", default=os.devnull, help="file for the raw lines")
    parser.add_argument("--no-build", action="store_true", help="take the dist jar that is there")
    parser.add_argument("options", nargs="*", help="option=value for the kit")
    arguments = parser.parse_args()
    options = arguments.options or ["warm=10", "secs=8"]
    try:
        kit = run.baseline_kit()
        if not arguments.no_build:
            run.build()
        jar = run.dist_jar()
        run.check_release(jar)
        measured, loads = {}, []
        with open(arguments.out, "w", encoding="utf-8") as out:
            for workload in arguments.workloads.split(","):
                for rep in range(arguments.reps):
                    ways = arguments.ways.split(",")
                    for way in ways if rep % 2 == 0 else reversed(ways):
                        share = run.warn_if_busy(loads)
                        lines, spans = one(kit, way, workload, options, jar)
                        print(f"# {way}, in use before: {share:.2f}", *lines, sep="\n", file=out, flush=True)
                        print(f"{rep + 1}/{arguments.reps} {way} in_use={share:.2f} {lines[0]} {lines[-1]}", file=sys.stderr)
                        measured.setdefault((workload, way), []).append((*run.parse(lines[0]), spans))
    except run.Refused as refused:
        print(f"tracing.py: {refused}", file=sys.stderr)
        return 2
    print(f"\n{run.machine()}; options `{' '.join(options)}`; median (range) of {arguments.reps} runs, taking turns.\n")
    if loads:
        print(f"**The machine was busy**: up to {max(loads):.0%} of it were in use before a run. The figures are not to be quoted.\n")
    print("| Workload | Way | records/s | CPU µs a record | spans received a record |\n|---|---|---|---|---|")
    for (workload, way), runs in measured.items():
        rate, low, high, cpu = run.summary([each[:2] for each in runs])
        print(f"| `{workload}` | {way} | {rate:,.0f} ({low:,.0f}–{high:,.0f}) | {cpu:.2f} | {statistics.median(each[2] for each in runs):.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
