#!/usr/bin/env python3
"""Runs the tests of waiting actions on the Java runtimes that do not build: 11, 21 and 25.

How an action waits depends on the runtime: virtual threads since 21, which can be left with a monitor held since 24, else
platform threads. ``mvn verify`` ran these tests on the JDK that builds, and has left the classes. The runtimes run side by
side, since the tests mostly wait. The last line is ``N passed, N failed``; the exit status is 1 if anything failed.
"""

from __future__ import annotations

import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import run as lines

CLASSES = (
    "coroutine.CoroutineTest",
    "coroutine.CoroutineEndTest",
    "host.LockWatchTest",
    "local.AsyncActionsTest",
    "local.AsyncCallsTest",
    "local.AsyncLocksTest",
)
RUNTIMES = (11, 21, 25)
SUCCESSFUL = re.compile(r"^\[ +(\d+) tests successful +\]$", re.MULTILINE)
FAILED = re.compile(r"^\[ +(\d+) tests failed +\]$", re.MULTILINE)
# A run that ended badly before it has counted its tests.
NOTHING = (0, 1)


def test_jars() -> str:
    """Resolves the jars of JUnit by Maven, from the local repository if they are there."""
    listed = lines.TARGET / "classpath-test.txt"
    argv = ["mvn", "-q", "-B", "-f", str(lines.HERE / "test-jars.xml"), f"-Dmdep.outputFile={listed}", "dependency:build-classpath"]
    try:
        lines.run([*argv[:3], "-o", *argv[3:]], 300)
    except lines.Failed:
        lines.run(argv, 600)
    return listed.read_text().strip()


def own_classes() -> str:
    """Returns what Maven has compiled."""
    places = [lines.ROOT / f"java/{module}/target/classes" for module in ("api", "plan", "core", "runtime")]
    places.insert(0, lines.ROOT / "java/runtime/target/test-classes")
    for place in places:
        if not place.is_dir():
            raise lines.Failed(f"{place.relative_to(lines.ROOT)} is missing: run 'mvn test-compile' first")
    return ":".join(map(str, places))


def run_tests(version: int, classpath: str) -> tuple[int, int]:
    """Runs the tests on one runtime; returns how many passed and failed."""
    begin = time.monotonic()
    passed, failed = NOTHING
    try:
        java = lines.runtime(version, lines.RUNTIMES[version])
        opens = [] if version < 17 else lines.OPENS
        selected = [f"--select-class=org.apache.flink.agents.runtime.{name}" for name in CLASSES]
        try:
            said = lines.run([java, "-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", *opens,
                              "-cp", classpath, "org.junit.platform.console.ConsoleLauncher", "execute",
                              "--details=summary", "--disable-banner", "--disable-ansi-colors", *selected], 300)
            trouble = ""
        except lines.Failed as e:
            said = trouble = str(e)
        counted = SUCCESSFUL.search(said), FAILED.search(said)
        if counted[0] and counted[1]:
            passed, failed = int(counted[0].group(1)), int(counted[1].group(1))
        if not trouble and not passed:
            trouble = "no test ran"
        failed = max(failed, 1) if trouble else failed
    except lines.Failed as e:
        trouble = str(e)
    print(f"Java {version}: {passed} passed, {failed} failed, {time.monotonic() - begin:.1f} s\n{trouble}".rstrip(), flush=True)
    return passed, failed


def main() -> int:
    """Runs the tests on all runtimes; returns the exit status."""
    lines.TARGET.mkdir(exist_ok=True)
    try:
        classpath = f"{own_classes()}:{lines.jars_of(lines.NEWEST)}:{test_jars()}"
    except lines.Failed as e:
        print(f"{e}\n0 passed, 1 failed")
        return 1
    with ThreadPoolExecutor(len(RUNTIMES)) as pool:
        counts = list(pool.map(lambda version: run_tests(version, classpath), RUNTIMES))
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
