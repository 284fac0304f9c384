#!/usr/bin/env python3
"""Compiles and runs the project of docs/getting-started-java.md, word for word.

Needs the dist jar and the class path of Flink that ``scripts/demo`` leaves in target/demo/. The
last line is ``N passed, N failed``; the exit status is 1 if anything failed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOC = ROOT / "docs" / "getting-started-java.md"
POM = "{http://maven.apache.org/POM/4.0.0}"
OPENS = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("util", "lang")]


def tool(name: str) -> str:
    """Returns a program of the JDK: of JAVA_HOME if that is set."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home, "bin", name)) if home else name


def blocks(text: str, language: str) -> list[str]:
    """Returns the code blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    """Runs a program for two minutes at most."""
    return subprocess.run(argv, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False)


def main() -> int:
    """Runs all checks; returns the exit status."""
    text = DOC.read_text(encoding="utf-8")
    version = ElementTree.parse(ROOT / "pom.xml").getroot().findtext(f"{POM}version")
    jars = list((ROOT / "java" / "dist" / "target").glob(f"flink-agents-dist-{version}.jar"))
    flink = ROOT / "target" / "demo" / "classpath.txt"
    if not jars or not flink.is_file():
        print("The dist jar or target/demo/classpath.txt is missing: run scripts/demo first.")
        print("0 passed, 1 failed")
        return 1
    class_path = os.pathsep.join([str(jars[0]), flink.read_text(encoding="utf-8").strip()])
    checks: list[tuple[str, str]] = []  # what, and what is wrong

    pom = ElementTree.fromstring(blocks(text, "xml")[0])
    dependencies = {
        d.findtext(f"{POM}artifactId"): d.findtext(f"{POM}version") for d in pom.iter(f"{POM}dependency")
    }
    named = dependencies.get("flink-agents-dist")
    checks.append(("the pom names this version", "" if named == version else f"{named}, but this is {version}"))
    demo_pom = ElementTree.parse(ROOT / "java" / "examples" / "demo" / "pom.xml").getroot()
    ours, theirs = (next(p.iter(f"{POM}flink.version")).text for p in (demo_pom, pom))
    checks.append(("the pom names the Flink it is tried with", "" if ours == theirs else f"{theirs}, tried with {ours}"))

    with tempfile.TemporaryDirectory() as folder:
        sources = []
        for source in blocks(text, "java"):
            name = re.search(r"public class (\w+)", source)
            assert name is not None
            path = Path(folder, "src", "example", f"{name.group(1)}.java")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
            said = f"`src/main/java/example/{path.name}`" in text
            checks.append((f"the text names the file {path.name}", "" if said else "it does not"))
            sources.append(str(path))
        classes = Path(folder, "classes")
        compiled = run(tool("javac"), "--release", "11", "-encoding", "UTF-8", "-parameters", "-cp", class_path,
                       "-d", str(classes), *sources)
        checks.append(("the code compiles for Java 11", "" if compiled.returncode == 0 else compiled.stderr))
        outputs = [block.strip() for block in blocks(text, "text")]
        for main_class, expected in zip(("example.FridgeJob", "example.FridgesHere"), outputs, strict=True):
            done = run(tool("java"), *OPENS, "-Dfile.encoding=UTF-8", "-XX:+UseSerialGC", "-Xmx1g",
                       f"-Dlog4j2.configurationFile={ROOT / 'java/examples/demo/log4j2.properties'}",
                       "-cp", os.pathsep.join([str(classes), class_path]), main_class)
            # Flink's print() puts the number of the subtask before a line.
            said_lines = [re.sub(r"^\d+> ", "", line) for line in done.stdout.splitlines()]
            good = done.returncode == 0 and said_lines == [expected]
            checks.append((f"{main_class} prints what the text says", "" if good else done.stdout + done.stderr))

    failed = 0
    for what, problem in checks:
        print(f"{'failed' if problem else 'ok':<7} {what}{': ' + problem if problem else ''}")
        failed += bool(problem)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
