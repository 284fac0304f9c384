"""What the processes of a cluster and the directories of its jobs hold, as numbers with names."""

from __future__ import annotations

from pathlib import Path

from cluster import Cluster
from remains import holdings, jcmd

KIB = 1 << 10


def process_numbers(pid: int) -> dict[str, int]:
    """Resident memory, threads and open files of a process of any kind."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return {"resident KiB": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]),
            "open files": len(list(Path(f"/proc/{pid}/fd").iterdir()))}


def worker_numbers(pid: int) -> dict[str, int]:
    """The same of a worker of Python, whose threads but the first are those of calls that block."""
    numbers = process_numbers(pid)
    numbers["threads of agents"] = numbers.pop("threads")
    return {f"worker: {what}": number for what, number in numbers.items()}


def jvm_numbers(cluster: Cluster, name: str, pid: int) -> dict[str, int]:
    """The same of a JVM after full garbage collections, with what it has on its heap and beside it; threads of agents apart."""
    # What is free already in the C library's heap would count as used, as much as the JVM's compiler once needed.
    jcmd(cluster.java_home, pid, "System.trim_native_heap")
    held = holdings(cluster.java_home, pid)
    numbers = {**process_numbers(pid), "threads": held.threads - held.ours, "heap KiB": held.heap // KIB, "metaspace KiB": held.metaspace // KIB,
               "beside the heap KiB": held.beside // KIB, "threads of agents": held.ours, "sockets": held.sockets,
               "class loaders of jobs": held.loaders}
    return {f"{name}: {what}": number for what, number in numbers.items()}


def folder_numbers(name: str, files: list[Path]) -> dict[str, int]:
    """How many files, and how large they are together."""
    sizes = []
    for file in files:
        try:
            sizes.append(file.stat().st_size)
        except FileNotFoundError:
            # Rotated away meanwhile.
            continue
    return {f"{name}: files": len(sizes), f"{name}: KiB": sum(sizes) // KIB}


def disk_numbers(base: Path, names: tuple[str, ...]) -> dict[str, int]:
    """Event logs and journals of jobs, which lie in directories of their names, and what lies about for a while."""
    numbers: dict[str, int] = {}
    for name in names:
        numbers |= folder_numbers(f"event log of {name}", list((base / name / "events").glob("*")))
        numbers |= folder_numbers(f"journal of {name}", list((base / name).glob("journal.sqlite*")))
    numbers["files for a while"] = sum(1 for path in (base / "tmp").rglob("*"))
    return numbers
