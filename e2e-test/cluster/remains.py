"""What a TaskManager holds: threads, files, sockets, memory, and what of it is ours."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

# Linux keeps fifteen characters of a name: threads of actions and calls, of workers, and those of the test's own calls.
OURS = re.compile(r"flink-agents|py-worker|a-client-")
OPERATOR = "org.apache.flink.agents.runtime.operator.AgentOperator"
LOADER = "org.apache.flink.util.ChildFirstClassLoader"
CLASS = re.compile(r"^ *\d+: +(\d+) +\d+ +(\S+)", re.MULTILINE)
TOTAL = re.compile(r"^Total +\d+ +(\d+)", re.MULTILINE)
HEAP = re.compile(r"\[0x([0-9a-f]+), 0x([0-9a-f]+)\)")
METASPACE = re.compile(r"Metaspace +used (\d+)K")
MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) ")


def our_threads(pid: int) -> list[str]:
    """The names, cut off, of the threads of a process that are ours."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
        except OSError:
            continue
        if OURS.match(name):
            found.append(name)
    return sorted(found)


def jcmd(java_home: Path, pid: int, *command: str) -> str:
    """What a JVM answers."""
    return subprocess.run([str(java_home / "bin" / "jcmd"), str(pid), *command], capture_output=True, text=True,
                          check=True, timeout=60).stdout


def at_the_end_of_input(java_home: Path, pid: int) -> int:
    """How many subtasks of agents have come to the end of their input, and wait there."""
    return jcmd(java_home, pid, "Thread.print").count(f"at {OPERATOR}.endInput(")


@dataclass(frozen=True)
class Holdings:
    """What one JVM holds after full garbage collections.

    ``operators``: agents' subtasks. ``heap``, ``metaspace``: bytes in use. ``beside``: the same outside the heap.
    """

    threads: int
    ours: int
    files: int
    sockets: int
    operators: int
    loaders: int
    heap: int
    metaspace: int
    beside: int

    def __str__(self) -> str:
        return (f"{self.threads} threads ({self.ours} ours), {self.files} files, {self.sockets} sockets,"
                f" {self.operators} operators, {self.loaders} loaders, heap {self.heap >> 10} KiB,"
                f" metaspace {self.metaspace >> 10} KiB, beside the heap {self.beside >> 10} KiB")


def holdings(java_home: Path, pid: int) -> Holdings:
    """Looks at a TaskManager."""
    # What has a finalizer outlives one collection, with all that it refers to.
    jcmd(java_home, pid, "GC.run")
    jcmd(java_home, pid, "GC.run_finalization")
    histogram = jcmd(java_home, pid, "GC.class_histogram")
    instances = {name: int(count) for count, name in CLASS.findall(histogram)}
    information = jcmd(java_home, pid, "GC.heap_info")
    total, heap, metaspace = TOTAL.search(histogram), HEAP.search(information), METASPACE.search(information)
    if total is None or heap is None or metaspace is None:
        raise RuntimeError(f"jcmd does not tell the memory: {information}")
    open_files = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            open_files.append(os.readlink(descriptor))
        except OSError:
            continue
    sockets = sum(file.startswith("socket:") for file in open_files)
    return Holdings(
        threads=len(os.listdir(f"/proc/{pid}/task")), ours=len(our_threads(pid)), files=len(open_files) - sockets,
        sockets=sockets, operators=instances.get(OPERATOR, 0), loaders=instances.get(LOADER, 0), heap=int(total.group(1)),
        metaspace=int(metaspace.group(1)) << 10, beside=_beside(pid, int(heap.group(1), 16), int(heap.group(2), 16)))


def _beside(pid: int, begin: int, end: int) -> int:
    """Memory in use of a process outside of its heap."""
    sum_, inside = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        mapping = MAPPING.match(line)
        if mapping:
            inside = begin <= int(mapping.group(1), 16) < end
        elif line.startswith("Rss:") and not inside:
            sum_ += int(line.split()[1]) << 10
    return sum_
