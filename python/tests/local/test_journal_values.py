"""Values of every kind that a journal keeps come back from it with their types, in runs without Flink.

Each is recorded, the run ends by an error or is over, and it is started again under its name.
"""

import dataclasses
import datetime
import decimal
import enum
import fractions
import ipaddress
import math
import pathlib
import re
import shutil
import sqlite3
import threading
import uuid
from collections import Counter, OrderedDict, deque, namedtuple

import pytest
from pydantic import BaseModel

from flink_agents.api.durable_call import current_call
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.runner_context import DurableCallTimeoutError
from flink_agents.runtime.executor import ActionExecutionError
from flink_agents.runtime.recording import NotRecordableError, read_record, result_record
from local_agents import agent_of

INPUT = InputEvent.EVENT_TYPE
CALLS = []
SWITCH = {}
# What actions got. They cannot reach what is around them but by their module.
SEEN = []


@pytest.fixture(autouse=True)
def clean():
    CALLS.clear()
    SWITCH.clear()
    SEEN.clear()


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Return a function that runs actions over (key, value) pairs with a journal, and returns the outputs as (key, output)."""
    monkeypatch.delenv("FLINK_CONF_DIR", raising=False)
    monkeypatch.chdir(tmp_path)

    def go(inputs, *actions, name="run", **options):
        env = AgentsExecutionEnvironment.get_execution_environment()
        env.get_config().set_str("actionStateStoreBackend", "sqlite")
        for key, value in options.items():
            env.get_config().set_str(key.replace("_", "."), value)
        built = env.from_list([{"key": key, "value": value} for key, value in inputs]).apply(agent_of(*actions))
        outputs = built.to_list()
        env.execute(name)
        return [item for output in outputs for item in output.items()]

    return go


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Point:
    x: int
    label: str | None = None


@dataclasses.dataclass(frozen=True)
class Frozen:
    parts: tuple


Pair = namedtuple("Pair", ["left", "right"])


class Order(BaseModel):
    id: int
    lines: list[str]


class Slots:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a

    def __eq__(self, other):
        return type(other) is Slots and other.a == self.a

    def __hash__(self):
        return hash(self.a)


class Text(str):
    __slots__ = ()


LOOP = []
LOOP.append(LOOP)

PLAIN = {
    "None": None,
    "True": True,
    "False": False,
    "0": 0,
    "-1": -1,
    "2^31": 2**31,
    "-2^63": -(2**63),
    "2^63": 2**63,
    "2^200": 2**200,
    "0.0": 0.0,
    "-0.0": -0.0,
    "1e308": 1e308,
    "smallest float": 5e-324,
    "inf": math.inf,
    "empty text": "",
    "text": "ключ \U0001f600 \0 \n",
    "bytes": b"\x00\xff",
    "empty bytes": b"",
    "list": [1, "1", 1.0, True, None],
    "empty list": [],
    "dict": {"a": 1, "": {"ü": [2]}},
    "empty dict": {},
}

PICKLED = {
    "lone surrogate": "\ud800",
    "bytearray": bytearray(b"ab"),
    "tuple": (1, (2,), ()),
    "set": {1, 2},
    "frozenset": frozenset(["a"]),
    "dict with keys of all kinds": {1: "i", "1": "s", 1.5: "f", None: "n", (1, 2): "t", b"b": "b"},
    "complex": 1 + 2j,
    "range": range(1, 9, 2),
    "decimal": decimal.Decimal("9.90"),
    "fraction": fractions.Fraction(1, 3),
    "datetime": datetime.datetime(2024, 2, 29, 1, 2, 3, 4),
    "datetime with zone": datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30))),
    "date": datetime.date(1, 1, 1),
    "time": datetime.time(23, 59, fold=1),
    "timedelta": datetime.timedelta(days=-1, microseconds=1),
    "uuid": uuid.UUID(int=5),
    "enum": Colour.RED,
    "int enum": Level.HIGH,
    "dataclass": Point(1, "a"),
    "frozen dataclass": Frozen((1, [2])),
    "named tuple": Pair(1, Pair("x", None)),
    "pydantic model": Order(id=1, lines=["a"]),
    "slots": Slots([1]),
    "text of a class of its own": Text("t"),
    "ordered dict": OrderedDict([("b", 1), ("a", 2)]),
    "counter": Counter("aab"),
    "deque": deque([1, 2], maxlen=3),
    "path": pathlib.PurePosixPath("a/b"),
    "address": ipaddress.ip_address("::1"),
    "pattern": re.compile("a+", re.I),
    "class": Point,
    "function": math.sqrt,
    "exception as a result": ValueError("as a value"),
    "deep": [[[[[[[[[[{"a": ({"b": [Point(1)]},)}]]]]]]]]]],
    "large": ["x" * 1000] * 500,
}

KINDS = {**PLAIN, **PICKLED}


def same(one, other):
    """Whether type and content are the same, in depth."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple, deque)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(map(str, one)) == list(map(str, other)) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, BaseException):
        return one.args == other.args and one.__dict__ == other.__dict__
    return one == other


