"""What the journal keeps of durable calls: function and arguments to know a call by, result or exception to replay.

Results and exceptions are pickled, by protocol 5, so that they come back with their types. An exception whose class cannot be
made anew from its arguments comes back without its constructor being called; its cause, context and traceback do not.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from flink_agents.runtime.callables import name_of

if TYPE_CHECKING:
    from collections.abc import Callable

PROTOCOL = 5

# Pickle's code for a class or function. Where it does not occur there is plain data, which always comes back.
_CLASS = b"\x93"

# Answers of the core to a call.
EXECUTE, RECONCILE, RETURN, RAISE, WAIT = range(5)


class NotRecordableError(RuntimeError):
    """What a durable call brought cannot be written to the journal. The run ends: the action must not go on with it."""


_AGAIN = (
    "The call was made, and nothing is recorded of it: when the run is started again, it is made again, with the same "
    "idempotency key."
)


def result_record(func: Callable[..., Any], result: Any, most: int, *, verify: bool = False) -> bytes:
    """Return the record of a result.

    Parameters
    ----------
    verify
        Whether what would come back is compared with the result: option ``values.verify``.
    """
    try:
        record = _pickled(result, verify=verify)
    except Exception as error:
        path, part = _culprit("result", result, verify)
        where = "" if part is result else f" with a part of type '{type(part).__name__}' at {path},"
        msg = (
            f"Durable call '{name_of(func)}' returned a value of type '{type(result).__name__}'{where or ','} which cannot be "
            f"recorded: {type(error).__name__}: {error}. Let the function return what pickle can write and read: plain data, or "
            f"objects of classes that stand in a module. {_AGAIN}"
        )
        raise NotRecordableError(msg) from error
    _check_size(func, f"a value of type '{type(result).__name__}'", record, most)
    return record


def _pickled(value: Any, *, verify: bool) -> bytes:
    """Return the bytes of a value that can be read again: later its run could never go on."""
    record = pickle.dumps(value, PROTOCOL)
    if _CLASS in record:
        try:
            back = pickle.loads(record)
        except Exception as error:
            msg = f"it cannot be read back ({type(error).__name__}: {error})"
            raise ValueError(msg) from error
        if type(back) is not type(value):
            msg = f"it comes back as a value of type '{type(back).__name__}'"
            raise TypeError(msg)
        # What is not equal to itself when it has been read twice (nan, objects without __eq__) tells nothing by its equality.
        if verify and not _equal(value, back) and _equal(back, pickle.loads(record)):
            msg = "it comes back as another value, by ==; found by values.verify. Check its __eq__ and what pickle keeps of it"
            raise ValueError(msg)
    return record


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:
        # Such as arrays, which compare each part for itself: that it came back at all must do.
        return True


def _culprit(path: str, value: Any, verify: bool, depth: int = 0) -> tuple[str, Any]:
    """Return the part of a value that cannot be recorded though its own parts can, and the path to it."""
    if isinstance(value, dict):
        parts = [(f"{path}[{key!r}]", part) for key, part in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
    else:
        parts = [(f"{path}.{name}", part) for name, part in getattr(value, "__dict__", {}).items()]
    for where, part in parts if depth < _DEEPEST else ():
        try:
            _pickled(part, verify=verify)
        except Exception:
            return _culprit(where, part, verify, depth + 1)
    return path, value


_DEEPEST = 50


def failure_record(func: Callable[..., Any], failure: BaseException, most: int) -> bytes:
    """Return the record of what a call raised."""
    record = None
    try:
        record = pickle.dumps(failure, PROTOCOL)
        # Many exceptions can be written and not be read: their constructors want other arguments than they pass on.
        if type(pickle.loads(record)) is not type(failure):
            record = None
    except Exception:
        record = None
    if record is None:
        try:
            record = pickle.dumps(_Bare(type(failure), failure.args, failure.__dict__), PROTOCOL)
            pickle.loads(record)
        except Exception as error:
            msg = (
                f"Durable call '{name_of(func)}' raised {type(failure).__name__}, which cannot be recorded: "
                f"{type(error).__name__}: {error}. Let the function raise an exception whose class stands in a module and whose "
                f"arguments and attributes pickle can write. {_AGAIN}"
            )
            raise NotRecordableError(msg) from failure
    _check_size(func, f"an exception of type '{type(failure).__name__}'", record, most)
    return record


def read_record(func: Callable[..., Any], record: bytes) -> Any:
    """Return the value of a record.

    Raises
    ------
    NotRecordableError
        If it cannot be read any more.
    """
    try:
        value = pickle.loads(record)
    except Exception as error:
        msg = (
            f"What durable call '{name_of(func)}' brought is in the journal and cannot be read: {type(error).__name__}: {error}. "
            "Was a class that it needs removed or renamed? Bring it back, or start anew: without Flink under another name, on "
            "Flink as another job."
        )
        raise NotRecordableError(msg) from error
    return value


def _check_size(func: Callable[..., Any], what: str, record: bytes, most: int) -> None:
    # Besides it a record has function, place and key.
    size = len(record) + _REST
    if size > most:
        msg = (
            f"Durable call '{name_of(func)}' brought {what} of {len(record):,} bytes, and a record of the journal has at most "
            f"{most:,}. Let the function return less, for instance where it stored the rest, or raise "
            f"action-state.max-record-size. {_AGAIN}"
        )
        raise NotRecordableError(msg)


_REST = 4096


class _Bare:
    """Stands for an exception in a record, without its constructor."""

    def __init__(self, kind: type[BaseException], args: tuple, fields: dict[str, Any]) -> None:
        self._parts = (kind, args, fields)

    def __reduce__(self) -> Any:
        return _exception, self._parts


def _exception(kind: type[BaseException], args: tuple, fields: dict[str, Any]) -> BaseException:
    made = kind.__new__(kind, *args)
    made.args = args
    made.__dict__.update(fields)
    return made
