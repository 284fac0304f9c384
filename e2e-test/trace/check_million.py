#!/usr/bin/env python3
"""Has ``flink-agents trace`` read a log of a million records: every run is found, and memory does not grow with what events carry.

Usage: check_million.py [--records N]

Needs the command ``flink-agents`` of target/venv-test (scripts/python-env), or another one that the variable FLINK_AGENTS names, and 1 GB for
files in the directory for temporary files. Prints how long each format took. The last line is ``N passed, N failed``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMAND = os.environ.get("FLINK_AGENTS", str(HERE.parents[1] / "target" / "venv-test" / "bin" / "flink-agents"))
# An index of about 100 bytes a record, and what every process has. The log itself is three times as large.
MOST_BYTES = 200 << 20


def count(logs: Path) -> tuple[int, int]:
    """Return how many records the logs have, and how many of them are inputs, each of which is a run."""
    records, inputs = 0, 0
    for path in logs.rglob("*.log"):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                records += 1
                inputs += '"eventType":"_input_event"' in line
    return records, inputs


def timed(what: str, *arguments: str, out: Path | None = None) -> None:
    """Runs the command to its end and looks at what it took; its output goes to a file."""
    begin = time.monotonic()
    with (out or Path(os.devnull)).open("wb") as file, subprocess.Popen([COMMAND, *arguments], stdout=file) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    print(f"  {what}: {time.monotonic() - begin:.1f} s, CPU {usage.ru_utime + usage.ru_stime:.1f} s, {usage.ru_maxrss >> 10} MiB", flush=True)
    assert process.returncode == 0, f"{what}: exit status {process.returncode}"
    assert usage.ru_maxrss << 10 < MOST_BYTES, f"{what}: {usage.ru_maxrss >> 10} MiB, {MOST_BYTES >> 20} allowed"


def check(records: int, base: Path) -> list[tuple[str, str]]:
    """Return each check with what is wrong."""
    logs = base / "logs"
    subprocess.run([sys.executable, "-B", str(HERE / "make_log.py"), str(logs), "--records", str(records)], check=True)
    found, runs = count(logs)
    print(f"  {found} records of {runs} runs, {sum(p.stat().st_size for p in logs.rglob('*.log')) >> 20} MiB", flush=True)
    results = [("the log is as long as asked for", "" if found >= records and runs > records / 100 else f"{found} records, {runs} runs")]

    def text() -> None:
        timed("text", "trace", str(logs), out=base / "text")
        assert (base / "text").stat().st_size > 1000, "the text is all but empty"

    def page() -> None:
        timed("page", "trace", str(logs), "--format", "html", "--out", str(base / "page.html"))
        assert "</html>" in (base / "page.html").read_text(encoding="utf-8")[-200:], "the page is not whole"

    def document() -> None:
        timed("JSON", "trace", str(logs), "--format", "json", "--out", str(base / "document"))
        told = json.loads((base / "document").read_text(encoding="utf-8"))["runs"]
        assert len(told) == runs, f"{len(told)} runs, and not {runs}"

    for part in (text, page, document):
        try:
            part()
            results.append((part.__name__, ""))
        except Exception:  # noqa: BLE001 - the others go on
            results.append((part.__name__, traceback.format_exc()))
    return results


def main() -> int:
    """Prints each check, and how many passed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=1_000_000)
    with tempfile.TemporaryDirectory(prefix="flink-agents-trace-") as base:
        results = check(parser.parse_args().records, Path(base))
    for name, wrong in results:
        print(f"{'FAILED' if wrong else 'ok':6} {name}{': ' + wrong if wrong else ''}")
    failed = sum(1 for _, wrong in results if wrong)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
