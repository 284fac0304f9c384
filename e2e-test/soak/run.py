#!/usr/bin/env python3
"""Runs agents in Java and in Python under a steady load, and looks whether their processes and files stay as they are.

Usage: run.py [--long] [--keep] [--only TEXT]
  --long   one hour in place of five minutes, 100 jobs one after another in place of 10, and 100 in Python
  --keep   keep the directory with logs, event logs and journals (it is kept anyway if something failed)
  --only   only the scenarios whose name contains TEXT

Measured are, after full garbage collections: heap, metaspace, memory beside the heap, resident memory, threads, open files and
sockets of JobManager and TaskManager; resident memory, threads and open files of the Python worker; files and bytes of event
logs and journals. Needs a JDK 17, a Python that PyFlink runs on, and pip for the first run. The last line is
``N passed, N failed``; the exit status is 1 if something failed.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cluster")]
import expected  # noqa: E402
from checks import Suite, check_nothing_left, ended_by_beam, remarks, user_class_loaders  # noqa: E402
from cluster import Cluster, find_java_home  # noqa: E402
from entry import run_suite  # noqa: E402
from flatness import Limit, finds_a_leak, problem  # noqa: E402
from flink_home import data_sets, flink_home  # noqa: E402
from job_jars import build, find_built  # noqa: E402
from measure import disk_numbers, jvm_numbers, worker_numbers  # noqa: E402
from python_env import python_home  # noqa: E402
from python_scenarios import AGENT, HELD_BY_FLINK, PythonContext, stocks  # noqa: E402
from rest import wait_for  # noqa: E402

MIB = 1 << 10
KEYS = 100
WARM_PAUSE = 25.0
RATE = {"java": 100, "python": 50}
# On Java 17 an action that waits has a thread, and so has a call that blocks, one for each key at most; besides those of Python's
# worker, event logs and journals.
MOST_THREADS = 2 * KEYS + 30
# Seconds: until measuring begins, how long it lasts, and from one sample to the next.
SHORT = (110.0, 190.0, 12.0)
LONG = (600.0, 3000.0, 30.0)
# Records of the journal are removed so soon that what stays is to be seen within the short form.
RETENTION = 20
LOG_FILES = 3
LOG_KIB = 512
# What dead letters and retries of the Java agent are meant to leave in the log.
ON_PURPOSE = ("is tried again: java.lang.IllegalStateException: refused on purpose",
              "ends as a dead letter: java.lang.IllegalStateException: refused on purpose")
# What may come and go: threads and connections of pools, code that is compiled late, what Flink remembers of some checkpoints.
# The long form sees leaks that are sixteen times as slow with the same limits.
LIMITS = {
    "heap KiB": Limit(2 * MIB), "metaspace KiB": Limit(2 * MIB), "beside the heap KiB": Limit(16 * MIB),
    "resident KiB": Limit(24 * MIB), "threads": Limit(4), "threads of agents": Limit(KEYS), "open files": Limit(6), "sockets": Limit(4),
    "class loaders of jobs": Limit(0.5), "files": Limit(1), "KiB": Limit(640, 0.2), "files for a while": Limit(8),
}
WORKER_LIMITS = {"resident KiB": Limit(4 * MIB), "threads of agents": Limit(KEYS), "open files": Limit(3)}
# Of one job after another: for each job.
PER_JOB = {"metaspace KiB": 200.0, "heap KiB": 100.0, "beside the heap KiB": 1024.0, "threads": 0.3, "open files": 0.3}
WARM_JOBS = 3


class Samples:
    """Numbers with names, measured again and again."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.rows: list[dict[str, int]] = []

    def add(self, at: float, numbers: dict[str, int]) -> None:
        """One more sample."""
        self.times.append(at)
        self.rows.append(numbers)

    def check(self, suite: Suite, limit_of: Callable[[str], Limit | None]) -> None:
        """Checks that what has a limit stays below it, and that more would be seen."""
        for name in self.rows[0]:
            limit = limit_of(name)
            if limit is None:
                continue
            values = [float(row[name]) for row in self.rows]
            wrong = problem(self.times, values, limit)
            if not wrong and not finds_a_leak(self.times, values, limit):
                wrong = f"twice the limit would not be seen among these samples: {values}"
            suite.check(f"{name}: {min(values):,.0f} to {max(values):,.0f}", wrong)

    def write(self, file: Path) -> None:
        """Writes them as a table, for people."""
        with file.open("w", newline="") as out:
            table = csv.DictWriter(out, ["second", *self.rows[0]])
            table.writeheader()
            table.writerows({"second": round(at, 1), **row} for at, row in zip(self.times, self.rows, strict=True))


def soak_limit(name: str) -> Limit | None:
    """How much something may grow during the soak."""
    who, _, what = name.rpartition(": ")
    if who == "worker":
        return WORKER_LIMITS[what]
    return LIMITS[what]


