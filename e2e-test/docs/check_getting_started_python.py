#!/usr/bin/env python3
"""Runs the project of docs/getting-started-python.md, word for word.

Usage: check_getting_started_python.py PYTHON [PYTHON_WITH_FLINK]

PYTHON is an interpreter with the wheel, as scripts/python-env makes one; with the second one, which has PyFlink too, the
job runs as well, on the Flink that PyFlink starts for a script. The last line is ``N passed, N failed``; the exit status
is 1 if anything failed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOC = ROOT / "docs" / "getting-started-python.md"


def files(text: str) -> dict[str, str]:
    """Returns the Python files of the page: name and code."""
    return dict(re.findall(r"`(\w+\.py)`:\n\n```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))


def run(folder: str, *argv: str, minutes: float = 2) -> subprocess.CompletedProcess[str]:
    """Runs a program in a directory, in an environment without settings of this one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FLINK_"))}
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8",
                          timeout=60 * minutes, check=False)


def main() -> int:
    """Runs all checks; returns the exit status."""
    text = DOC.read_text(encoding="utf-8")
    expected = [block.strip() for block in re.findall(r"^```text\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)]
    checks: list[tuple[str, str]] = []  # what, and what is wrong
    with tempfile.TemporaryDirectory() as folder:
        found = files(text)
        wanted = {"fridge_agent.py", "fridges_here.py", "fridge_job.py"}
        checks.append(("the page has its three files", "" if found.keys() == wanted else f"it has {sorted(found)}"))
        for name, code in found.items():
            Path(folder, name).write_text(code, encoding="utf-8")
        here = run(folder, sys.argv[1], "fridges_here.py")
        good = here.returncode == 0 and here.stdout.strip() == expected[0]
        checks.append(("fridges_here.py prints what the text says", "" if good else here.stdout + here.stderr))
        if len(sys.argv) > 2:
            # -B, and the directory of the script on the path: the workers of this run import the agent from there.
            job = run(folder, sys.argv[2], "fridge_job.py", minutes=5)
            # Flink's print() puts the number of the subtask before a line.
            said = [re.sub(r"^\d+> ", "", line) for line in job.stdout.splitlines()]
            good = job.returncode == 0 and expected[1] in said
            checks.append(("fridge_job.py prints what the text says", "" if good else job.stdout + job.stderr))

    failed = 0
    for what, problem in checks:
        print(f"{'failed' if problem else 'ok':<7} {what}{': ' + problem if problem else ''}")
        failed += bool(problem)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
