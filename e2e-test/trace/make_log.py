#!/usr/bin/env python3
"""Makes up an event log: support tickets that an agent reads, looks into and answers, with an outage of its model in the middle.

Usage: make_log.py DIRECTORY [--runs N | --records N] [--seed N] [--plain]        --plain: without execution records.
"""

from __future__ import annotations

import argparse
import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TextIO

START = datetime(2026, 1, 31, 1, 30, tzinfo=timezone.utc)
JOB = "5f0c2f7b9d0e4c1aa1f4d7c3b2a19e80"
TASK = "action-execute-operator"
SUBJECTS = ("Card declined in shop", "Where is my parcel?", "Cannot log in since the update", "Invoice shows the wrong address",
            "Refund for order not received", "App closes when I open a photo")
TIMEOUT = ("java.net.http.HttpTimeoutException", "request timed out after 30 s: POST https://models.internal:8443/v1/chat")
FULL = ("org.apache.flink.agents.api.resource.ModelCallException",
        "429 Too Many Requests: the quota of project 'support' is used up\n{\"error\":{\"type\":\"rate_limit\",\"retry_after\":17}}")
NO_JSON = ("com.fasterxml.jackson.core.JsonParseException", "Unrecognized token 'Sure': was expecting a JSON object\n at [Source: (String)\"Sure, here is the answer\"; line: 1, column: 5]")
NULL = ("java.lang.NullPointerException", "Cannot invoke \"Customer.tier()\" because the return value of \"CustomerStore.find(String)\" is null")


