"""What ``cargo metadata`` says about the crates that end up in the native library."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any


def metadata(root: Path) -> dict[str, Any]:
    """Returns cargo's metadata of the workspace, resolved for the machine it is built on."""
    version = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    host = next(line.split(": ", 1)[1] for line in version.splitlines() if line.startswith("host: "))
    run = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host],
        cwd=root, check=True, stdout=subprocess.PIPE, text=True)
    document: dict[str, Any] = json.loads(run.stdout)
    return document


def crates(document: dict[str, Any], root_name: str) -> list[dict[str, Any]]:
    """Returns the packages linked into a workspace member, without build scripts' and proc macros' own needs."""
    packages = {package["id"]: package for package in document["packages"]}
    nodes = {node["id"]: node for node in document["resolve"]["nodes"]}
    macros = {
        identifier for identifier, package in packages.items()
        if any("proc-macro" in target["kind"] for target in package["targets"])
    }
    start = next(p["id"] for p in document["packages"] if p["name"] == root_name and p["source"] is None)
    seen: set[str] = set()
    todo = [start]
    while todo:
        identifier = todo.pop()
        if identifier in seen or identifier in macros:
            continue
        seen.add(identifier)
        for dependency in nodes[identifier]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                todo.append(dependency["pkg"])
    return sorted((packages[i] for i in seen), key=lambda p: (p["name"], p["version"]))
