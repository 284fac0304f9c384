"""Builds the jars that are submitted: the jobs of ``jobs/``, with and without flink-agents inside."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

from class_data import make_class_data
from flink_home import ROOT

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Jars:
    """``dist``: flink-agents. ``thin``: the jobs alone. ``fat``: the jobs and flink-agents in one.

    ``examples``: those of java/examples, alone.
    """

    dist: Path
    thin: Path
    fat: Path
    examples: Path


def find_built() -> tuple[Path, Path]:
    """The dist jar and that of the examples; built when one is missing."""
    pom = (ROOT / "pom.xml").read_text()
    version = re.search(r"<artifactId>flink-agents-parent</artifactId>\s*<version>([^<]+)<", pom)
    if version is None:
        raise RuntimeError("pom.xml does not tell the version")
    dist = ROOT / "java" / "dist" / "target" / f"flink-agents-dist-{version.group(1)}.jar"
    examples = ROOT / "java" / "examples" / "target" / f"flink-agents-examples-{version.group(1)}.jar"
    if not dist.is_file() or not examples.is_file():
        print("building java/dist and java/examples", flush=True)
        command = ["mvn", "-q", "-B", "-ntp", "-pl", "java/dist,java/examples", "-am", "-DskipTests", "package"]
        subprocess.run(command, cwd=ROOT, check=True)
    return dist, examples


def build(java_home: Path, flink_home: Path, folder: Path, built: tuple[Path, Path], more: tuple[Path, ...] = ()) -> Jars:
    """Compiles the jobs against Flink's libraries and the dist jar, as a user's build would, and packs them.

    ``more``: directories with sources beside ``jobs/``.

    Cluster and client use copies of the jars, which no build replaces under a running JVM.
    """
    classes = folder / "classes"
    classes.mkdir(parents=True)
    dist, examples = (Path(shutil.copy2(jar, folder)) for jar in built)
    class_path = [dist, *sorted((flink_home / "lib").glob("flink-*.jar"))]
    subprocess.run(
        [str(java_home / "bin" / "javac"), "--release", "11", "-Werror",
         "-Xlint:all,-serial,-processing,-options,-classfile,-path", "-parameters", "-d", str(classes),
         "-cp", ":".join(map(str, class_path)), *(str(source) for sources in (HERE / "jobs", *more) for source in sorted(sources.glob("*.java")))],
        check=True)
    thin, fat = folder / "jobs.jar", folder / "jobs-with-flink-agents.jar"
    for jar, parts in ((thin, ()), (fat, (dist,))):
        with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for file in sorted(classes.rglob("*.class")):
                packed.write(file, str(file.relative_to(classes)))
            for part in parts:
                with zipfile.ZipFile(part) as source:
                    for entry in source.infolist():
                        if not entry.is_dir():
                            packed.writestr(entry, source.read(entry), zipfile.ZIP_DEFLATED, 1)
    make_class_data(java_home, flink_home, fat)
    return Jars(dist, thin, fat, examples)
