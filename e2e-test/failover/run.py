#!/usr/bin/env python3
"""Kills the processes of a real cluster under jobs with durable calls, and counts their side effects in a ledger.

Usage: run.py [--long] [--keep] [--only TEXT] [--seed N] [--minutes N] [--round N]
  --long     each store with each language, and more rounds at random
  --keep     keep the directory with logs, outputs and journals (it is kept anyway if something failed)
  --only     only the scenarios whose name contains TEXT
  --seed     what decides how long calls take, and what happens at random (0)
  --minutes  only rounds at random, and as many as begin within so many minutes
  --round    the number of the first round (0)

Journals are in topics of a Kafka broker beside the cluster, or in SQLite. Needs a JDK 17, the wheel,
Maven for the broker, and pip for the first run, which downloads Flink. The last line is ``N passed, N failed``; the exit status
is 1 if something failed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "cluster")]
import chaos  # noqa: E402
import scenarios  # noqa: E402
from broker import Broker  # noqa: E402
from checks import Suite  # noqa: E402
from cluster import find_java_home  # noqa: E402
from entry import run_suite  # noqa: E402
from flink_home import flink_home  # noqa: E402
from job_jars import build, find_built  # noqa: E402
from machines import Machines  # noqa: E402
from python_env import small_home  # noqa: E402
from scenarios import Context, Scenario  # noqa: E402

ROUNDS = 1
LONG_ROUNDS = 10
HERE = Path(__file__).resolve().parent
JOBS = HERE / "jobs"
# Of the TaskManagers' Python: the actions, and what they calculate as the test does.
PYTHON_PATH = (HERE / "python_jobs", HERE.parent / "cluster")


def run(suite: Suite, base: Path, options: argparse.Namespace) -> None:
    """Runs the scenarios on a cluster without and one with a JobManager that stands by, or rounds on the latter."""
    java_home, home = find_java_home(), flink_home()
    seed, first = int(options.seed or 0), int(options.round or 0)
    jars = build(java_home, home, base / "jars", find_built(), (JOBS,))
    print(f"Flink {home}\nseed  {seed}\nlogs  {base}", flush=True)

    def some_rounds(c: Context) -> None:
        chaos.run_rounds(c, first, lambda done: done >= (LONG_ROUNDS if options.long else ROUNDS))

    def timed_rounds(c: Context) -> None:
        end = time.monotonic() + float(options.minutes) * 60
        chaos.run_rounds(c, first, lambda _: time.monotonic() > end)

    plain, standby = [*scenarios.PLAIN], [*scenarios.STANDBY, some_rounds]
    if options.long or options.only:
        plain += scenarios.LONG_PLAIN
        standby += scenarios.LONG_STANDBY
    clusters: list[tuple[str, bool, list[Scenario]]] = [("plain", False, plain), ("standby", True, standby)]
    if options.minutes:
        clusters = [("chaos", True, [timed_rounds])]
    for name, highly_available, all_scenarios in clusters:
        chosen = [scenario for scenario in all_scenarios if options.only in scenario.__name__]
        if not chosen:
            continue
        begin = time.monotonic()
        cluster = Machines(home, base / name, java_home, highly_available=highly_available)
        with contextlib.ExitStack() as stack:
            broker = stack.enter_context(Broker(base / f"{name}-broker"))
            cluster.environment["PATH"] = small_home().path
            cluster.environment["PYTHONPATH"] = os.pathsep.join(map(str, PYTHON_PATH))
            stack.enter_context(cluster)
            suite.cluster = cluster
            print(f"\n=== cluster '{name}': started in {time.monotonic() - begin:.1f} s", flush=True)
            for scenario in chosen:
                scenario(Context(suite, cluster, jars, seed, broker))


if __name__ == "__main__":
    sys.exit(run_suite(
        __doc__.splitlines()[0], "flink-agents-failover-", run, seed="what decides what happens at random",
        minutes="only rounds at random, for so many minutes", round="the number of the first round"))
