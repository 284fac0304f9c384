#!/usr/bin/env python3
"""Runs jobs with agents on a real Flink cluster: JobManager and TaskManager processes, submitted as users do.

Usage: run.py [--long] [--keep] [--only TEXT] [--variant TEXT]
  --long   more parallelisms, state backends, kills and restarts
  --keep   keep the directory with logs and outputs (it is kept anyway if something failed)
  --only   only the scenarios whose name contains TEXT
  --variant  of killed_task_manager, only the variants one of whose options contains TEXT

Needs a JDK 17, and pip for the first run, which downloads Flink (330 MB) and the data. The last line is
``N passed, N failed``; the exit status is 1 if something failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import interruptions  # noqa: E402
import pending_scenarios  # noqa: E402
import submissions  # noqa: E402
from checks import Suite  # noqa: E402
from cluster import SHORT_LIVED_JVM, Cluster, find_java_home  # noqa: E402
from entry import run_suite  # noqa: E402
from flink_home import data_sets, flink_home  # noqa: E402
from job_jars import build, find_built  # noqa: E402
from scenario import Context  # noqa: E402


def run(suite: Suite, base: Path, options: argparse.Namespace) -> None:
    """Runs all scenarios: on a cluster without flink-agents in its lib directory, and on one with it."""
    java_home = find_java_home()
    home = flink_home()
    data = data_sets()
    jars = build(java_home, home, base / "jars", find_built())
    print(f"Flink {home}\njobs  {jars.fat} ({jars.fat.stat().st_size >> 10} KiB)\nlogs  {base}", flush=True)
    for name, libraries, scenarios in (
        ("plain", (), [*pending_scenarios.scenarios(long=options.long), *submissions.PLAIN, *interruptions.PLAIN]),
        ("with-lib", (jars.dist,), submissions.WITH_LIB),
    ):
        chosen = [s for s in scenarios if options.only in s.__name__]
        if not chosen:
            continue
        begin = time.monotonic()
        with Cluster(home, base / name, java_home, libraries, jvm="" if options.long else SHORT_LIVED_JVM) as cluster:
            suite.cluster = cluster
            print(f"\n=== cluster '{name}': started in {time.monotonic() - begin:.1f} s", flush=True)
            for scenario in chosen:
                scenario(Context(suite, cluster, jars, data, options.long, options.variant))


if __name__ == "__main__":
    sys.exit(run_suite(__doc__.splitlines()[0], "flink-agents-cluster-", run,
                       variant="only the variants one of whose options contains TEXT"))
