#!/usr/bin/env python3
"""Compares the Python API with the listing of the reference system.

Usage: check_python_api.py [SOURCE_DIR]        (the directory that holds flink_agents/)
           [--listing FILE] [--allow FILE]     (default: the files beside this script)

Reads the sources of flink_agents.api with ``ast``, so nothing has to be installed, and looks up each module, class,
function and value of the listing. More than the listing passes, optional parameters included. Something missing or
different fails, unless the allow-list names it with the step that brings it; an entry whose subject exists by now
fails too. The last line is ``N passed, N failed``; the exit status is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from allowed import read_allowed

PACKAGE = "flink_agents.api"
HERE = Path(__file__).resolve().parent

# What differs for good, with the reason; docs/differences.md has them too.
DELIBERATE = {
    "core_options#AgentExecutionOptions.NUM_ASYNC_THREADS": "1,000: calls wait, they do not compute",
    "core_options#AgentConfigOptions.KAFKA_ACTION_STATE_TOPIC_REPLICATION_FACTOR": "-1, which leaves them to the brokers: one replica is lost with one",
}
# Decorators that are part of how a member is used.
USAGE = {"staticmethod", "classmethod", "property", "java_resource", "dataclass(frozen=True)"}
ALIASES = {"List": "list", "Dict": "dict", "Tuple": "tuple", "Type": "type", "Set": "set"}


@dataclass
class Member:
    """A function, or a value with its annotation."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.AnnAssign
    kind: str


@dataclass
class Scope:
    """A module or a class."""

    name: str
    bases: tuple[str, ...] = ()
    decorators: frozenset[str] = frozenset()
    members: dict[str, Member] = field(default_factory=dict)
    classes: dict[str, Scope] = field(default_factory=dict)


def scope_of(name: str, node: ast.Module | ast.ClassDef) -> Scope:
    scope = Scope(name)
    if isinstance(node, ast.ClassDef):
        scope.bases = tuple(normal(base) for base in node.bases)
        scope.decorators = frozenset(ast.unparse(d) for d in node.decorator_list)
    for child in statements(node.body):
        if isinstance(child, ast.ClassDef):
            scope.classes[child.name] = scope_of(child.name, child)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            scope.members[child.name] = Member(child, "function")
        elif isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name):
            scope.members[child.target.id] = Member(child, "value")
        elif isinstance(child, ast.Assign):
            for target in child.targets:
                if isinstance(target, ast.Name):
                    scope.members[target.id] = Member(child, "value")
    return scope


def statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """Returns the statements of a body, those under conditions included."""
    result = []
    for child in body:
        if isinstance(child, ast.If):
            result += statements(child.body) + statements(child.orelse)
        else:
            result.append(child)
    return result


def read_listing(path: Path) -> dict[str, Scope]:
    """Reads the listing: module to scope. It is Python but for the bodies of classes and functions."""
    modules: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("### "):
            modules[line[4:].strip()] = lines = []
        elif line.strip():
            text = line.strip()
            indent = line[: len(line) - len(line.lstrip())]
            if text.startswith(("def ", "async def ")):
                lines.append(f"{line}: ...")
            elif text.startswith("class "):
                lines += [f"{line}:", f"{indent}    ..."]
            elif text.endswith(" ..."):
                # The listing cuts long values; what is left of them cannot be compared.
                lines.append(re.sub(r" = .*$", " = ...", line))
            else:
                lines.append(line)
    return {name: scope_of(name, ast.parse("\n".join(lines))) for name, lines in modules.items()}


