"""Python values as plain data: what is taken, what it becomes, and how refusals name the place."""

import base64
import dataclasses
import datetime
import decimal
import enum
import json
import math
import random
import uuid
from collections import OrderedDict, namedtuple
from pathlib import Path

import pydantic
import pytest

from flink_agents import _core

VECTORS = json.loads(
    (Path(__file__).parents[3] / "e2e-test" / "conformance" / "values.json").read_text(encoding="utf-8"))["values"]

HOST_OWN = range(32, 64)
BYTES, BIG_INT, WTF16 = 10, 14, 24


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Name(str):
    pass


class Model(pydantic.BaseModel):
    when: datetime.date
    inner: list[int] = []


@dataclasses.dataclass
class Data:
    a: int
    b: tuple[int, ...]


Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize("vector", VECTORS, ids=[v["name"] for v in VECTORS])
def test_vectors_shared_with_the_other_languages_are_read(vector):
    data = bytes.fromhex(vector["hex"])
    if "json" not in vector:  # Too deep for some readers of JSON; nothing but lists.
        assert _core.encode(_core.decode(data)) == data
        return
    if any(f'"opaque": {tag}' in json.dumps(vector["json"]) for tag in HOST_OWN):
        with pytest.raises(ValueError, match="only the host which wrote it can open"):
            _core.decode(data)
        return
    value = _core.decode(data)
    if data[0] == BYTES:
        assert isinstance(value, bytes)
    elif data[0] == BIG_INT:
        length = data[1]
        assert length >= 0x80 or value == int.from_bytes(data[2:2 + length], "big", signed=True)
        assert isinstance(value, int)
    elif data[0] == WTF16:
        assert value.encode("utf-16-le", "surrogatepass") == data[2:]
    elif isinstance(value, float) and not math.isfinite(value):
        assert {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)] == vector["json"]
    else:
        assert json.dumps(plain_view(value)) == json.dumps(vector["json"])