def start(c: PythonContext, language: str) -> str:
    """Submits the steady job of a language; returns its id."""
    folder = c.cluster.base / language
    (folder / "events").mkdir(parents=True)
    settings = {
        "agent.actionStateStoreBackend": "sqlite", "agent.sqlite.path": folder / "journal.sqlite",
        "agent.action-state.retention": f"{RETENTION}s", "agent.baseLogDir": folder / "events",
        "agent.event-log.trace.enabled": "true", "agent.event-log.max-files": LOG_FILES,
        "agent.event-log.max-file-size": f"{LOG_KIB}kb", "execution.checkpointing.dir": (c.cluster.base / "checkpoints").as_uri(),
        "restart-strategy.type": "none",
    }
    if language == "java":
        settings |= {"agent.action.refuse.on-failure": "dead-letter", "agent.action.refuse.retry.max-attempts": 1,
                     "agent.action.refuse.retry.backoff": "50ms"}
    options = ("-d", *(f"-D{key}={value}" for key, value in settings.items()))
    arguments = ("--keys", str(KEYS), "--rate", str(RATE[language]), "--parallelism", "2" if language == "java" else "1")
    if language == "java":
        return c.cluster.submit(*options, "-c", "jobs.Steady", str(c.jars.fat), *arguments)
    modules = HERE / "python_jobs"
    return c.cluster.submit(*options, "-pyfs", str(modules), "--python", str(modules / "steady.py"), "--jarfile", str(c.jars.thin),
                            *arguments)


def read_records(c: PythonContext, job: str) -> int:
    """How many records a job's agent had read when this was asked last; RuntimeError if it does not run any more.

    Flink gathers metrics when they are asked for, and answers with those it had.
    """
    state = c.cluster.rest.state(job)
    if state != "RUNNING":
        raise RuntimeError(f"job {job} is {state}: {c.cluster.rest.root_cause(job)}")
    return c.cluster.rest.records_read(job, AGENT)


def sample(c: PythonContext, worker: int) -> dict[str, int]:
    """Looks at everything."""
    numbers = {}
    for process in c.cluster.processes():
        numbers |= jvm_numbers(c.cluster, process.name.partition(" ")[0], process.pid)
    return numbers | worker_numbers(worker) | disk_numbers(c.cluster.base, ("java", "python"))


