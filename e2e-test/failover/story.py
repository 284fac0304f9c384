"""One story of the job ``Orders``: its ledger, its outputs, and what befalls it."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import oracle
from checks import Suite
from cluster import Process
from expected import difference, read_output
from job_jars import Jars
from ledger import ALL, Entry, Ledger
from machines import Machines
from oracle import Disruption, Verdict
from python_scenarios import worker_pids
from rest import FINAL, RestError, wait_for

# Of each of the three kinds.
KEYS = 4
AGENT = "action-execute-operator"
# Seconds from the loss of ZooKeeper to that of the leadership, and from there until the job runs again, at most.
SESSION = 10.0
BACK = 60.0
# A job that is restored from what one left that is gone makes it its own. Else its first checkpoint would have to be a whole
# one, which changelogs cannot give.
CLAIM = {"execution.state-recovery.claim-mode": "CLAIM"}
# Where a worker was killed, and where a TaskManager stands still in the middle of a commit, and has the file locked, or claims
# its keys once more before it learns that it was given up.
WORKER = re.compile(r".*Python worker")
STOOD_STILL = re.compile(r".*Action state store (?:sqlite: .*database is locked|.*a later attempt of this job has taken over)")
# What makes a job restart when a process of its cluster is lost: nothing else may.
LOST = re.compile(
    r"^(?:org\.apache\.flink\.(?:runtime\.io\.network\.netty\.exception\.(?:RemoteTransportException|LocalTransportException)"
    r"|runtime\.\S+Exception: TaskManager with id \S+ is no longer reachable"
    r"|runtime\.io\.network\.partition\.\w+"
    r"|runtime\.rpc\.exceptions\.RecipientUnreachableException"
    r"|util\.FlinkException: (?:Disconnect|Sending|The TaskExecutor|TaskExecutor|Lost)"
    r"|runtime\.jobmanager\.scheduler\.NoResourceAvailableException)"
    r"|java\.util\.concurrent\.TimeoutException: .*[Hh]eartbeat of TaskManager"
    r"|java\.util\.concurrent\.CompletionException: .*(?:RemoteTransport|pekko|RecipientUnreachable)"
    r"|org\.apache\.flink\.util\.FlinkException: JobManager responsible for)")


@dataclass
class Story:
    """One ledger and one directory of outputs for all jobs of the story, which goes on where it was."""

    suite: Suite
    cluster: Machines
    jars: Jars
    ledger: Ledger
    count: int
    # Flink's, beside those of the store.
    options: dict[str, str]
    # ``Orders`` or ``PythonOrders``, ``Chats`` or ``PythonChats``.
    main: str = "Orders"
    # Beside those that all jobs have.
    arguments: tuple[str, ...] = ()
    # Inputs that come at a steady rate after each start; the others come slowly until the end.
    first: int = 60
    store: dict[str, str] = field(default_factory=dict)
    disruptions: list[Disruption] = field(default_factory=list)
    # Calls under way at each disruption.
    hits: list[int] = field(default_factory=list)
    directory: Path = field(init=False)
    job: str = ""

    def __post_init__(self) -> None:
        stories = self.cluster.base / "stories"
        stories.mkdir(exist_ok=True)
        self.directory = stories / str(len(list(stories.iterdir())))
        (self.directory / "out").mkdir(parents=True)
        self.store = self.store or {
            "agent.actionStateStoreBackend": "sqlite", "agent.sqlite.path": str(self.directory / "journal.sqlite")}

    # ---- jobs

    def start(self, parallelism: int, restore: str = "", options: dict[str, str] | None = None) -> str:
        """Submits it, from a savepoint or checkpoint if one is given, with more options; returns the job's id."""
        rest = self.cluster.rest
        jar = rest.upload(self.jars.fat)
        more, claim = ({"savepointPath": restore}, CLAIM) if restore else ({}, {})
        self.job = rest.run_jar(jar, f"jobs.{self.main}", [
            "--ledger", self.ledger.url, "--brake", str(self.directory), "--out", (self.directory / "out").as_uri(),
            "--count", str(self.count), "--keys", str(KEYS), "--first", str(self.first),
            "--release", str(self._released), "--parallelism", str(parallelism), *self.arguments,
        ], flinkConfiguration={**self.store, **self.options, **claim, **(options or {})}, **more)
        self.await_running()
        return self.job

    @property
    def _released(self) -> Path:
        return self.directory / "release"

    def await_running(self) -> None:
        """Waits until all tasks run, or the job has finished."""
        self.cluster.patiently("all tasks to run", 180, self._is_running)

    def _is_running(self) -> bool:
        state = self.cluster.rest.state(self.job)
        if state in ("CANCELED", "FAILED"):
            raise RuntimeError(f"job {self.job} is {state}: {self.cluster.rest.root_cause(self.job)}")
        vertices = self.cluster.rest.get(f"/jobs/{self.job}")["vertices"]
        return state == "FINISHED" or state == "RUNNING" and all(
            v["tasks"]["RUNNING"] + v["tasks"]["FINISHED"] == v["parallelism"] for v in vertices)

    def progress(self, entries: int) -> None:
        """Waits until the ledger has so many more entries."""
        self.ledger.await_entries(self.ledger.count() + entries)

    def progress_if_any(self, entries: int) -> None:
        """The same, or until every call of every input has been made."""
        made = self.ledger.entries()
        left = sum(len(oracle.calls_of(number)) for number in range(self.count)) - len({entry.call for entry in made})
        # Each that is left makes one entry at least.
        self.ledger.await_entries(len(made) + min(entries, left))

    def is_quiet(self, seconds: float) -> bool:
        """Whether no call is under way, and none begins for so long."""
        before = self.ledger.count()
        try:
            self.ledger.await_entries(before + 1, seconds)
        except TimeoutError:
            return not any(entry.under_way for entry in self.ledger.entries())
        return False

    # ---- checkpoints

    def checkpoint(self) -> None:
        """Takes a checkpoint; one that fails is taken again."""
        def probe() -> bool:
            # Asked for by its own request: the answer to that comes before the checkpoint counts as pending.
            request = self.trigger_checkpoint()
            answer = wait_for("the checkpoint", 10, lambda: self._ended(request))
            return answer.get("checkpointId") is not None
        self.cluster.patiently("a checkpoint", 120, probe)

    def trigger_checkpoint(self) -> str:
        """Asks for a checkpoint; returns the request's id."""
        answer = self.cluster.rest.call("POST", f"/jobs/{self.job}/checkpoints", {"checkpointType": "CONFIGURED"})
        return str(answer["request-id"])

    def _ended(self, request: str) -> dict[str, object] | None:
        answer = self.cluster.rest.get(f"/jobs/{self.job}/checkpoints/{request}")
        return answer["operation"] if answer["status"]["id"] == "COMPLETED" else None

    def _pending(self) -> int:
        return int(self.cluster.rest.get(f"/jobs/{self.job}/checkpoints")["counts"]["in_progress"])

    def failed_checkpoints(self) -> int:
        """How many checkpoints were aborted."""
        return int(self.cluster.rest.get(f"/jobs/{self.job}/checkpoints")["counts"]["failed"])

    def brake(self) -> None:
        """Lets no checkpoint be completed, and begins one; returns when agents have handed in their part of it."""
        (self.directory / "holding").unlink(missing_ok=True)
        (self.directory / "hold").touch()

        def probe() -> bool:
            if self._pending() == 0:
                self.trigger_checkpoint()
            return (self.directory / "holding").exists()
        self.cluster.patiently("a checkpoint that is held up", 120, probe)

    def let_go(self) -> None:
        """Checkpoints are completed again."""
        (self.directory / "hold").unlink()

    def retained(self) -> str:
        """The latest checkpoint that a job which is gone has left behind."""
        found = sorted((self.cluster.base / "checkpoints" / self.job).glob("chk-*/_metadata"),
                       key=lambda file: int(file.parent.name.partition("-")[2]))
        if not found:
            raise RuntimeError(f"job {self.job} left no checkpoint")
        return found[-1].parent.as_uri()

    # ---- disruptions

    def hold(self, calls: int, after: int = 0, names: frozenset[str] = ALL) -> int:
        """Waits until so many calls of these names are under way, of which none ends."""
        self.ledger.hold(after, names)
        return self.ledger.await_held(calls)

    def disrupt(
        self, what: str, act: Callable[[], object], back: Callable[[], object],
        victims: list[Process] | None = None, surviving: list[Process] | None = None,
    ) -> None:
        """Does something to the cluster, and waits until the job runs again. Answers are given again once it is done.

        ``victims``: the TaskManagers that are killed; by default none is, and all go on until they know better. ``surviving``: those
        that do; by default all others.
        """
        everyone = list(self.cluster.task_managers)
        pids = {process.pid for process in (everyone if victims is None else victims)}
        survivors = frozenset(p.pid for p in (surviving or [q for q in everyone if victims is None or q not in victims]))
        hits = [entry for entry in self.ledger.entries() if entry.under_way and entry.process in pids]
        begin = time.monotonic()
        act()
        self.ledger.let_go()
        back()
        self.await_running()
        self.disruptions.append(Disruption(what, begin, time.monotonic(), survivors))
        self.hits.append(len(hits))
        print(f"  note   {what}: {len(hits)} calls under way, {time.monotonic() - begin:.1f} s", flush=True)

    def busiest(self) -> list[Process]:
        """The TaskManagers, those with more calls under way first."""
        under_way = Counter(entry.process for entry in self.ledger.entries() if entry.under_way)
        return sorted(self.cluster.task_managers, key=lambda process: -under_way[process.pid])

    def hosts(self) -> list[Process]:
        """The TaskManagers on which agents of the job run."""
        rest = self.cluster.rest
        ids = {host["taskmanager-id"] for vertex in rest.get(f"/jobs/{self.job}")["vertices"] if AGENT in vertex["name"]
               for host in rest.get(f"/jobs/{self.job}/vertices/{vertex['id']}/taskmanagers")["taskmanagers"]}
        return [process for process in self.cluster.task_managers if self.cluster.id_of(process.name) in ids]

    def failures(self) -> int:
        """How often the job has failed."""
        return len(self.cluster.rest.failures(self.job))

    def kill(self, what: str, *victims: Process) -> None:
        """Kills TaskManagers on which the job runs; others take their places."""
        before = self.failures()

        def act() -> None:
            for process in victims:
                self.cluster.kill(process)

        def back() -> None:
            self.cluster.complete()
            self.cluster.patiently("the job to notice", 60, lambda: self.failures() > before)
        self.disrupt(what, act, back, list(victims))

    def kill_worker(self) -> None:
        """Kills the workers of the TaskManager that has most calls under way."""
        before = self.failures()
        host = next(process for process in self.busiest() if process in self.hosts())

        def act() -> None:
            for pid in worker_pids(host.pid):
                os.kill(pid, signal.SIGKILL)

        def back() -> None:
            self.cluster.patiently("the job to notice", 60, lambda: self.failures() > before)
        self.disrupt("killed the workers of a TaskManager", act, back, [host])

    # ---- the end

    def finish(self, seconds: float = 180) -> None:
        """Lets the job come to its end."""
        self._released.touch()

        def probe() -> bool:
            state = self.cluster.rest.state(self.job)
            if state in FINAL:
                return True
            # The sink's last files need one. Those that are not possible yet are refused.
            if self.options.get("execution.checkpointing.interval", "").endswith("h"):
                try:
                    if self._pending() == 0:
                        self.trigger_checkpoint()
                except RestError:
                    return False
            return False
        self.cluster.patiently(f"the end of job {self.job}", seconds, probe)
        state = self.cluster.rest.state(self.job)
        self.suite.check("the job finished", "" if state == "FINISHED" else f"{state}: {self.cluster.rest.root_cause(self.job)}")

    def check_causes(self) -> None:
        """Checks that the job restarted for what was done to the cluster only."""
        causes = self.cluster.rest.failures(self.job)
        stood_still = any("stood still" in disruption.what for disruption in self.disruptions)
        worker = any("worker" in disruption.what for disruption in self.disruptions)
        wrong = [cause for cause in causes if not LOST.match(cause)
                 and not (stood_still and STOOD_STILL.match(cause)) and not (worker and WORKER.match(cause))]
        self.suite.check(f"{len(causes)} failures of the last job, all for lost processes", "; ".join(wrong[:3]))

    def judge(self) -> Verdict:
        """Compares everything; returns what was found."""
        entries: list[Entry] = self.ledger.entries()
        lines = read_output(self.directory / "out")
        right = oracle.outputs(self.count, KEYS)
        self.suite.check(f"{len(right)} outputs, those of the undisturbed run",
                         difference(right, oracle.without_receipts(lines)))
        self.suite.check("outputs and memory have the ledger's receipts",
                         oracle.check_receipts(lines, entries, self.count, KEYS))
        lost = self.cluster.leaderships_lost()
        survivors = frozenset(entry.process for entry in entries)
        chances = [Disruption("leadership lost", at - SESSION, at + BACK, survivors) for at in lost]
        if any(entries and entries[0].at <= at for at in lost):
            print("  note   a JobManager lost its leadership by itself", flush=True)
        verdict = oracle.judge(entries, self.count, KEYS, [*self.disruptions, *chances])
        self.suite.check(
            f"{len(entries)} entries of the ledger, {verdict.again} calls made again and {verdict.asked} times a reconciler asked,"
            f" {verdict.replayed} results from the journal within runs; {sum(self.hits)} calls under way at {len(self.hits)} disruptions",
            verdict.problem())
        return verdict