def read_sources(root: Path) -> dict[str, Scope]:
    package = root / Path(*PACKAGE.split("."))
    files = sorted(package.rglob("*.py"))
    if not files:
        sys.exit(f"No modules of {PACKAGE} in {root}: name the directory that holds flink_agents/.")
    result = {}
    for path in files:
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        result[name] = scope_of(name, ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return result


def normal(node: ast.expr | None) -> str:
    """Returns an annotation in one spelling: no quotes, ``X | Y`` in one order, built-in generics, no module names."""
    if node is None:
        return ""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return normal(ast.parse(node.value, mode="eval").body)
        return repr(node.value)
    if isinstance(node, ast.Attribute):
        return ALIASES.get(node.attr, node.attr)
    if isinstance(node, ast.Name):
        return ALIASES.get(node.id, node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return union([node.left, node.right])
    if isinstance(node, ast.Subscript):
        name = normal(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name == "Union":
            return union(list(inner))
        if name == "Optional":
            return union([*inner, ast.Constant(None)])
        return f"{name}[{', '.join(normal(each) for each in inner)}]"
    if isinstance(node, ast.List):
        return f"[{', '.join(normal(each) for each in node.elts)}]"
    return ast.unparse(node)


def union(nodes: list[ast.expr]) -> str:
    parts: set[str] = set()
    for node in nodes:
        parts.update(normal(node).split(" | "))
    return " | ".join(sorted(parts))


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[tuple[str, str, str, str | None]]:
    """Returns the parameters: kind, name, annotation, default."""
    args = node.args
    positional = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults)) + list(args.defaults)
    result = []
    for index, (arg, default) in enumerate(zip(positional, defaults)):
        kind = "positional-only" if index < len(args.posonlyargs) else "positional"
        result.append((kind, arg.arg, normal(arg.annotation), value_text(default)))
    if args.vararg:
        result.append(("*", args.vararg.arg, normal(args.vararg.annotation), None))
    for arg, default in zip(args.kwonlyargs, args.kw_defaults):
        result.append(("keyword", arg.arg, normal(arg.annotation), value_text(default)))
    if args.kwarg:
        result.append(("**", args.kwarg.arg, normal(args.kwarg.annotation), None))
    return result


def value_text(node: ast.expr | None) -> str | None:
    return None if node is None else ast.unparse(node)


def decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return {ast.unparse(d).rsplit("abc.", 1)[-1] for d in node.decorator_list}


def function_problem(wanted: ast.AST, found: ast.AST) -> str | None:
    if isinstance(wanted, ast.AsyncFunctionDef) != isinstance(found, ast.AsyncFunctionDef):
        return "differs in async"
    usage, found_usage = decorators(wanted) & USAGE, decorators(found) & USAGE
    if usage != found_usage:
        return f"is decorated {sorted(found_usage)}, not {sorted(usage)}"
    if "abstractmethod" in decorators(found) and "abstractmethod" not in decorators(wanted):
        return "is abstract"
    remaining = parameters(found)
    for parameter in parameters(wanted):
        if parameter not in remaining:
            return f"has the parameters ({describe(parameters(found))}), not ({describe(parameters(wanted))})"
        remaining.remove(parameter)
    order = [p[1] for p in parameters(found) if p[0].startswith("positional")]
    wanted_order = [p[1] for p in parameters(wanted) if p[0].startswith("positional")]
    if order[: len(wanted_order)] != wanted_order:
        return f"has its parameters in the order {order}, not {wanted_order}"
    if any(default is None and kind not in ("*", "**") for kind, _, _, default in remaining):
        return f"has a further parameter that must be given: ({describe(parameters(found))})"
    if normal(wanted.returns) != normal(found.returns):
        return f"returns {normal(found.returns) or 'anything'}, not {normal(wanted.returns) or 'anything'}"
    return None


def describe(params: list[tuple[str, str, str, str | None]]) -> str:
    shown = []
    for kind, name, annotation, default in params:
        text = (kind if kind in ("*", "**") else "") + name
        text += f": {annotation}" if annotation else ""
        shown.append(text if default is None else f"{text} = {default}")
    return ", ".join(shown)


def value_problem(key: str, wanted: ast.AST, found: ast.AST) -> str | None:
    annotation = normal(getattr(wanted, "annotation", None))
    if annotation and annotation != normal(getattr(found, "annotation", None)):
        return f"has the type {normal(getattr(found, 'annotation', None)) or 'of its value'}, not {annotation}"
    if key in DELIBERATE:
        return None
    if wanted.value is None:
        return None
    if found.value is None:
        return "has no value"
    if isinstance(wanted.value, ast.Constant) and wanted.value.value is ...:
        return None
    call = wanted.value.func if isinstance(wanted.value, ast.Call) else None
    if isinstance(call, ast.Name) and call.id in ("Field", "ConfigDict"):
        # How a default is made is not part of the interface; whether there is one is.
        has = bool([k for k in wanted.value.keywords if k.arg in ("default", "default_factory")])
        given = found.value.keywords if isinstance(found.value, ast.Call) else wanted.value.keywords
        lost = call.id == "Field" and has and not [k for k in given if k.arg in ("default", "default_factory")]
        return "has no default" if lost else None
    if "<text>" in ast.dump(wanted.value):
        return None
    if ast.unparse(wanted.value) != ast.unparse(found.value):
        return f"is {ast.unparse(found.value)[:120]}, not {ast.unparse(wanted.value)[:120]}"
    return None


class Check:
    """One comparison."""

    def __init__(self, built: dict[str, Scope], allowed: dict[str, str]) -> None:
        self.built = built
        self.allowed = allowed
        self.unused = set(allowed)
        self.passed = 0
        self.failures: list[str] = []
        self.by_name: dict[str, Scope] = {}
        for module in built.values():
            self.by_name.update(module.classes)

    def settle(self, key: str, problem: str | None) -> bool:
        """Counts one subject; tells whether it is there."""
        if key in self.allowed:
            self.unused.discard(key)
            if problem is None:
                self.failures.append(f"{key} exists: remove it from the allow-list ({self.allowed[key]})")
            return problem is None
        if problem is None:
            self.passed += 1
        else:
            self.failures.append(f"{key} {problem}")
        return problem is None

    def module(self, name: str, wanted: Scope) -> None:
        found = self.built.get(name)
        if self.settle(name, "is missing" if found is None else None) and found is not None:
            self.scope(name, "#", wanted, found)

    def scope(self, prefix: str, separator: str, wanted: Scope, found: Scope) -> None:
        for name, cls in wanted.classes.items():
            key = f"{prefix}{separator}{name}"
            there = self.find_class(found, name)
            if self.settle(key, self.class_problem(cls, there)) and there is not None:
                self.scope(key, ".", cls, there)
        for name, member in wanted.members.items():
            key = f"{prefix}{separator}{name}"
            there = self.find(found, name)
            self.settle(key, self.member_problem(key, member, there))

    def find_class(self, scope: Scope, name: str) -> Scope | None:
        return scope.classes.get(name)

    def find(self, scope: Scope, name: str) -> Member | None:
        """A member of a class or of what it inherits from."""
        if name in scope.members:
            return scope.members[name]
        for base in scope.bases:
            above = self.by_name.get(base)
            member = self.find(above, name) if above is not None and above is not scope else None
            if member is not None:
                return member
        return None

    def class_problem(self, wanted: Scope, found: Scope | None) -> str | None:
        if found is None:
            return "is missing"
        missing = set(wanted.bases) - self.supertypes(found)
        if missing:
            return "does not inherit from " + ", ".join(sorted(missing))
        lost = (wanted.decorators & USAGE) - found.decorators
        return f"is not decorated {sorted(lost)}" if lost else None

    def supertypes(self, scope: Scope) -> set[str]:
        result = set(scope.bases)
        for base in scope.bases:
            above = self.by_name.get(base)
            if above is not None and above is not scope:
                result |= self.supertypes(above)
        return result

    def member_problem(self, key: str, wanted: Member, found: Member | None) -> str | None:
        if found is None:
            return "is missing"
        if wanted.kind != found.kind:
            return f"is a {found.kind}, not a {wanted.kind}"
        if wanted.kind == "function":
            return function_problem(wanted.node, found.node)
        return value_problem(key.removeprefix(PACKAGE + "."), wanted.node, found.node)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("built", nargs="?", type=Path, default=HERE.parent.parent / "python")
    parser.add_argument("--listing", type=Path, default=HERE / "python-api-head.txt")
    parser.add_argument("--allow", type=Path, default=HERE / "python-api-allow.txt")
    args = parser.parse_args()

    check = Check(read_sources(args.built), read_allowed(args.allow, "module or module#name"))
    for name, wanted in read_listing(args.listing).items():
        check.module(name, wanted)
    check.failures += [f"{key} is in the allow-list but not in the listing" for key in sorted(check.unused)]
    for failure in check.failures:
        print("FAIL", failure)
    print(f"{check.passed} passed, {len(check.failures)} failed")
    return 1 if check.failures else 0


if __name__ == "__main__":
    sys.exit(main())
