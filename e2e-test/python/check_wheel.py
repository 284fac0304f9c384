#!/usr/bin/env python3
"""Installs the wheel into an empty environment, as users do, and looks at what came.

Usage: check_wheel.py [WHEEL] [--python PYTHON]...     target/dist/flink_agents_rs-*.whl, and every supported Python that
                                                       is on the path or among pyenv's, by default

What is in the wheel, how many packages come with it, and whether an agent runs. Needs pip. The last line is ``N passed, N
failed``; the exit status is 1 if one failed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_PACKAGES = 14
VERSIONS = (10, 11, 12, 13)
MOST_MEGABYTES = 40

AGENT = '''\
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.runner_context import RunnerContext


class Hello(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def greet(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output="hello " + InputEvent.from_event(event).input))


env = AgentsExecutionEnvironment.get_execution_environment()
outputs = env.from_list([{"key": "k", "value": "world"}]).apply(Hello()).to_list()
env.execute()
print(outputs)
'''

WITH_ENV = '''\
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
try:
    AgentsExecutionEnvironment.get_execution_environment(object())
except ModuleNotFoundError as e:
    print(e)
'''


class Checks:
    """Counts what holds and what does not."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def check(self, what: str, problem: str = "") -> None:
        """Counts one check; ``problem`` is empty if it holds."""
        self.failed += bool(problem)
        self.passed += not problem
        print(f"{'failed' if problem else 'ok':<7} {what}{': ' + problem if problem else ''}", flush=True)


def check_content(checks: Checks, wheel: Path) -> None:
    """What is in the wheel, and what must not be."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    jars = [name for name in names if name.endswith(".jar")]
    checks.check("the wheel has one jar", "" if len(jars) == 1 else f"{jars}")
    for pattern in (r"flink_agents/_core\.abi3\.so", r"flink_agents/_core\.pyi", r"flink_agents/py\.typed",
                    r"flink_agents/integrations/chat_models/openai/openai_chat_model\.py",
                    r".*\.dist-info/licenses/LICENSE", r".*\.dist-info/licenses/NOTICE"):
        checks.check(f"the wheel has {pattern}", "" if any(re.fullmatch(pattern, name) for name in names) else "it has not")
    surplus = [name for name in names if "/tests/" in name or name.endswith((".pyc", ".rs"))]
    checks.check("no tests and nothing compiled besides", ", ".join(surplus[:5]))
    size = wheel.stat().st_size / 1e6
    checks.check(f"{size:.1f} MB", "" if size <= MOST_MEGABYTES else f"more than {MOST_MEGABYTES}")


def check_installed(checks: Checks, wheel: Path, interpreter: str, folder: Path) -> None:
    """What comes with it into an empty environment, and whether it works there."""
    subprocess.run([interpreter, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", str(wheel)], check=True)
    listed = run([python, "-m", "pip", "--disable-pip-version-check", "list", "--format=freeze"]).splitlines()
    packages = [line for line in listed if not line.startswith(("pip==", "setuptools==", "wheel=="))]
    version = run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).strip()
    checks.check(f"Python {version}: {len(packages)} packages",
                 "" if len(packages) <= MOST_PACKAGES else f"more than {MOST_PACKAGES}: {', '.join(packages)}")
    program = folder / "hello.py"
    program.write_text(AGENT)
    said = run([python, str(program)]).strip()
    checks.check(f"Python {version}: an agent runs", "" if said == "[{'k': 'hello world'}]" else said)
    said = run([python, "-c", WITH_ENV])
    checks.check(f"Python {version}: without PyFlink the remedy is told",
                 "" if "pip install 'flink-agents-rs[flink]'" in said else said)
    said = run([str(folder / "bin" / "flink-agents"), "flink", "list"])
    checks.check(f"Python {version}: also by the command", "" if "pip install 'flink-agents-rs[flink]'" in said else said)
    said = run([str(folder / "bin" / "flink-agents"), "store", "inspect", str(folder / "no.sqlite")])
    checks.check(f"Python {version}: the command looks for the store of a journal",
                 "" if "no.sqlite: there is no such file" in said else said)
    said = run([str(folder / "bin" / "flink-agents"), "version"])
    checks.check(f"Python {version}: the command tells version and jar",
                 "" if re.search(r"^flink-agents-rs \d.*^jar /\S+\.jar$", said, re.DOTALL | re.MULTILINE) else said)


def pythons() -> list[str]:
    """This Python, and one of each other supported version that this machine has."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [sys.executable]
    for minor in VERSIONS:
        if minor == sys.version_info.minor:
            continue
        candidates = [shutil.which(f"python3.{minor}"), *sorted(map(str, root.glob(f"versions/3.{minor}.*/bin/python")))]
        for candidate in filter(None, candidates):
            # On the path may be a stand-in of pyenv's that only says that there is none.
            if run([candidate, "-c", "import venv, ensurepip; print('works')"]).strip() == "works":
                found.append(candidate)
                break
        else:
            print(f"        no Python 3.{minor} here", flush=True)
    return found


def run(command: list[str]) -> str:
    """What a command says, errors included."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    return done.stdout


def main() -> int:
    """Runs all checks; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", nargs="?", type=Path, help="the wheel")
    parser.add_argument("--python", action="append", default=[], help="a Python to install it into")
    options = parser.parse_args()
    wheels = [options.wheel] if options.wheel else sorted((ROOT / "target" / "dist").glob("flink_agents_rs-*.whl"))
    checks = Checks()
    if len(wheels) != 1:
        checks.check("one wheel in target/dist", f"{len(wheels)}: run scripts/build-wheel")
    else:
        check_content(checks, wheels[0])
        with tempfile.TemporaryDirectory(prefix="flink-agents-wheel-") as folder:
            for number, interpreter in enumerate(options.python or pythons()):
                check_installed(checks, wheels[0], interpreter, Path(folder) / f"venv-{number}")
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
