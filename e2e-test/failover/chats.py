#!/usr/bin/env python3
"""Kills TaskManagers under jobs that chat, and counts what a model server and a ledger were asked for: nothing is paid for twice.

Usage: chats.py [--keep]
  --keep     keep the directory with logs, outputs and journals (it is kept anyway if something failed)

One job in Java and one in Python run beside each other, with journals in SQLite; what befalls the cluster befalls both. The model
server (docs/development/model-server.md) and the ledger hold back their answers, so that chats, or calls of tools, are in flight at the
moment of a kill, and until all that was there of the jobs has gone. No checkpoint is taken before the end: after each kill both jobs
begin at their first input.

Needs what run.py needs, but no broker. The last line is ``N passed, N failed``; the exit status is 1 if something failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
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
from story import AGENT, KEYS, Story  # noqa: E402

HERE = Path(__file__).resolve().parent
PYTHON = HERE / "python_jobs"
KILLS = 2
# Of each job: orders whose tool is called before something is killed, and calls in flight then.
ENOUGH = 12
SOME = 2
# Orders for each kill, at a steady rate after each start; and some that come slowly, so that no job ends before it is let.
STEADY = 40
SLOW = 100
PATIENCE = 180
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
    count: int
    # What befell each of them.
    kills: dict[str, list[Kill]] = field(default_factory=dict)
    # How many orders each had come to when it was last waited for.
    _reached: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kills = {name: [] for name in self.stories}
        self._reached = dict.fromkeys(self.stories, 0)

    def start(self) -> None:
        """Starts both jobs; neither gets an answer before both run."""
        self.server.hold(True)
        for story in self.stories.values():
            story.start(2)
        self.server.hold(False)

    def chats(self, name: str) -> list[dict[str, Any]]:
        """The chats of a job."""
        return [chat for chat in self.server.chats() if str(chat["first"]).startswith(name + "/")]

    def calls(self, name: str) -> list[tuple[str, float, str]]:
        """The calls of its tool, by the clock of the model server."""
        shift = time.time() - time.monotonic()
        return [(entry.run, entry.at + shift, entry.key) for entry in self.ledger.entries() if entry.run.startswith(name + "/")]

    def progress(self) -> None:
        """Waits until each job has come on by enough orders."""
        def come_to() -> dict[str, int]:
            return {name: len({run for run, *_ in self.calls(name)}) for name in self.stories}
        wait_for("some orders to be worked off", PATIENCE,
                 lambda: all(count >= self._reached[name] + ENOUGH for name, count in come_to().items()))
        self._reached = come_to()

    def chats_in_flight(self, name: str) -> set[tuple[str, str]]:
        """The chats of a job whose answers are held back."""
        return {(str(chat["first"]), f"chat {chat['round']}") for chat in self.chats(name)
                if chat["answered"] is None and all(chat["asked"] > kill.end for kill in self.kills[name])}

    def calls_in_flight(self, name: str) -> set[tuple[str, str]]:
        """The calls of a job's tool whose answers are held back."""
        return {(entry.run, entry.name) for entry in self.ledger.entries() if entry.held and entry.run.startswith(name + "/")}

    def _attempts(self, story: Story) -> list[int]:
        """How often each subtask of a job's agents was begun."""
        rest = self.cluster.rest
        agents = [vertex["id"] for vertex in rest.get(f"/jobs/{story.job}")["vertices"] if AGENT in vertex["name"]]
        return [task["attempt"] for agent in agents for task in rest.get(f"/jobs/{story.job}/vertices/{agent}")["subtasks"]]

    def kill(self, what: str, in_flight: Callable[[str], set[tuple[str, str]]], victims: list[Process]) -> None:
        """Waits until calls of each job are in flight, kills TaskManagers, and has calls answered again once all tasks are others."""
        wait_for(f"{what} in flight", PATIENCE, lambda: all(len(in_flight(name)) >= SOME for name in self.stories))
        attempts = {name: max(self._attempts(story)) for name, story in self.stories.items()}
        flying = {name: in_flight(name) for name in self.stories}
        begin = time.time()
        for process in victims:
            self.cluster.kill(process)
        self.cluster.complete()
        # A job begins no task again before all that have to begin again have ended.
        self.cluster.patiently("the jobs to begin again", PATIENCE, lambda: all(
            min(self._attempts(story)) > attempts[name] for name, story in self.stories.items()))
        self.server.hold(False)
        self.ledger.let_go()
        for story in self.stories.values():
            story.await_running()
        end = time.time()
        for name, story in self.stories.items():
            self.kills[name].append(Kill(begin, end, frozenset(flying[name]), max(self._attempts(story)) - attempts[name]))
        counts = ", ".join(f"{len(steps)} of {name}" for name, steps in flying.items())
        self.suite.check(f"killed {len(victims)} TaskManagers (-9) with {what} in flight, {counts}; back in {end - begin:.1f} s")

    def judge(self, kills: int) -> None:
        """Compares what came out with what was asked for."""
        for name, story in self.stories.items():
            orders = [f"{name}/{number}" for number in range(self.count)]
            calls = self.calls(name)
            receipts = {entry.run: entry.receipt for entry in self.ledger.entries()}
            right = [f"{order}={receipts.get(order)}" for order in orders]
            self.suite.check(f"{name}: {self.count} outputs, each once, with the receipts of the ledger",
                             difference(right, read_output(story.directory / "out")))
            attempts = chat_oracle.attempts_of(self.chats(name), calls)
            verdict = chat_oracle.judge(attempts, orders, self.kills[name], KEYS)
            self.suite.check(
                f"{name}: {len(attempts)} chats and calls of tools, {verdict.again} of them made again, with the keys they had,"
                f" {verdict.in_flight} for being in flight at a kill, none of {verdict.journalled} in the journal at one",
                verdict.problem())
            enough = verdict.in_flight >= SOME * kills and verdict.journalled >= 2 * ENOUGH * kills
            self.suite.check(f"{name}: enough to mean something", "" if enough else "too little happened")
            self.suite.equal(f"{name}: kills", kills, len(self.kills[name]))
            story.check_causes()