@dataclass
class Run:
    """One input and what it causes."""

    random: random.Random
    traced: bool
    key: str
    now: datetime
    records: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run = self.new_id()

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def wait(self, least: float, most: float) -> None:
        self.now += timedelta(milliseconds=self.random.uniform(least, most))

    def stamp(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"

    def record(self, **fields: Any) -> None:
        self.records.append({"timestamp": self.stamp(), "logLevel": "STANDARD"} | {k: v for k, v in fields.items() if v is not None})

    def context(self, execution: str | None, parent: str | None = None) -> dict[str, Any]:
        if not self.traced:
            return {}
        return {"inputRunId": self.run, "businessKey": self.key, "agentName": "support", "executionId": execution, "parentExecutionId": parent}

    def event(self, event_type: str, attributes: dict[str, Any], cause: str | None = None, action: str | None = None,
              execution: str | None = None) -> str:
        name = self.new_id()
        self.record(**self.context(execution), eventId=name, eventType=event_type, upstreamEventId=cause, upstreamActionName=action,
                    eventAttributes=attributes)
        return name

    def phase(self, phase: str, execution: str, kind: str, name: str, parent: str | None = None, metadata: dict[str, Any] | None = None,
              error: tuple[str, str] | None = None, category: str | None = None) -> None:
        if not self.traced:
            return
        status = {"started": "started", "finished": "success", "failed": "failed", "reused": "reused"}[phase]
        self.record(**self.context(execution, parent), entityType=kind, entityName=name, entityMetadata=metadata, eventId=self.new_id(),
                    eventType=f"_execution_{phase}_event", status=status, problemCategory=category,
                    eventAttributes={"errorType": error[0], "errorMessage": error[1]} if error else {})


def ticket(run: Run, outage: bool, again: bool, dies: bool) -> None:
    """A ticket is classified by a model, looked into by tools, and answered."""
    r = run.random
    cause = run.event("_input_event", {"input": {"ticket": r.randrange(10**6), "customer": run.key, "subject": r.choice(SUBJECTS),
                                                 "text": "Hello, " + "this has been going on for days. " * r.randrange(1, 8)}})
    run.wait(0.2, 2)

    def action(name: str, cause: str) -> str:
        execution = run.new_id()
        run.phase("started", execution, "action", name)
        run.wait(0.3, 3)
        return execution

    def model(execution: str, error: tuple[str, str] | None, retried: bool) -> bool:
        for attempt in range(2):
            inner = run.new_id()
            run.phase("started", inner, "llm", "classifier", execution, {"model": "gpt-4o-mini"})
            run.wait(30_000, 30_050) if error is TIMEOUT else run.wait(180, 900)
            failed = error is not None and (attempt == 0 or not retried)
            run.phase("failed" if failed else "finished", inner, "llm", "classifier", execution, {"model": "gpt-4o-mini"},
                      error if failed else None, "model_call_failed" if failed else None)
            if not failed:
                return True
            if not retried:
                return False
        return False

    error = r.choice((TIMEOUT, TIMEOUT, FULL)) if outage and r.random() < 0.7 else (FULL if r.random() < 0.01 else None)
    execution = action("classify", cause)
    if not model(execution, error, retried=not outage):
        run.wait(0.1, 1)
        run.phase("failed", execution, "action", "classify", error=error, category="action_execution_failed")
        return
    classified = run.event("TicketClassified", {"category": r.choice(["billing", "delivery", "account"]), "urgency": r.randrange(5)}, cause, "classify", execution)
    run.phase("finished", execution, "action", "classify")
    if again:
        # After a recovery: what was done is taken from the store, and its events are logged again.
        run.wait(20_000, 40_000)
        run.phase("reused", execution, "action", "classify")
        event = next(record for record in run.records if record["eventId"] == classified)
        run.records.append(event | {"timestamp": run.stamp()})
    if dies:
        action("look_up", classified)
        return
    execution = action("look_up", classified)
    if r.random() < 0.004:
        run.phase("failed", execution, "action", "look_up", error=NULL, category="action_execution_failed")
        return
    found = []
    for tool in ("find_orders", "find_customer"):
        inner = run.new_id()
        call = f"call_{r.randrange(16**8):08x}"
        metadata = {"toolCallId": call, "toolType": "function"}
        run.phase("started", inner, "tool", tool, execution, metadata)
        run.wait(8, 60)
        run.phase("finished", inner, "tool", tool, execution, metadata)
        found.append({"id": call, "name": tool, "result": {"orders": [r.randrange(10**8) for _ in range(r.randrange(4))]}})
    looked = run.event("LookedUp", {"results": found}, classified, "look_up", execution)
    run.event("AuditEvent", {"who": "agent support", "read": [tool["name"] for tool in found]}, classified, "look_up", execution)
    run.phase("finished", execution, "action", "look_up")
    execution = action("answer", looked)
    if r.random() < 0.01:
        inner = run.new_id()
        run.phase("started", inner, "parser", "structured_output", execution)
        run.wait(0.2, 1)
        run.phase("failed", inner, "parser", "structured_output", execution, None, NO_JSON, "model_output_parse_error")
        run.wait(100, 300)
    run.wait(2, 20)
    run.event("_output_event", {"output": {"customer": run.key, "answer": "Dear customer, " + "we looked into it. " * r.randrange(1, 6)}}, looked, "answer", execution)
    run.phase("finished", execution, "action", "answer")


def runs(seed: int, traced: bool, gap: float) -> Iterator[list[dict[str, Any]]]:
    """Endless."""
    r = random.Random(seed)
    now = START
    number = 0
    while True:
        number += 1
        now += timedelta(milliseconds=r.expovariate(1 / gap))
        run = Run(r, traced, f"customer-{r.randrange(5000):04}", now)
        minutes = (now - START).total_seconds() / 60
        ticket(run, outage=93 <= minutes < 99, again=number % 61 == 7, dies=number % 997 == 400)
        yield run.records


def main() -> None:
    """Writes one file for each of two subtasks; in each the runs overlap."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--runs", type=int, default=10**12)
    parser.add_argument("--records", type=int, default=10**12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gap", type=float, default=None, help="milliseconds between inputs; without it they fill three hours")
    parser.add_argument("--plain", action="store_true")
    given = parser.parse_args()
    expected = min(given.runs, given.records / (4 if given.plain else 16))
    gap = given.gap or 3 * 3600e3 / min(expected, 10**8)
    given.directory.mkdir(parents=True, exist_ok=True)
    files: list[TextIO] = [open(given.directory / f"events-{JOB}-{TASK}-{subtask}.log", "w") for subtask in range(2)]
    pending: list[list[str]] = [[], []]
    written = 0
    for number, records in enumerate(runs(given.seed, not given.plain, gap)):
        if number >= given.runs or written >= given.records:
            break
        written += len(records)
        lines = pending[hash_of(records) % 2]
        lines.extend(json.dumps(record, separators=(",", ":")) for record in records)
        if len(lines) > 4000:
            flush(lines, files[hash_of(records) % 2], 2000)
    for lines, file in zip(pending, files):
        flush(lines, file, len(lines))
        file.close()


def hash_of(records: list[dict[str, Any]]) -> int:
    """The key's subtask."""
    return int(records[0]["eventAttributes"]["input"]["customer"][-4:])


def flush(lines: list[str], file: TextIO, count: int) -> None:
    """Writes the oldest lines. Those held back are sorted by time with what comes, as a log is."""
    lines.sort(key=lambda line: line[14:41])
    file.writelines(line + "\n" for line in lines[:count])
    del lines[:count]


if __name__ == "__main__":
    main()
