"""The stub of the native module says what is there."""

import ast
import inspect
from pathlib import Path

import pytest

import flink_agents
from flink_agents import _core

STUB = ast.parse((Path(flink_agents.__path__[0]) / "_core.pyi").read_text(encoding="utf-8"))
ONLY_TYPES = {"EventId", "Link", "Step"}


def stub_names(body):
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, node
        elif isinstance(node, ast.AnnAssign):
            yield node.target.id, node


def public(names):
    return {name for name in names if not name.startswith("_")}


def parameters(node):
    return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]


def check(function, node, where):
    found = [name for name in inspect.signature(function).parameters]
    assert found == parameters(node), where


def test_all_names_are_in_the_stub_and_no_others():
    assert public(dict(stub_names(STUB.body))) - ONLY_TYPES == public(vars(_core))


@pytest.mark.parametrize("name", sorted(public(vars(_core))))
def test_functions_and_methods_have_the_parameters_that_the_stub_tells(name):
    there, node = getattr(_core, name), dict(stub_names(STUB.body))[name]
    if isinstance(node, ast.FunctionDef):
        check(there, node, name)
    elif isinstance(node, ast.ClassDef):
        members = dict(stub_names(node.body))
        assert public(members) == public(vars(there))
        for member, definition in members.items():
            if isinstance(definition, ast.FunctionDef) and not definition.decorator_list and member != "__init__":
                check(getattr(there, member), definition, f"{name}.{member}")