def scenario(suite: Suite, both: Both, kills: int) -> None:
    """Chats in flight at every other kill, calls of tools at the others; of two TaskManagers one is killed, then both."""
    with suite.scenario(f"TaskManagers killed (-9) {kills} times under jobs that chat"):
        both.start()
        for number in range(kills):
            both.progress()
            victims = list(both.cluster.task_managers)[:1 if number % 4 in (0, 3) else None]
            if number % 2 == 0:
                both.server.hold(True)
                both.kill("chats", both.chats_in_flight, victims)
            else:
                both.ledger.hold()
                both.kill("calls of tools", both.calls_in_flight, victims)
        for story in both.stories.values():
            story.finish()
        both.judge(kills)


def run(suite: Suite, base: Path, _options: argparse.Namespace) -> None:
    """Runs it on a cluster of two TaskManagers."""
    java_home, home = find_java_home(), flink_home()
    first = KILLS * STEADY
    count = first + SLOW
    jars = build(java_home, home, base / "jars", find_built(), (HERE / "jobs",))
    print(f"Flink {home}\nlogs  {base}", flush=True)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ModelServer())
        ledger = stack.enter_context(Ledger(0))
        cluster = Machines(home, base / "cluster", java_home)
        python = small_home()
        cluster.environment |= {
            "PATH": python.path, "PYTHONPATH": str(PYTHON), "CHATS_MODEL": f"{server.url}/v1"}
        stack.enter_context(cluster)
        suite.cluster = cluster
        java = Story(suite, cluster, jars, ledger, count, BY_HAND, "Chats", first=first)
        other = Story(suite, cluster, jars, ledger, count, BY_HAND, "PythonChats", first=first)
        plan = other.directory / "plan.json"
        config = {key.removeprefix("agent."): value for key, value in other.store.items()} | {"chats.ledger": ledger.url}
        made = subprocess.run([str(python.python), str(PYTHON / "chats_agent.py"), json.dumps(config)], env=cluster.environment,
                              capture_output=True, text=True, check=True)
        plan.write_text(made.stdout)
        other.arguments = ("--plan", str(plan))
        scenario(suite, Both(suite, cluster, server, ledger, {"java": java, "python": other}, count), KILLS)


if __name__ == "__main__":
    sys.exit(run_suite(__doc__.splitlines()[0], "flink-agents-chats-", run))
