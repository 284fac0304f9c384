"""Rows of PyFlink, in a process that has it from the start: whether it is there is looked up once."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import sys
import types
import fake_pyflink
package, common, made = (types.ModuleType(name) for name in ("pyflink", "pyflink.common", "pyflink.common.types"))
Row = common.Row = made.Row = fake_pyflink.Row
Row.__module__ = made.__name__
package.common = common
sys.modules.update({module.__name__: module for module in (package, common, made)})
from flink_agents import _core
from flink_agents.api.events.event import Event
"""


def run(text):
    done = subprocess.run(
        [sys.executable, "-c", HEAD + text], capture_output=True, text=True, timeout=60, check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[1])})
    assert done.returncode == 0, done.stderr


def test_rows_travel():
    run("""
for row in (Row(1, "x"), Row(a=1, b="x"), Row()):
    back = _core.decode(_core.encode({"rows": [row]}))["rows"][0]
    assert isinstance(back, Row) and back == row, back
""")


def test_events_with_rows_are_written_as_json_and_read_again():
    run("""
event = Event(type="t", attributes={"named": Row(a=1, b="x"), "plain": [Row(1)]})
assert _core.to_plain(event.attributes) == {
    "named": {"type": "Row", "values": [1, "x"], "fields": ["a", "b"]}, "plain": [{"type": "Row", "values": [1]}]}
assert Event.from_json(event.model_dump_json()).attributes == event.attributes
""")


@pytest.mark.parametrize("fields", ["5", "'ab'", "['a']", "['a', 5]", "{}"])
def test_what_only_looks_like_a_row_stays_a_dict(fields):
    run(f"""
value = {{"type": "Row", "values": [1, 2], "fields": {fields}}}
assert _core.decode(_core.encode(value)) == value
event = Event(type="t", attributes={{"value": value}})
assert Event.from_json(event.model_dump_json()) == event
""")


def test_a_row_may_say_that_it_has_no_names():
    run("""
value = {"type": "Row", "values": [1, 2], "fields": None}
assert _core.decode(_core.encode(value)) == Row(1, 2)
assert Event.from_json(Event(type="t", attributes={"value": value}).model_dump_json()).attributes["value"] == Row(1, 2)
""")