def bring(kind):
    CALLS.append(kind)
    return KINDS[kind]


def breaks():
    if SWITCH.pop("broken", False):
        msg = "broken here"
        raise ValueError(msg)


def twice(go, *args):
    """Run up to where the test's action breaks, and then to the end."""
    SWITCH["broken"] = True
    with pytest.raises(ActionExecutionError, match="broken here"):
        go(*args)
    return go(*args)


@pytest.mark.parametrize("kind", KINDS)
def test_the_result_of_a_call(go, kind):
    def start(event, ctx):
        SEEN.append(ctx.durable_execute(bring, event.get_attr("input")))
        breaks()

    async def start_async(event, ctx):
        SEEN.append(await ctx.durable_execute_async(bring, event.get_attr("input")))
        breaks()

    for action in (start, start_async):
        CALLS.clear()
        SEEN.clear()
        SWITCH["broken"] = True
        with pytest.raises(ActionExecutionError, match="broken here"):
            go([("a", kind)], (INPUT, action), name=action.__name__)
        go([("a", kind)], (INPUT, action), name=action.__name__)
        assert CALLS == [kind]
        assert len(SEEN) == 2
        for value in SEEN:
            assert same(value, KINDS[kind]), (value, KINDS[kind])


def test_a_list_that_holds_itself_and_nan(go):
    def start(event, ctx):
        SEEN.append([ctx.durable_execute(lambda_free_loop), ctx.durable_execute(not_a_number)])
        breaks()

    twice(go, [("a", 1)], (INPUT, start))
    loop, number = SEEN[1]
    assert loop[0] is loop and math.isnan(number)


def lambda_free_loop():
    return LOOP


def not_a_number():
    return math.nan


@pytest.mark.parametrize("kind", [kind for kind in PLAIN if "bytes" not in kind])
def test_events_memory_inputs_and_outputs(go, kind):
    """The first action is replayed from its record; what it kept is read by the second, and by a later run of the key."""

    def start(event, ctx):
        value = event.get_attr("input")[0]
        CALLS.append("started")
        ctx.short_term_memory.set("kept", value)
        ctx.sensory_memory.set("felt", value)
        ctx.send_event(Event(type="next", attributes={"sent": value}))

    def then(event, ctx):
        breaks()
        SEEN.append([event.get_attr("sent"), ctx.short_term_memory.get("kept"), ctx.sensory_memory.get("felt")])
        ctx.send_event(OutputEvent(output=event.get_attr("sent")))

    value = PLAIN[kind]
    outputs = twice(go, [("a", [value])], (INPUT, start), ("next", then))
    assert CALLS == ["started"], "an input that is the same is the same run, and its first action is not run again"
    assert len(outputs) == 1 and same(outputs[0], ("a", value))
    [(sent, kept, felt)] = SEEN
    assert same(sent, value) and same(kept, value) and same(felt, value), SEEN
    # Now all of it comes from the journal.
    assert same(go([("a", [value])], (INPUT, start), ("next", then)), outputs)
    assert len(SEEN) == 1


def test_bytes_in_memory(go):
    def start(event, ctx):
        CALLS.append("started")
        ctx.short_term_memory.set("kept", [b"\x00\xff", b""])
        ctx.sensory_memory.set("felt", b"\x80")
        ctx.send_event(Event(type="next"))

    def then(event, ctx):
        breaks()
        SEEN.extend([ctx.short_term_memory.get("kept"), ctx.sensory_memory.get("felt")])

    twice(go, [("a", 1)], (INPUT, start), ("next", then))
    assert CALLS == ["started"]
    assert same(SEEN, [[b"\x00\xff", b""], b"\x80"])


KEYS = ["", "1", 1, 1.0, True, None, b"1", b"", (1, "1"), ("1", 1), (), "a,b", "a\0b", "_", "ключ", 2**70, "x" * 10_000]


