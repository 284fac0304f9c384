"""The core's conversations with a host, as every host has them: e2e-test/conformance/built-in-actions.json."""

import json
from pathlib import Path

import pytest

from flink_agents import _core

VECTORS = Path(__file__).resolve().parents[3] / "e2e-test" / "conformance" / "built-in-actions.json"


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text(encoding="utf-8")), ids=lambda vector: vector["name"])
def test_the_core_commands_what_the_vectors_say(vector):
    error, commands = None, "null"
    try:
        machine, commands = _core.BuiltIn.begin(json.dumps(vector["start"]))
        for turn in vector["turns"]:
            assert json.loads(commands) == turn["commands"]
            if "answer" in turn:
                commands = machine.answer(json.dumps(turn["answer"]))
    except ValueError as raised:
        error = str(raised)
    # Where the text of a JSON error says a place, the vectors' spacing is another.
    assert (error or "").split(" at line ")[0] == vector.get("error", "").split(" at line ")[0]
