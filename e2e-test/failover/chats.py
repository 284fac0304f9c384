#!/usr/bin/env python3
"""Kills TaskManagers under jobs that chat, and counts what a model server and a ledger were asked for: nothing is paid for twice.

Usage: chats.py [--keep] [--only TEXT]

One job in Java and one in Python run beside each other, with journals in SQLite; what befalls the cluster befalls both. The model
server (docs/development/model-server.md) and the ledger hold back their answers, so that chats, or calls of tools, are in flight at the
moment of a kill. No checkpoint is taken before the end: after each kill both jobs begin at their first input.

Needs what run.py needs, but no broker. The last line is ``N passed, N failed``; the exit status is 1 if something failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "cluster")]
import chat_oracle  # noqa: E402
from chat_oracle import Kill  # noqa: E402
from checks import Suite  # noqa: E402
from cluster import Process, find_java_home  # noqa: E402
from entry import run_suite  # noqa: E402
from expected import difference, read_output  # noqa: E402
from flink_home import ROOT, flink_home  # noqa: E402
from job_jars import build, find_built  # noqa: E402
from ledger import Ledger  # noqa: E402
from machines import Machines  # noqa: E402
from python_env import small_home  # noqa: E402
from rest import wait_for  # noqa: E402
from scenarios import BY_HAND  # noqa: E402
from story import KEYS, Story  # noqa: E402

HERE = Path(__file__).resolve().parent
PYTHON = HERE / "python_jobs"
COUNT = 120
# Inputs that come at a steady rate after each start.
FIRST = 90
# Of each job: calls of tools that are followed by others before something is killed, and calls in flight then.
ENOUGH = 12
SOME = 2
SCRIPT = {"rules": [
    {"when": {"round": 0}, "answers": [{"tool_calls": [{"name": "reserve", "arguments": {"order": "$last"}}], "delay_ms": 30}]},
    {"when": {"round": 1}, "answers": [{"text": "$first=$last", "delay_ms": 30}]},
]}


class ModelServer:
    """The scripted model server, a process. Use as a context manager."""

    def __enter__(self) -> ModelServer:
        program = ROOT / "target" / "debug" / "flink-agents-model-server"
        if not program.is_file():
            subprocess.run(["cargo", "build", "--quiet", "--locked", "-p", "flink-agents-model-server"], cwd=ROOT, check=True)
        self._process = subprocess.Popen(
            [str(program), "--script", json.dumps(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def chats(self) -> list[dict[str, Any]]:
        """What was asked, and when."""
        return self._ask("GET", "/_chats")

    def hold(self, held: bool) -> None:
        """Holds back answers, or gives them again."""
        self._ask("PUT", "/_gate", {"held": held})


@dataclass
class Both:
    """The two jobs and their surroundings."""

    suite: Suite
    cluster: Machines
    server: ModelServer
    ledger: Ledger
    # By the name that their orders begin with.
    stories: dict[str, Story]
    kills: list[Kill] = field(default_factory=list)

    def chats(self, name: str) -> list[dict[str, Any]]:
        """The chats of a job."""
        return [chat for chat in self.server.chats() if str(chat["first"]).startswith(name + "/")]

    def calls(self, name: str) -> list[tuple[str, float, str]]:
        """The calls of its tool, by the clock of the model server."""
        shift = time.time() - time.monotonic()
        return [(entry.run, entry.at + shift, entry.key) for entry in self.ledger.entries() if entry.run.startswith(name + "/")]

    def progress(self) -> None:
        """Waits until each job has come on by enough orders."""
        goal = {name: len({run for run, *_ in self.calls(name)}) + ENOUGH for name in self.stories}
        wait_for("some orders to be worked off", 90,
                 lambda: all(len({run for run, *_ in self.calls(name)}) >= goal[name] for name in self.stories))

    def chats_in_flight(self) -> dict[str, int]:
        """Chats whose answers are held back, of each job."""
        return {name: sum(chat["answered"] is None and not self._given_up(chat["asked"]) for chat in self.chats(name))
                for name in self.stories}

    def calls_in_flight(self) -> dict[str, int]:
        """Calls of tools whose answers are held back, of each job."""
        return {name: sum(entry.under_way and entry.run.startswith(name + "/") for entry in self.ledger.entries())
                for name in self.stories}

    def _given_up(self, asked: float) -> bool:
        return any(asked <= kill.end for kill in self.kills)

    def kill(self, what: str, in_flight: Callable[[], dict[str, int]], victims: list[Process]) -> None:
        """Waits until calls of each job are in flight, kills TaskManagers, and has the calls answered again."""
        wait_for(f"{what} in flight", 90, lambda: all(count >= SOME for count in in_flight().values()))
        flying = in_flight()
        failures = {name: story.failures() for name, story in self.stories.items()}
        begin = time.time()
        for process in victims:
            self.cluster.kill(process)
        self.server.hold(False)
        self.ledger.let_go()
        self.cluster.complete()
        self.cluster.patiently("the jobs to notice", 60, lambda: all(
            story.failures() > failures[name] for name, story in self.stories.items()))
        for story in self.stories.values():
            story.await_running()
        self.kills.append(Kill(begin, time.time()))
        self.suite.check(f"killed {len(victims)} TaskManagers (-9) with {what} in flight {flying}, back in {time.time() - begin:.1f} s")

    def judge(self) -> None:
        """Compares what came out with what was asked for."""
        for name, story in self.stories.items():
            orders = [f"{name}/{number}" for number in range(COUNT)]
            calls = self.calls(name)
            receipts = {entry.run: entry.receipt for entry in self.ledger.entries()}
            right = [f"{order}={receipts.get(order)}" for order in orders]
            self.suite.check(f"{name}: {COUNT} outputs, each once, with the receipts of the ledger",
                             difference(right, read_output(story.directory / "out")))
            attempts = chat_oracle.attempts_of(self.chats(name), calls)
            verdict = chat_oracle.judge(attempts, orders, self.kills)
            self.suite.check(f"{name}: {len(attempts)} chats and calls of tools, {verdict.again} of them made again, {verdict.journalled} in the"
                             " journal at a kill", verdict.problem())
            self.suite.check(f"{name}: enough to mean something",
                             "" if verdict.again >= 2 * SOME and verdict.journalled >= 2 * ENOUGH else "too little happened")
            story.check_causes()


def scenario(suite: Suite, both: Both) -> None:
    """Chats in flight at one kill, calls of tools at the other."""
    with suite.scenario("TaskManagers killed (-9) under jobs that chat"):
        for story in both.stories.values():
            story.start(2)
        both.progress()
        both.server.hold(True)
        both.kill("chats", both.chats_in_flight, both.cluster.task_managers[:1])
        both.progress()
        both.ledger.hold()
        both.kill("calls of tools", both.calls_in_flight, list(both.cluster.task_managers))
        for story in both.stories.values():
            story.finish()
        both.judge()
        keys = [chat["key"] for chat in both.chats("python")]
        suite.check("python: each chat has its idempotency key", "" if all(keys) else "some have none")


def run(suite: Suite, base: Path, _options: argparse.Namespace) -> None:
    """Runs it on a cluster of two TaskManagers."""
    java_home, home = find_java_home(), flink_home()
    jars = build(java_home, home, base / "jars", find_built(), (HERE / "jobs",))
    print(f"Flink {home}\nlogs  {base}", flush=True)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ModelServer())
        ledger = stack.enter_context(Ledger(0))
        cluster = Machines(home, base / "cluster", java_home)
        python = small_home()
        cluster.environment |= {
            "PATH": python.path, "PYTHONPATH": os.pathsep.join((str(PYTHON), str(HERE.parent / "cluster"))), "CHATS_MODEL": f"{server.url}/v1"}
        stack.enter_context(cluster)
        suite.cluster = cluster
        java = Story(suite, cluster, jars, ledger, COUNT, BY_HAND, "Chats", first=FIRST)
        other = Story(suite, cluster, jars, ledger, COUNT, BY_HAND, "PythonChats", first=FIRST)
        plan = other.directory / "plan.json"
        config = {key.removeprefix("agent."): value for key, value in other.store.items()} | {"chats.ledger": ledger.url}
        made = subprocess.run([str(python.python), str(PYTHON / "chats_agent.py"), json.dumps(config)], env=cluster.environment,
                              capture_output=True, text=True, check=True)
        plan.write_text(made.stdout)
        other.arguments = ("--plan", str(plan))
        scenario(suite, Both(suite, cluster, server, ledger, {"java": java, "python": other}))


if __name__ == "__main__":
    sys.exit(run_suite(__doc__.splitlines()[0], "flink-agents-chats-", run))
