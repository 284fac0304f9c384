#!/usr/bin/env python3
"""Compares the natives that Java declares with those that Rust exports: names, parameters, results.

The JVM binds a native when it is first called and does not check its parameters, so a mistake here would
otherwise show as a wrong number somewhere else, or as a crash. The last line is ``N passed, N failed``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
JAVA = ROOT / "java/core/src/main/java/org/apache/flink/agents/core/Natives.java"
RUST = ROOT / "rust/jni/src"
PREFIX = "Java_org_apache_flink_agents_core_Natives_"
TYPES = {
    "void": "()", "int": "jint", "long": "jlong", "byte[]": "jbyteArray", "int[]": "jintArray",
    "String": "jstring", "ByteBuffer": "jobject", "Runnable": "jrunnable", "Executor": "jexecutor",
    "Thread": "jthread",
}


def java_natives(text: str) -> dict[str, list[str]]:
    """Maps the name of each native to its types, the result first, in Rust's spelling."""
    found = {}
    for result, name, parameters in re.findall(r"static native (\S+) (\w+)\(([^)]*)\);", text):
        types = [part.split()[0] for part in parameters.split(",") if part.strip()]
        found[name] = [TYPES[name] for name in [result, *types]]
    return found


def rust_natives(text: str) -> dict[str, list[str]]:
    """As `java_natives`, of the functions that the macros and plain definitions of a Rust file export."""
    found = {}
    pattern = re.compile(
        r"(hot!|handled!|plain!)\s*\{\s*(?:///[^\n]*\n\s*)*fn " + PREFIX + r"(\w+)\(([^)]*)\)\s*->\s*(\(\)|\w+)")
    for macro, name, parameters, result in pattern.findall(text):
        types = [part.split(":")[1].strip() for part in parameters.split(",") if ":" in part]
        # The macros of natives that have an engine add its handle.
        handle = [] if macro == "plain!" else ["jlong"]
        found[name] = [result, *handle, *types]
    plain = re.compile(
        r"extern \"system\" fn " + PREFIX + r"(\w+)\(([^)]*)\)\s*(?:->\s*(\w+))?", re.DOTALL)
    for name, parameters, result in plain.findall(text):
        types = [part.split(":")[1].strip() for part in parameters.split(",") if ":" in part]
        found[name] = [result or "()", *types[2:]]
    return found


def main() -> int:
    """Prints what differs and the counts."""
    java = java_natives(JAVA.read_text(encoding="utf-8"))
    rust: dict[str, list[str]] = {}
    for source in sorted(RUST.glob("*.rs")):
        rust.update(rust_natives(source.read_text(encoding="utf-8")))
    if len(java) < 20:
        print(f"only {len(java)} natives were found in {JAVA.relative_to(ROOT)}: the check no longer understands the file")
        print("0 passed, 1 failed")
        return 1
    failed = 0
    for name in sorted(java.keys() | rust.keys()):
        if java.get(name) != rust.get(name):
            failed += 1
            print(f"{name}: Java has {java.get(name, 'no such native')}, Rust has {rust.get(name, 'no such function')}")
    print(f"{len(java.keys() | rust.keys()) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
