"""Counts what holds and what does not, and reads the logs and the memory of a cluster's processes."""

from __future__ import annotations

import re
import subprocess
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import still_running
from cluster import Cluster, Process
from expected import difference, read_output
from rest import wait_for

# What no undisturbed job leaves in a log: an error, the first line of an exception, a warning of flink-agents.
BAD = re.compile(r" ERROR |^[\w.$]+(?:Exception|Error)\b|Caused by: |: [\w.$]+\.\w+(?:Exception|Error)\b"
                 r"|WARN +org\.apache\.flink\.agents|leaked|# A fatal error|panicked at")
# What flink-agents itself complains of, whatever else may be in a log.
REMARK = re.compile(r" (?:WARN|ERROR) +org\.apache\.flink\.agents")

# Flink's own, when a periodic checkpoint is due before all tasks of a job run, or when some or all have just ended. And Beam's, when a
# Python function of PyFlink's ends in the middle of its work, as in any job that is cancelled.
HARMLESS = re.compile(
    r" ERROR org\.apache\.beam\.runners\.fnexecution\.control\.FnApiControlClient .* closed, clearing outstanding requests |"
    r"CheckpointException: .*("
    r"Checkpoint was declined \((?:tasks not ready|task is closing)\)"
    r"|Checkpoint Coordinator is suspending"
    r"|TaskManager received a checkpoint request for unknown task)")

# Flink's own as well, at level INFO: a job that ends cancels the materialization of its changelog that is under way. And
# Beam's: when PyFlink ends its Python, both ends of the stream of its state close it, one of them too late.
HARMLESS_LINES = re.compile(
    r"^.*PeriodicMaterializationManager .* materialization cancelled\n"
    r"java\.util\.concurrent\.CancellationException(?:: .*)?\n"
    r"|^java\.lang\.IllegalStateException: call already closed\n"
    r"(?:\tat org\.apache\.beam\.vendor\.grpc\..*\n)+"
    r"\tat org\.apache\.beam\.runners\.fnexecution\.state\.GrpcStateService(?:\.close|\$Inbound\.onCompleted)\(.*\n", re.MULTILINE)

# PyFlink's: where a Python operator is closed while another of the job is still starting, two close what they share, and the
# second ends the whole TaskManager.
ENDED_BY_BEAM = re.compile(
    r"Fatal error occurred while executing the TaskManager\..*\n"
    r"java\.lang\.IllegalStateException: Reference count must not be negative\.\n"
    r"(?:\tat (?!org\.apache\.flink\.agents\.).*\n)*?"
    r"\tat org\.apache\.beam\.runners\.fnexecution\.control\.DefaultJobBundleFactory\.close\(.*\n"
    r"(?:\tat (?!org\.apache\.flink\.agents\.).*\n)*?"
    r"\tat org\.apache\.flink\.streaming\.api\.runners\.python\.beam\.BeamPythonFunctionRunner\.close\(.*\n")


def ended_by_beam(log: str) -> bool:
    """Whether a TaskManager has ended by this error of PyFlink's, which other jobs have too (docs/long-runs.md)."""
    return ENDED_BY_BEAM.search(log) is not None


def remarks(log: str) -> list[str]:
    """The warnings and errors of flink-agents in a log."""
    return [line[:500] for line in log.splitlines() if REMARK.search(line)]


