"""Results of durable calls: what pickle can write and cannot read is refused when it is written, not when it is needed."""

import pickle
from dataclasses import dataclass

import pytest

from flink_agents.runtime.recording import NotRecordableError, read_record, result_record

MOST = 1 << 20


@dataclass
class Receipt:
    number: int
    lines: list


class Demanding(Exception):
    """Wants another argument than it passes on."""

    def __init__(self, code, *, detail):
        super().__init__(f"{code}: {detail}")


class Shrinks:
    """Comes back as what it stands for."""

    def __reduce__(self):
        return int, (7,)


class Fragile:
    """Refuses its own state."""

    def __setstate__(self, state):
        msg = "no such state"
        raise KeyError(msg)

    def __init__(self):
        self.state = 1


def call():
    """Stand for the function whose result it is."""


@pytest.mark.parametrize(
    "result",
    [None, 1, 1.5, "\x93", b"\x93", [1, {"a": (2,)}], {3, 4}, Receipt(1, [Receipt(2, [])]), ValueError("as a result"), int],
)
def test_results_come_back_as_they_were(result) -> None:
    back = read_record(call, result_record(call, result, MOST))
    assert type(back) is type(result)
    assert repr(back) == repr(result)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (Demanding(7, detail="x"), "cannot be read back .TypeError: .*detail"),
        ([{"deep": Demanding(7, detail="x")}], "cannot be read back"),
        (Fragile(), "cannot be read back .KeyError: 'no such state'"),
        (Shrinks(), "comes back as a value of type 'int'"),
    ],
)
def test_what_does_not_come_back_is_refused_when_it_is_written(result, why) -> None:
    assert pickle.dumps(result)
    with pytest.raises(NotRecordableError, match=why) as caught:
        result_record(call, result, MOST)
    assert f"{__name__}.call" in str(caught.value)


class Forgets(Receipt):
    """Comes back without its lines."""

    def __reduce__(self):
        return Forgets, (self.number, [])


class Nameless:
    """Is equal to itself only."""


class Parts:
    """Compares each part for itself, as arrays do."""

    def __init__(self, *parts):
        self.parts = parts

    def __eq__(self, other):
        return Parts(*(one == two for one, two in zip(self.parts, other.parts, strict=True)))

    def __bool__(self):
        msg = "which of them?"
        raise ValueError(msg)

    __hash__ = None


def test_what_comes_back_as_another_value_is_found_where_that_is_asked_for() -> None:
    result = {"receipts": [Receipt(1, ["a"]), Forgets(2, ["b"])]}
    back = read_record(call, result_record(call, result, MOST))
    assert back != result
    with pytest.raises(NotRecordableError, match="comes back as another value, by ==; found by values.verify") as caught:
        result_record(call, result, MOST, verify=True)
    assert "with a part of type 'Forgets' at result['receipts'][1]" in str(caught.value)


def test_what_equality_cannot_tell_is_not_refused() -> None:
    nan = float("nan")
    for result in (nan, [nan], Receipt(1, [nan]), Nameless(), [Nameless()], Parts(1, nan), ValueError("x"), {Nameless()}):
        back = read_record(call, result_record(call, result, MOST, verify=True))
        assert type(back) is type(result)
    for result in (Receipt(1, [Receipt(2, [])]), [Receipt(1, [])], {1: {Receipt}}):
        assert read_record(call, result_record(call, result, MOST, verify=True)) == result