def steady_load(c: PythonContext) -> None:
    """Both jobs for minutes: nothing grows."""
    warm, seconds, pause = LONG if c.long else SHORT
    with c.suite.scenario(f"agents in Java and in Python for {(warm + seconds) / 60:.0f} minutes"):
        begin = time.monotonic()
        jobs = {language: start(c, language) for language in ("java", "python")}
        for job in jobs.values():
            wait_for("records", 90, lambda job=job: read_records(c, job) > 0)
        (worker,) = c.workers()
        samples = Samples()
        while (now := time.monotonic() - begin) < warm + seconds:
            # Looking is done from the beginning: the first looks leave things in a JVM themselves.
            numbers = sample(c, worker)
            for job in jobs.values():
                read_records(c, job)
            if now >= warm:
                samples.add(now, numbers)
            time.sleep(max(0.0, (pause if now >= warm else WARM_PAUSE) - (time.monotonic() - begin - now)))
        lasted = samples.times[-1]
        read = {language: read_records(c, job) for language, job in jobs.items()}
        samples.write(c.cluster.base / "samples.csv")
        c.suite.equal("workers at the end", [worker], c.workers())
        c.suite.check(f"{len(samples.rows)} samples", "" if len(samples.rows) >= seconds / pause / 2 else "too few")
        for language, count in read.items():
            # Half of the rate: other tests may have the machine.
            c.suite.check(f"{count} records in {language}", "" if count >= RATE[language] * lasted / 2 else "too few")
        samples.check(c.suite, soak_limit)
        for process in ("taskmanager", "worker"):
            threads = max(row[f"{process}: threads of agents"] for row in samples.rows)
            c.suite.check(f"{process}: {threads} threads of agents at most",
                          "" if 0 < threads <= MOST_THREADS else f"more than {MOST_THREADS}, or none")
        for language, job in jobs.items():
            check_traces(c, language, read[language])
            c.cluster.rest.cancel(job)
        left = [line for line in remarks(c.cluster.task_managers[0].text()) if not any(text in line for text in ON_PURPOSE)]
        c.suite.equal("other warnings in the log", [], left[:5])
        told = c.cluster.task_managers[0].text().count(ON_PURPOSE[1])
        c.suite.check(f"{told} dead letters", "" if told >= read["java"] // 500 - 3 else "too few")


def check_traces(c: PythonContext, language: str, read: int) -> None:
    """What the job wrote was written and removed again, so that the files say something about files that do not grow."""
    folder = c.cluster.base / language
    files = list((folder / "events").glob("*"))
    c.suite.check(f"{language}: event logs were rotated away", "" if any(".2." in file.name for file in files) else f"{files}")
    told = subprocess.run(
        [str(c.home.folder / "bin" / "flink-agents"), "store", "inspect", "--json", str(folder / "journal.sqlite")],
        capture_output=True, text=True, check=True, timeout=120).stdout
    records = sum_of(json.loads(told), "records")
    # Two or more for each input: calls, and completed actions. Most of them are older than the retention.
    c.suite.check(f"{language}: {records} records of the journal, for {read} inputs",
                  "" if 0 < records < 2 * read else "all are there still, or none")


def sum_of(told: object, name: str) -> int:
    """The sum of all numbers of a name in what a command told."""
    if isinstance(told, dict):
        return sum(value if key == name and isinstance(value, int) else sum_of(value, name) for key, value in told.items())
    return sum(sum_of(one, name) for one in told) if isinstance(told, list) else 0


def check_jobs(c: PythonContext, samples: Samples, loaders: int) -> None:
    """Checks that jobs leave nothing behind, but the class loaders that Flink itself keeps."""
    def limit(name: str) -> Limit | None:
        what = name.rpartition(": ")[2]
        return Limit(PER_JOB[what] * len(samples.rows)) if what in PER_JOB else None
    samples.check(c.suite, limit)
    kept = user_class_loaders(c.cluster.java_home, c.cluster.task_managers[0])
    c.suite.check(f"class loaders of ended jobs: {kept}", "" if kept <= loaders else f"more than {loaders}")


def jobs_one_after_another(c: PythonContext) -> None:
    """Jobs in Java, each with the native library in its jar, in one TaskManager."""
    count = 100 if c.long else 10
    with c.suite.scenario(f"{count} jobs in Java one after another in one TaskManager"):
        process = c.cluster.task_managers[0]
        jar, samples, wrong = c.cluster.rest.upload(c.jars.fat), Samples(), []
        right = expected.stock_alerts(c.file("stocks.csv"))
        for number in range(count):
            out = c.out()
            job = c.cluster.rest.run_jar(jar, "jobs.StockAlerts", ["--data", str(c.file("stocks.csv")), "--out", out.as_uri()])
            c.cluster.rest.await_state(job, "FINISHED", 120)
            wrong += filter(None, [expected.difference(right, expected.read_output(out))])
            wait_for("the job's class loader to go", 90, lambda: user_class_loaders(c.cluster.java_home, process) == 0)
            if number >= WARM_JOBS:
                samples.add(number, jvm_numbers(c.cluster, "taskmanager", process.pid))
        c.suite.equal(f"jobs without their {len(right)} alerts", [], wrong)
        check_jobs(c, samples, 0)
        c.cluster.rest.call("DELETE", f"/jars/{jar}")
        check_nothing_left(c.suite, c.cluster, libraries=0)


def python_jobs_one_after_another(c: PythonContext) -> None:
    """Jobs in Python. The first ones leave class loaders to Flink's threads (docs/long-runs.md); what is measured comes after these."""
    if not c.long:
        return
    count = 100
    with c.suite.scenario(f"{count} jobs in Python one after another in one TaskManager"):
        process, samples = c.cluster.task_managers[0], Samples()
        for number in range(count):
            stocks(c, "stock_alerts.py", 1)
            if number > HELD_BY_FLINK:
                samples.add(number, jvm_numbers(c.cluster, "taskmanager", process.pid))
        c.suite.equal("TaskManagers that PyFlink ended", [], c.cluster.replaced)
        check_jobs(c, samples, HELD_BY_FLINK)


def run(suite: Suite, base: Path, options: argparse.Namespace) -> None:
    """Runs the scenarios, on a cluster of its own each."""
    home, python, data, java_home = flink_home(), python_home(), data_sets(), find_java_home()
    jars = build(java_home, home, base / "jars", find_built(), (HERE / "jobs",))
    print(f"Flink {home}\nlogs  {base}", flush=True)
    for scenario in (jobs_one_after_another, steady_load, python_jobs_one_after_another):
        if options.only not in scenario.__name__ or (scenario is python_jobs_one_after_another and not options.long):
            continue
        # With the whole heap touched at the beginning resident memory tells what is added beside it. In minutes the optimising compiler
        # does not come to an end; an hour gives it the time.
        compiler = "-XX:+TieredCompilation" if options.long else "-XX:TieredStopAtLevel=1"
        settings = {"taskmanager.memory.process.size": "2200m", "taskmanager.memory.jvm-metaspace.size": "640m",
                    "env.java.opts.jobmanager": compiler, "env.java.opts.taskmanager": f"-XX:+AlwaysPreTouch {compiler}"}
        cluster = Cluster(home, base / scenario.__name__, java_home, is_replaced=ended_by_beam, settings=settings)
        cluster.environment["PATH"] = python.path
        with cluster:
            suite.cluster = cluster
            scenario(PythonContext(suite, cluster, python, jars, data, options.long))


if __name__ == "__main__":
    sys.exit(run_suite(__doc__.splitlines()[0], "flink-agents-soak-", run))
