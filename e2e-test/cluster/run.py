#!/usr/bin/env python3
"""Runs jobs with agents on a real Flink cluster: JobManager and TaskManager processes, submitted as users do.

Usage: run.py [--long] [--keep] [--only TEXT] [--variant TEXT]
  --long   more parallelisms, state backends and kills
  --keep   keep the directory with logs and outputs (it is kept anyway if something failed)
  --only   only the scenarios whose name contains TEXT
  --variant  of killed_task_manager, only the variants one of whose options contains TEXT

Needs a JDK 17, and pip for the first run, which downloads Flink (330 MB) and the data. The last line is
``N passed, N failed``; the exit status is 1 if something failed.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import interruptions  # noqa: E402
import submissions  # noqa: E402
from checks import Suite  # noqa: E402
from cluster import Cluster, find_java_home  # noqa: E402
from flink_home import data_sets, flink_home  # noqa: E402
from job_jars import build, find_built  # noqa: E402
from scenario import Context  # noqa: E402


def stop(number: int, _: object) -> None:
    """Turns a signal into an exception, so that the cluster is stopped on the way out."""
    raise SystemExit(128 + number)


def run(suite: Suite, base: Path, options: argparse.Namespace) -> None:
    """Runs all scenarios: on a cluster without flink-agents in its lib directory, and on one with it."""
    java_home = find_java_home()
    home = flink_home()
    data = data_sets()
    jars = build(java_home, home, base / "jars", find_built())
    print(f"Flink {home}\njobs  {jars.fat} ({jars.fat.stat().st_size >> 10} KiB)\nlogs  {base}", flush=True)
    for name, libraries, scenarios in (
        ("plain", (), [*submissions.PLAIN, *interruptions.PLAIN]),
        ("with-lib", (jars.dist,), submissions.WITH_LIB),
    ):
        chosen = [s for s in scenarios if options.only in s.__name__]
        if not chosen:
            continue
        begin = time.monotonic()
        with Cluster(home, base / name, java_home, libraries) as cluster:
            print(f"\n=== cluster '{name}': started in {time.monotonic() - begin:.1f} s", flush=True)
            for scenario in chosen:
                scenario(Context(suite, cluster, jars, data, options.long, options.variant))


def main() -> int:
    """Runs the test; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", help="more variants")
    parser.add_argument("--keep", action="store_true", help="keep logs and outputs")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the scenarios whose name contains TEXT")
    parser.add_argument("--variant", default="", metavar="TEXT", help="only the variants one of whose options contains TEXT")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    begin = time.monotonic()
    suite = Suite()
    base = Path(tempfile.mkdtemp(prefix="flink-agents-cluster-"))
    try:
        run(suite, base, options)
    except Exception as e:  # noqa: BLE001 - the last line must come whatever happens
        suite.check("the test itself", f"{type(e).__name__}: {e}")
    finally:
        if suite.failed or options.keep:
            print(f"\nlogs and outputs are kept in {base}")
        else:
            shutil.rmtree(base, ignore_errors=True)
    print(f"\n{time.monotonic() - begin:.0f} s")
    print(f"{suite.passed} passed, {suite.failed} failed")
    return 1 if suite.failed or not suite.passed else 0


if __name__ == "__main__":
    sys.exit(main())