def test_keys_of_every_kind_never_meet(go):
    def start(event, ctx):
        seen = (ctx.short_term_memory.get("seen") or 0) + 1
        ctx.short_term_memory.set("seen", seen)
        key = ctx.durable_execute(own_key)
        ctx.send_event(Event(type="next", attributes={"seen": seen, "key": key}))

    def then(event, ctx):
        if event.get_attr("seen") == 2:
            breaks()
        ctx.send_event(OutputEvent(output=[event.get_attr("seen"), event.get_attr("key")]))

    inputs = [(key, number) for number in range(2) for key in KEYS]
    outputs = twice(go, inputs, (INPUT, start), ("next", then))
    assert len(outputs) == len(inputs)
    by_key = {}
    for key, (seen, call) in outputs:
        by_key.setdefault((type(key), key), []).append((seen, call))
    assert set(by_key) == {(type(key), key) for key in KEYS}
    assert all([seen for seen, _ in of_key] == [1, 2] for of_key in by_key.values())
    made = [call for of_key in by_key.values() for _, call in of_key]
    assert len(set(made)) == len(inputs) and set(made) == set(CALLS)


def own_key():
    CALLS.append(current_call().idempotency_key)
    return CALLS[-1]


class TwoArguments(Exception):
    def __init__(self, code, *, detail):
        super().__init__(f"{code}: {detail}")
        self.code = code


class KeepsNothing(Exception):
    def __init__(self):
        super().__init__("fixed text")


FAILURES = {
    "built in": lambda: ValueError("why", 1, None),
    "without arguments": lambda: KeyError(),
    "of the system": lambda: FileNotFoundError(2, "No such file", "name"),
    "of the decoder": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    "other constructor": lambda: TwoArguments(7, detail="because"),
    "constructor without arguments": lambda: KeepsNothing(),
    "with attributes": lambda: with_attributes(LookupError("x")),
    "of the API": lambda: DurableCallTimeoutError("too late"),
}


def with_attributes(error):
    error.extra = Point(1)
    return error


def fail(kind):
    CALLS.append(kind)
    raise FAILURES[kind]()


@pytest.mark.parametrize("kind", FAILURES)
def test_the_exception_of_a_call(go, kind):
    def start(event, ctx):
        try:
            ctx.durable_execute(fail, event.get_attr("input"))
        except Exception as error:
            SEEN.append(error)
        breaks()

    twice(go, [("a", kind)], (INPUT, start))
    assert CALLS == [kind]
    first, second = SEEN
    assert type(first) is type(second) and str(first) == str(second)
    assert first.args == second.args and first.__dict__ == second.__dict__


class Unreadable:
    """Can be written and not be read."""

    def __reduce__(self):
        return _refuses, ()


def _refuses():
    msg = "not made to be read"
    raise TypeError(msg)


class Forgetful(Point):
    """Comes back without its label."""

    def __reduce__(self):
        return Forgetful, (self.x,)


def forgetful(kind):
    CALLS.append(kind)
    return [Forgetful(1, "lost")]


def test_results_that_come_back_as_others_are_refused_unless_that_is_switched_off(go):
    def start(event, ctx):
        result = ctx.durable_execute(forgetful, event.get_attr("input"))
        ctx.send_event(OutputEvent(output=result[0].label))

    async def start_async(event, ctx):
        result = await ctx.durable_execute_async(forgetful, event.get_attr("input"))
        ctx.send_event(OutputEvent(output=result[0].label))

    for action in (start, start_async):
        with pytest.raises(ActionExecutionError, match=r"'Forgetful' at result\[0\].* another value, by ==; found by values.verify"):
            go([("k", "x")], (INPUT, action), name=action.__name__)
        assert go([("k", "x")], (INPUT, action), name=action.__name__, values_verify="false") == [("k", "lost")]
    assert len(CALLS) == 4


REFUSED = {
    "a lock": (threading.Lock, "of type 'lock'"),
    "in a list": (lambda: [1, [threading.Lock()]], r"result\[1\]\[0\]"),
    "in a dict": (lambda: {"a": {"b c": (1, open)}, "z": {"f": lambda: 1}}, r"result\['z'\]\['f'\]"),
    "in an object": (lambda: Point(threading.Lock()), r"result\.x"),
    "an exception that cannot be read": (lambda: {"e": TwoArguments(7, detail="x")}, r"result\['e'\]"),
    "what cannot be read": (lambda: [Unreadable()], r"result\[0\]"),
}


