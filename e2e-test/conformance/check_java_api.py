#!/usr/bin/env python3
"""Compares the built Java API with the listing of the reference system.

Usage: check_java_api.py [JAR_OR_CLASSES_DIR]
           [--listing FILE] [--allow FILE]     (default: the files beside this script)

Runs ``javap -public`` (of JAVA_HOME, else of PATH) over every class of
org.apache.flink.agents.api and looks up each class and member of the listing.
More than the listing passes. Something missing fails, unless the allow-list
names it with the step that brings it; an entry whose subject exists by now
fails too. The last line is ``N passed, N failed``; the exit status is 1 if
anything failed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from allowed import read_allowed

PACKAGE = "org.apache.flink.agents.api"
HERE = Path(__file__).resolve().parent
MODIFIERS = {
    "public", "protected", "private", "static", "final", "abstract", "default",
    "synchronized", "native", "transient", "volatile", "strictfp",
}
ANONYMOUS = re.compile(r"\$\d")


@dataclass
class Member:
    """A method, constructor or field: its text without modifiers, and those."""

    signature: str
    modifiers: frozenset[str]
    throws: frozenset[str]


@dataclass
class JavaClass:
    """A class as javap shows it."""

    name: str
    kind: str
    modifiers: frozenset[str]
    extends: tuple[str, ...]
    implements: tuple[str, ...]
    members: dict[str, Member] = field(default_factory=dict)


def split_types(text: str) -> tuple[str, ...]:
    """Splits at commas outside of angle brackets."""
    result, depth, current = [], 0, ""
    for char in text:
        depth += (char == "<") - (char == ">")
        if char == "," and depth == 0:
            result.append(current.strip())
            current = ""
        else:
            current += char
    if current.strip():
        result.append(current.strip())
    return tuple(result)


def raw(type_name: str) -> str:
    """A type without its arguments."""
    return type_name.split("<", 1)[0]


def top_level_word(text: str, word: str) -> int:
    """Index of `` word `` outside of angle brackets, or -1."""
    depth = 0
    for i, char in enumerate(text):
        depth += (char == "<") - (char == ">")
        if depth == 0 and text.startswith(f" {word} ", i):
            return i
    return -1


def take_modifiers(text: str) -> tuple[frozenset[str], str]:
    modifiers = set()
    while True:
        word, _, rest = text.partition(" ")
        if word not in MODIFIERS:
            return frozenset(modifiers), text
        modifiers.add(word)
        text = rest


def parse_header(line: str) -> JavaClass:
    modifiers, text = take_modifiers(line.rstrip("{ ").strip())
    kind, _, text = text.partition(" ")
    text += " "
    implements: tuple[str, ...] = ()
    extends: tuple[str, ...] = ()
    at = top_level_word(text, "implements")
    if at >= 0:
        implements = split_types(text[at + len(" implements "):])
        text = text[:at] + " "
    at = top_level_word(text, "extends")
    if at >= 0:
        extends = split_types(text[at + len(" extends "):])
        text = text[:at]
    return JavaClass(raw(text.strip()), kind, modifiers, extends, implements)


def parse_member(line: str) -> Member:
    modifiers, text = take_modifiers(line.strip().rstrip(";"))
    text, _, thrown = text.partition(") throws ")
    if thrown:
        text += ")"
    return Member(re.sub(r"\s+", " ", text), modifiers, frozenset(split_types(thrown)))


def parse(text: str) -> dict[str, JavaClass]:
    """Reads javap's output: class name to class."""
    classes: dict[str, JavaClass] = {}
    current: JavaClass | None = None
    for line in text.splitlines():
        if not line.strip() or line.startswith(("Compiled from", "#")):
            continue
        if line.startswith(" "):
            if current is not None and line.rstrip().endswith(";") and "{}" not in line:
                member = parse_member(line)
                current.members[member.signature] = member
        elif line.strip() == "}":
            current = None
        elif line.rstrip().endswith("{"):
            current = parse_header(line)
            classes[current.name] = current
    return classes


def class_names(built: Path) -> list[str]:
    if built.is_dir():
        files = [str(p.relative_to(built)) for p in built.rglob("*.class")]
    else:
        with zipfile.ZipFile(built) as jar:
            files = [n for n in jar.namelist() if n.endswith(".class")]
    names = [f[: -len(".class")].replace(os.sep, "/").replace("/", ".") for f in files]
    return sorted(
        n for n in names if n.startswith(PACKAGE + ".") and not ANONYMOUS.search(n)
    )