def plain_view(value):
    """Return the plain JSON view of what Python can hold and JSON cannot."""
    if isinstance(value, dict):
        return {key: plain_view(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain_view(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value


@pytest.mark.parametrize("value", [
    None, True, False, 0, -1, 2**31 - 1, 2**31, -2**31 - 1, 2**63 - 1, -2**63, 2**63, -2**200, 1.5, -0.0, math.inf,
    "", "grüße 漢字 🚀", "\x00", "\ud83d", [], {}, [[], {}], {"": None}, {"a": [1, {"b": "c"}]}, "x" * 100_000,
])
def test_plain_values_come_back_equal_and_of_the_same_type(value):
    back = _core.decode(_core.encode(value))
    assert back == value
    assert type(back) is type(value)
    assert math.copysign(1, back) == math.copysign(1, value) if isinstance(value, float) else True


def test_nan_stays_nan():
    assert math.isnan(_core.to_plain(math.nan))


def test_a_container_comes_back_as_a_fresh_object():
    value = {"a": [1]}
    back = _core.to_plain(value)
    assert back == value
    assert back is not value and back["a"] is not value["a"]


ID = uuid.uuid4()


@pytest.mark.parametrize(("value", "plain"), [
    ((1, (2,)), [1, [2]]),
    (Pair(1, "r"), [1, "r"]),
    (ID, str(ID)),
    (b"text", "text"),
    (bytearray(b"text"), "text"),
    (Color.RED, "red"),
    (Level.HIGH, 3),
    (Name("n"), "n"),
    (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (Data(1, (2, 3)), {"a": 1, "b": [2, 3]}),
    (Model(when=datetime.date(2026, 1, 31), inner=[1]), {"when": "2026-01-31", "inner": [1]}),
    ([Model(when=datetime.date(2026, 1, 31))], [{"when": "2026-01-31", "inner": []}]),
    (datetime.datetime(2026, 1, 31, 1, 2, 3, tzinfo=datetime.timezone.utc), "2026-01-31T01:02:03Z"),
    (decimal.Decimal("1.50"), "1.50"),
    ({1: "a", "b": 2}, {"1": "a", "b": 2}),
    ({ID: 1}, {str(ID): 1}),
    ({Color.RED: 1}, {"red": 1}),
], ids=lambda value: type(value).__name__)
def test_values_with_a_json_form_become_it(value, plain):
    _core.check_plain(value)
    assert _core.to_plain(value) == plain


def generator():
    yield 1


class Broken(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    held: object


@pytest.mark.parametrize(("value", "place", "words"), [
    ({"items": [1, 2, 3, {"when": object()}]}, "attributes.items[3].when", "type 'object' is not JSON-able"),
    ({"a b": lambda: 1}, 'attributes["a b"]', "type 'function'"),
    ({"x": b"\xff"}, "attributes.x", "not UTF-8"),
    ([generator()], "attributes[0]", "type 'generator'"),
    ([open], "attributes[0]", "builtin_function_or_method"),
    ([1, Broken(held=object())], "attributes[1]", "holds a value of type 'object'"),
    ({1: "a", "1": "b"}, "attributes", "two keys become the same text"),
    ({"k": {object(): 1}}, "attributes.k", "has no text form"),
    ({"\ud800": 1}, "attributes", "not valid Unicode"),
    ([ValueError("x")], "attributes[0]", "type 'ValueError'"),
], ids=range(10))
def test_a_refusal_names_the_place_and_the_type(value, place, words):
    with pytest.raises((TypeError, ValueError)) as refusal:
        _core.check_plain(value, "attributes")
    assert str(refusal.value).startswith(place + ": ")
    assert words in str(refusal.value)


def test_a_cycle_is_told_from_a_deep_value():
    cycle = {}
    cycle["again"] = [cycle]
    with pytest.raises(ValueError, match="contains itself"):
        _core.check_plain(cycle)
    deep = []
    for _ in range(199):
        deep = [deep]
    _core.check_plain(deep)
    with pytest.raises(ValueError, match="deeper than 200 levels"):
        _core.check_plain([[deep]])


@pytest.mark.parametrize("data", [
    b"", b"\x09\x05ab", b"\xff", b"\x00\x00", b"\x09\x01\xff", b"\x0b\xff\xff\xff\xff\x0f", b"\x09\x80\x00",
    b"\x0b\x01" * 300 + b"\x00",
])
def test_malformed_bytes_are_refused(data):
    with pytest.raises(ValueError, match="cannot be read"):
        _core.decode(data)


def random_value(source, depth=0):
    kind = source.randrange(8 if depth < 4 else 6)
    if kind < 6:
        return source.choice([
            None, True, False, source.randrange(-300, 300), source.getrandbits(40), -source.getrandbits(90),
            source.random(), "", "grüße", "x" * source.randrange(200), "\udc00",
        ])
    items = [random_value(source, depth + 1) for _ in range(source.randrange(5))]
    return items if kind == 6 else {f"k{index}": item for index, item in enumerate(items)}


def test_random_values_come_back_and_damaged_bytes_never_do_harm():
    source = random.Random(4)
    for _ in range(3000):
        value = random_value(source)
        data = _core.encode(value)
        assert _core.decode(data) == value
        damaged = bytearray(data)
        damaged[source.randrange(len(damaged))] = source.randrange(256)
        try:
            _core.decode(bytes(damaged))
            _core.decode(bytes(damaged[:source.randrange(len(damaged) + 1)]))
        except ValueError as error:
            assert str(error)


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "s", b"\xff", [1, [b"x"]], {"a": {"b": None}}])
def test_memory_takes_plain_values_and_bytes(value):
    _core.check_memory_value("path", value)


@pytest.mark.parametrize(("value", "message"), [
    ((1,), r"a\.b: memory cannot hold a value of type 'tuple'"),
    ({1, 2}, "type 'set'"),
    ([{"when": datetime.date(2026, 1, 1)}], r"a\.b\[0\]\.when: .*'datetime\.date'"),
    (Model(when=datetime.date(2026, 1, 1)), "Model"),
    ({1: 2}, "the key 1 is of type 'int'"),
])
def test_memory_refuses_what_would_come_back_as_something_else(value, message):
    with pytest.raises(TypeError, match=message):
        _core.check_memory_value("a.b", value)


class Restless(pydantic.BaseModel):
    """Does something when it is read."""

    _act: object = pydantic.PrivateAttr(default=None)

    @pydantic.model_serializer
    def read(self):
        self._act()
        return {}


def restless(act):
    value = Restless()
    value._act = act
    return value


def test_containers_that_serializers_change_are_refused():
    grows = {"a": 1}
    grows["b"] = restless(lambda: grows.update({str(len(grows)): 1}))
    grows["c"] = 1
    shrinks = []
    shrinks.extend([restless(shrinks.clear), 1])
    with pytest.raises(ValueError, match="^value: the dict was changed while it was read"):
        _core.encode(grows)
    with pytest.raises(ValueError, match=r"^value\.x\[0\]: the list was changed while it was read"):
        _core.encode({"x": (shrinks,)})


def test_a_dict_that_is_changed_behind_its_reader_is_taken_as_it_was():
    value = {"a": 1}
    value["b"] = restless(value.clear)
    assert _core.to_plain(value) == {"a": 1, "b": {}}


class Number:
    """As those of numpy."""

    def tolist(self):
        return 5


def test_values_of_numpy_are_refused_with_what_makes_them_plain():
    for refuse in (
        lambda: _core.encode({"n": [Number()]}), lambda: _core.check_memory_value("n", Number()),
        lambda: _core.key_text(Number()),
    ):
        with pytest.raises(TypeError, match=r"Number'.*; its method tolist\(\) makes a plain value of it$"):
            refuse()


@pytest.mark.parametrize("value", [map(str, [1]), zip([1]), iter([1]), (n for n in [1])], ids=lambda v: type(v).__name__)
def test_what_can_be_read_once_is_refused_and_not_used_up(value):
    with pytest.raises(TypeError, match=f"^value.rows: a value of type '{type(value).__name__}' can be read only once"):
        _core.check_plain({"rows": value})
    assert len(list(value)) == 1


def test_values_that_would_not_fit_into_a_message_are_refused_with_their_size():
    huge = "x" * (255 << 20)
    words = r": it has 26\d{7} bytes as plain data, and 267386880 are the most.* Keep what is large elsewhere"
    with pytest.raises(ValueError, match="^attributes" + words):
        _core.check_plain({"text": huge}, "attributes")
    with pytest.raises(ValueError, match=r"^a\.b" + words):
        _core.check_memory_value("a.b", huge)