def refused(kind):
    CALLS.append(kind)
    return REFUSED[kind][0]()


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_come_back_is_refused_when_it_is_written_with_the_path_to_it(go, kind):
    def start(event, ctx):
        ctx.durable_execute(refused, event.get_attr("input"))

    for attempt in (1, 2):
        with pytest.raises(ActionExecutionError, match=rf"refused' returned .*{REFUSED[kind][1]}, .*cannot be recorded"):
            go([("a", kind)], (INPUT, start))
        assert len(CALLS) == attempt, "nothing is recorded"


@pytest.mark.parametrize("where", ["event", "memory", "output"])
def test_what_events_and_memory_cannot_hold_is_refused_with_the_path_to_it(go, where):
    def start(event, ctx):
        value = {"a": [1, threading.Lock()]}
        where = event.get_attr("input")
        if where == "memory":
            ctx.short_term_memory.set("x", value)
        else:
            ctx.send_event(OutputEvent(output=value) if where == "output" else Event(type="t", attributes=value))

    with pytest.raises(ActionExecutionError, match=r"a.*\[1\].*lock|lock.*a.*\[1\]"):
        go([("a", where)], (INPUT, start))


GOLDEN = pathlib.Path(__file__).parent / "journal_v1.sqlite"
"""Written by the first version that had a journal, and never again: a run by the agent below that ended where its second action
broke for the key b."""


class Account:
    def __init__(self, owner, balance):
        self.owner = owner
        self.balance = balance


def golden_call(what):
    CALLS.append((what, current_call().idempotency_key))
    if what == "fail":
        raise TwoArguments(7, detail="golden")
    return {"account": Account("ключ", decimal.Decimal("9.90")), "what": what}


def golden_start(event, ctx):
    value = event.get_attr("input")
    ctx.short_term_memory.set("n", (ctx.short_term_memory.get("n") or 0) + 1)
    first = ctx.durable_execute(golden_call, value["first"])
    ctx.send_event(Event(type="next", attributes={"owner": first["account"].owner, "at": [None, 1.5, 2**70]}))


def golden_next(event, ctx):
    got = ctx.durable_execute(golden_call, "second")["account"]
    try:
        ctx.durable_execute(golden_call, "fail")
    except TwoArguments as error:
        code = error.code
    # In this version only so far that its records are safe.
    ctx.durable_execute(golden_call, "third")
    if SWITCH.get("golden") and ctx.short_term_memory.get("n") == 2:
        breaks()
    result = [str(got.balance), code, event.get_attr("owner"), event.get_attr("at"), ctx.short_term_memory.get("n")]
    ctx.send_event(OutputEvent(output=result))


GOLDEN_INPUTS = [(1, {"first": "x", "more": [True, -0.0]}), ("1", {"first": "y"}), (1, {"first": "z"})]


def test_a_journal_of_the_first_version_is_read(go, tmp_path):
    shutil.copy(GOLDEN, tmp_path / "flink-agents.sqlite")
    outputs = go(GOLDEN_INPUTS, (INPUT, golden_start), ("next", golden_next), name="golden")
    assert CALLS == [], "everything was made"
    result = ["9.90", 7, "ключ", [None, 1.5, 2**70]]
    assert sorted(outputs, key=str) == [("1", [*result, 1]), (1, [*result, 1]), (1, [*result, 2])]
    with sqlite3.connect(tmp_path / "flink-agents.sqlite") as file:
        # Of the same name, the same job.
        assert file.execute("SELECT count(DISTINCT lineage), count(*) FROM claim").fetchone() == (1, 2)


def test_idempotency_keys_are_those_of_the_first_version(go):
    """Services remember them longer than a program lives."""
    go(GOLDEN_INPUTS[:1], (INPUT, golden_start), ("next", golden_next), name="golden")
    assert CALLS == GOLDEN_KEYS


GOLDEN_KEYS = [
    ("x", "407642a6-d3a2-8eab-b397-7703332972e1"),
    ("second", "f70f6c70-f493-86c7-af57-9762736a7476"),
    ("fail", "aa7d3a5a-f86e-8936-b207-ab788fbf8a32"),
    ("third", "7312d1ef-d0d7-822c-9efa-067b7835ff1a"),
]


def test_a_result_is_written_as_the_format_says():
    record = result_record(bring, [None, "x"], 1 << 20)
    assert record[:2] == b"\x80\x05"
    with pytest.raises(NotRecordableError, match="cannot be read"):
        read_record(bring, record[:-1])
