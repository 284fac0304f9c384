"""Archives of class data: with them JVMs begin with Flink's classes read and verified, which is a third of all that short ones do.

A JVM that has other jars in front of its class path, or is another one, takes no archive, says nothing, and works as ever.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flink_home import prepared_once

# Of JVMs of which the first seconds count.
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
QUOTES = "symbol,date,price\n" + "".join(f"MSFT,Jan {day} 2000,{day}.81\n" for day in range(1, 29))


@dataclass(frozen=True)
class ClassData:
    """``processes``: of clients, JobManagers and TaskManagers. ``scripts``: of the JVMs by which scripts read the configuration."""

    processes: Path
    scripts: Path

    def complete(self) -> bool:
        """Whether both are there."""
        return self.processes.is_file() and self.scripts.is_file()


def class_data(java_home: Path, flink_home: Path) -> ClassData:
    """Where the archives of this JDK are: with the jars that they are of, so that they go with these."""
    told = java_home / "release"
    build = str(java_home).encode() + (told.read_bytes() if told.is_file() else b"")
    folder = flink_home / f"class-data-{hashlib.sha256(build).hexdigest()[:16]}"
    return ClassData(folder / "processes.jsa", folder / "scripts.jsa")


@prepared_once
def make_class_data(java_home: Path, flink_home: Path, jobs: Path) -> None:
    """Makes the archives when they are not there; ``jobs``: the jar with the job that is run for it."""
    made = class_data(java_home, flink_home)
    if made.complete():
        return
    made.processes.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="flink-agents-class-data-") as temporary:
        base = Path(temporary)
        (base / "quotes.csv").write_text(QUOTES)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FLINK_")} | {
            "JAVA_HOME": str(java_home), "FLINK_LOG_DIR": temporary,
            "FLINK_ENV_JAVA_OPTS_CLI": f"{QUICK} -XX:ArchiveClassesAtExit={base / 'processes.jsa'}"}
        # In one process with the client, which so loads the classes of all three.
        commands = [[str(flink_home / "bin" / "flink"), "run", "-t", "local", "-Dtaskmanager.numberOfTaskSlots=4",
                     "-c", "jobs.StockAlerts", str(jobs), "--data", str(base / "quotes.csv"), "--out", (base / "out").as_uri()]]
        (dist,) = (flink_home / "lib").glob("flink-dist-*.jar")
        commands.append([
            str(java_home / "bin" / "java"), *QUICK.split(), f"-XX:ArchiveClassesAtExit={base / 'scripts.jsa'}",
            "-cp", f"{flink_home / 'bin' / 'bash-java-utils.jar'}:{dist}", "org.apache.flink.runtime.util.bash.BashJavaUtils",
            "UPDATE_AND_GET_FLINK_CONFIGURATION", "--configDir", str(flink_home / "conf"), "-flatten"])
        for command, archive in zip(commands, (made.processes, made.scripts), strict=True):
            done = subprocess.run(command, env=environment, cwd=base, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=600, check=False)
            if done.returncode or not (base / archive.name).is_file():
                raise RuntimeError(f"{' '.join(command)} ended with {done.returncode} and made no {archive.name}:\n{done.stdout[-3000:]}")
            # From one file system to another, in two steps: what is there is whole.
            draft = archive.with_suffix(".draft")
            draft.write_bytes((base / archive.name).read_bytes())
            draft.replace(archive)
