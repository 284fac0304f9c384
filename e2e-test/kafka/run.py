#!/usr/bin/env python3
"""Runs the Kafka store's tests (rust/store-kafka/tests) beside a real broker.

Usage: run.py [WORDS...]        Words are passed on to the test program (a part of a test's name, --nocapture).

Starts a broker, gives the tests its addresses, and stops it however they end. The tests fail where there is no broker.
Needs a JDK 17 and Maven.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ["cargo", "test", "--quiet", "--locked", "-p", "flink-agents-store-kafka", "--features", "broker-tests", "--test", "broker"]


def main() -> int:
    """Builds the tests first: a broker need not wait for that. Returns the exit status of the tests."""
    built = subprocess.run([*TESTS, "--no-run"], cwd=ROOT, check=False)
    if built.returncode != 0:
        return built.returncode
    with tempfile.TemporaryDirectory(prefix="flink-agents-kafka-") as folder:
        command = [str(ROOT / "scripts" / "kafka-broker"), "run", f"{folder}/broker", "--", *TESTS, "--", *sys.argv[1:]]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