class Suite:
    """The results of a run."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0
        self.name = ""
        # The cluster that is asked what its jobs are doing when a scenario fails.
        self.cluster: Cluster | None = None

    def check(self, what: str, problem: str = "") -> None:
        """Counts one check; ``problem`` says what is wrong, and is empty if nothing is."""
        if problem:
            self.failed += 1
            print(f"  FAILED {what}: {problem}", flush=True)
        else:
            self.passed += 1
            print(f"  ok     {what}", flush=True)

    def equal(self, what: str, expected: object, found: object) -> None:
        """Counts one check: two values are the same."""
        self.check(what, "" if expected == found else f"expected {expected!r}, found {found!r}")

    def contains(self, what: str, text: str, parts: tuple[str, ...]) -> None:
        """Counts one check: a text has all these parts."""
        lacking = [part for part in parts if part not in text]
        self.check(what, f"lacks {lacking}: {text[:3000]}" if lacking else "")

    def same_lines(self, what: str, right: list[str], out: Path) -> None:
        """Counts one check: what is committed in a directory are these lines, in any order."""
        self.check(what, difference(right, read_output(out)))

    @contextmanager
    def scenario(self, name: str, cluster: Cluster | None = None, foreseen: re.Pattern[str] | None = None) -> Iterator[None]:
        """One scenario: an exception in it is a failure, and afterwards nothing of it may still run.

        Anything in the logs that does not belong there is a failure too, unless no cluster is given; ``foreseen`` are lines that
        the scenario provokes, and counts.
        """
        self.name = name
        print(f"\n{name}", flush=True)
        begin = time.monotonic()
        watches = [LogWatch(p) for p in cluster.processes()] if cluster else []
        try:
            yield
        except Exception as e:  # noqa: BLE001 - whatever it was, the other scenarios go on
            print("".join(traceback.format_exception(e)), flush=True)
            self.tell_what_runs()
            self.check(name, f"{type(e).__name__}: {e}")
        for watch in watches:
            if cluster and watch.process in cluster.replaced:
                # What ended it stands in its log.
                continue
            self.check(f"log of {watch.process.name} is clean", watch.problems(foreseen))
        if cluster:
            self.cancel_leftovers(cluster)
        print(f"  {time.monotonic() - begin:.1f} s", flush=True)

    def tell_what_runs(self) -> None:
        """Prints what the jobs of the cluster are doing."""
        if self.cluster is None:
            return
        try:
            print(still_running.describe(self.cluster.rest), flush=True)
        except Exception as e:  # noqa: BLE001 - the cluster may be what failed
            print(f"  what runs cannot be told: {e}", flush=True)

    @staticmethod
    def cancel_leftovers(cluster: Cluster) -> None:
        """Cancels jobs that a failed scenario left behind, which would take the slots of the next one."""
        try:
            for job in cluster.rest.get("/jobs")["jobs"]:
                if job["status"] not in ("FINISHED", "CANCELED", "FAILED"):
                    cluster.rest.call("PATCH", f"/jobs/{job['id']}?mode=cancel")
            cluster.await_free_slots()
        except Exception as e:  # noqa: BLE001 - the cluster may be what failed
            print(f"  left as it is: {e}", flush=True)


class LogWatch:
    """Sees what a process logs from now on."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.seen = len(process.text())

    def text(self) -> str:
        """What was logged since."""
        return self.process.text()[self.seen:]

    def problems(self, foreseen: re.Pattern[str] | None = None) -> str:
        """The lines that do not belong there, at most five; empty if there is none."""
        text = HARMLESS_LINES.sub("", self.text())
        found = [line for line in text.splitlines()
                 if BAD.search(line) and not HARMLESS.search(line) and not (foreseen and foreseen.search(line))]
        return "\n         ".join([f"{len(found)} lines, such as", *(x[:500] for x in found[:5])]) if found else ""


def user_class_loaders(java_home: Path, process: Process) -> int:
    """How many class loaders of jobs are alive in a process, after a full garbage collection."""
    histogram = subprocess.run(
        [str(java_home / "bin" / "jcmd"), str(process.pid), "GC.class_histogram"],
        capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.search(r":\s+(\d+)\s+\d+\s+org\.apache\.flink\.util\.ChildFirstClassLoader\b", histogram)
    return int(found.group(1)) if found else 0


def loaded_libraries(process: Process) -> int:
    """How many copies of our native library are mapped into a process."""
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    return len({line.split()[4] for line in maps.splitlines() if "libflink_agents" in line})


def check_nothing_left(suite: Suite, cluster: Cluster, libraries: int) -> None:
    """When all jobs have ended, their class loaders go, and with these the native library where it came with a job."""
    for process in cluster.processes():
        left: list[int] = []

        def gone(process: Process = process, left: list[int] = left) -> bool:
            left[:] = [user_class_loaders(cluster.java_home, process), max(0, loaded_libraries(process) - libraries)]
            return left == [0, 0]
        try:
            wait_for("class loaders of jobs to go", 90, gone)
        except TimeoutError:
            # Who holds it cannot be found out later: the suite keeps its folder when a check fails.
            subprocess.run([str(cluster.java_home / "bin" / "jcmd"), str(process.pid), "GC.heap_dump",
                            str(cluster.base / f"{process.name}.hprof")], stdout=subprocess.DEVNULL, timeout=120)
        suite.equal(f"class loaders of jobs, and surplus native libraries, in {process.name}", [0, 0], left)
    copies = [str(path) for path in (cluster.base / "tmp").rglob("*libflink_agents*")]
    suite.equal("copies of the native library left on disk", [], copies)