def javap(built: Path) -> dict[str, JavaClass]:
    home = os.environ.get("JAVA_HOME")
    tool = str(Path(home) / "bin" / "javap") if home else shutil.which("javap")
    if not tool or not Path(tool).exists():
        sys.exit("javap not found: set JAVA_HOME to a JDK 11 or newer, or put it on the PATH.")
    names = class_names(built)
    if not names:
        sys.exit(f"No classes of {PACKAGE} in {built}: build it first (mvn -pl java/api package).")
    result: dict[str, JavaClass] = {}
    for start in range(0, len(names), 100):
        run = subprocess.run(
            [tool, "-public", "-cp", str(built), *names[start:start + 100]],
            capture_output=True, text=True, check=False,
        )
        if run.returncode != 0:
            sys.exit(f"javap failed: {run.stderr.strip() or run.stdout.strip()}")
        result.update(parse(run.stdout))
    return result


def find(built: dict[str, JavaClass], owner: JavaClass, signature: str) -> Member | None:
    """A member of a class or, but for constructors, of what it inherits from."""
    if signature in owner.members:
        return owner.members[signature]
    if signature.startswith(owner.name + "("):
        return None
    for parent in (*owner.extends, *owner.implements):
        above = built.get(raw(parent))
        if above is not None:
            member = find(built, above, signature)
            if member is not None and "private" not in member.modifiers:
                return member
    return None


def supertypes(built: dict[str, JavaClass], owner: JavaClass) -> set[str]:
    result: set[str] = set()
    for parent in (*owner.extends, *owner.implements):
        result.add(parent)
        above = built.get(raw(parent))
        if above is not None:
            result |= supertypes(built, above)
    return result


def class_problem(
    built: dict[str, JavaClass], wanted: JavaClass, found: JavaClass
) -> str | None:
    if wanted.kind != found.kind:
        return f"is a {found.kind}, not a {wanted.kind}"
    if "public" in wanted.modifiers and "public" not in found.modifiers:
        return "is not public"
    for modifier in ("abstract", "final"):
        if modifier in found.modifiers and modifier not in wanted.modifiers:
            return f"is {modifier}"
    missing = {*wanted.extends, *wanted.implements} - supertypes(built, found)
    if missing:
        return "does not inherit from " + ", ".join(sorted(missing))
    return None


def member_problem(wanted: Member, found: Member | None) -> str | None:
    if found is None:
        return "is missing"
    if ("static" in wanted.modifiers) != ("static" in found.modifiers):
        return "differs in static"
    if "abstract" in found.modifiers and "abstract" not in wanted.modifiers:
        return "is abstract"
    # A static that could be assigned may become a constant; an overridable method may not.
    if (
        "final" in found.modifiers
        and "final" not in wanted.modifiers
        and "static" not in wanted.modifiers
    ):
        return "is final"
    if wanted.throws != found.throws:
        return "throws " + (", ".join(sorted(found.throws)) or "nothing")
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "built", nargs="?", type=Path,
        default=HERE.parent.parent / "java" / "api" / "target" / "classes",
    )
    parser.add_argument("--listing", type=Path, default=HERE / "java-api-head.txt")
    parser.add_argument("--allow", type=Path, default=HERE / "java-api-allow.txt")
    args = parser.parse_args()

    wanted = {
        name: cls
        for name, cls in parse(args.listing.read_text(encoding="utf-8")).items()
        if name.startswith(PACKAGE + ".")
    }
    built = javap(args.built)
    allowed = read_allowed(args.allow, "class or class#member")
    unused = set(allowed)
    passed, failures = 0, []

    for name, cls in wanted.items():
        found = built.get(name)
        if name in allowed:
            unused.discard(name)
            if found is None:
                continue
            failures.append(f"{name} exists: remove it from the allow-list ({allowed[name]})")
        if found is None:
            failures.append(f"{name} is missing")
            continue
        problem = class_problem(built, cls, found)
        if problem:
            failures.append(f"{name} {problem}")
        else:
            passed += 1
        for signature, member in cls.members.items():
            key = f"{name}#{signature}"
            problem = member_problem(member, find(built, found, signature))
            if key in allowed:
                unused.discard(key)
                if problem is None:
                    failures.append(f"{key} exists: remove it from the allow-list ({allowed[key]})")
            elif problem:
                failures.append(f"{key} {problem}")
            else:
                passed += 1

    failures += [f"{key} is in the allow-list but not in the listing" for key in sorted(unused)]
    for failure in failures:
        print("FAIL", failure)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
