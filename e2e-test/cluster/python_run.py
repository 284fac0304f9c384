#!/usr/bin/env python3
"""Runs Python jobs with agents on a real Flink cluster: PyFlink and the wheel in an environment, ``flink run --python``.

Usage: python_run.py [--long] [--keep] [--only TEXT]
  --long   more kills, restarts and kinds of state, and thirty jobs one after another
  --keep   keep the directory with logs and outputs (it is kept anyway if something failed)
  --only   only the scenarios whose name contains TEXT

Needs a JDK 17, a Python that PyFlink runs on, and pip for the first run. The last line is ``N passed, N failed``; the
exit status is 1 if something failed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checks import Suite, ended_by_beam  # noqa: E402
from cluster import SHORT_LIVED_JVM, Cluster, find_java_home  # noqa: E402
from entry import run_suite  # noqa: E402
from flink_home import data_sets, flink_home  # noqa: E402
from job_jars import build, find_built  # noqa: E402
from pending_scenarios import scenarios as pending_scenarios  # noqa: E402
from python_env import python_home  # noqa: E402
from python_scenarios import FOR_JAVA, SCENARIOS, PythonContext  # noqa: E402


def run(suite: Suite, base: Path, options: argparse.Namespace) -> None:
    """Runs the scenarios on one cluster, whose processes find the environment's Python first."""
    home, python, data = flink_home(), python_home(), data_sets()
    print(f"Flink {home}\nwheel {python.wheel} ({python.wheel.stat().st_size >> 10} KiB)\nlogs  {base}", flush=True)
    java_home = find_java_home()
    jars = build(java_home, home, base / "jars", find_built())
    cluster = Cluster(home, base / "python", java_home, is_replaced=ended_by_beam,
                      jvm="" if options.long else SHORT_LIVED_JVM)
    cluster.environment["PATH"] = python.path
    # Jobs in Java bring no Python modules: those of their agents are installed where the TaskManagers run.
    cluster.environment["PYTHONPATH"] = str(FOR_JAVA)
    # Each job brings flink-python with it, 25 MB of classes, and Flink keeps those of up to ten ended jobs
    # (docs/long-runs.md, "Classes of ended Python jobs").
    config = cluster.conf / "config.yaml"
    config.write_text(config.read_text().replace(
        "      size: 1728m\n", "      size: 2200m\n    jvm-metaspace:\n      size: 640m\n"))
    with cluster:
        suite.cluster = cluster
        for scenario in (*pending_scenarios(long=options.long), *SCENARIOS):
            if options.only in scenario.__name__:
                scenario(PythonContext(suite, cluster, python, jars, data, options.long))


if __name__ == "__main__":
    sys.exit(run_suite(__doc__.splitlines()[0], "flink-agents-python-", run))
