"""What actions and durable calls call, and what may come of it."""

from __future__ import annotations

import inspect
from functools import partial
from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any

from flink_agents.api.runner_context import AsyncExecutionResult

if TYPE_CHECKING:
    from flink_agents.runtime.executor import Action


def is_async(func: Any) -> bool:
    """Whether what a call of it returns has to be awaited."""
    if func.__class__ is FunctionType and not func.__dict__:
        return bool(func.__code__.co_flags & inspect.CO_COROUTINE)
    while isinstance(func, partial):
        func = func.func
    if inspect.iscoroutinefunction(func):
        return True
    return not isinstance(func, type) and inspect.iscoroutinefunction(getattr(func, "__call__", None))


def name_of(func: Any) -> str:
    """Return module and name of a function, for messages."""
    while isinstance(func, partial):
        func = func.func
    name = getattr(func, "__qualname__", None)
    if not isinstance(name, str):
        func = type(func)
        name = func.__qualname__
    return f"{getattr(func, '__module__', None) or 'builtins'}.{name}"


def identity_of(func: Any) -> str:
    """Return what journals know a function by, and behind a NUL each what they may know it by besides."""
    declared = getattr(func, "_identity", None)
    while declared is None and isinstance(func, partial):
        func = func.func
        declared = getattr(func, "_identity", None)
    name = name_of(func)
    if declared is None:
        return name
    own, former = declared
    return "\0".join((own or name, name, *former))


def check_call(func: Any, reconciler: Any) -> None:
    """Refuse what is no call.

    Raises
    ------
    TypeError
        With what to write instead.
    """
    if not callable(func):
        if isinstance(func, CoroutineType):
            # This error is enough: no warning that it was never awaited.
            func.close()
        msg = (
            f"A durable call takes a function and its arguments, not {func!r}; write durable_execute(f, x), not "
            "durable_execute(f(x))."
        )
        raise TypeError(msg)
    if reconciler is not None:
        _check_reconciler(reconciler)


def _check_reconciler(reconciler: Any) -> None:
    if not callable(reconciler):
        msg = f"reconciler must be a function without parameters, not {reconciler!r}."
        raise TypeError(msg)
    try:
        signature = inspect.signature(reconciler)
    except ValueError:
        # Built-in functions may not tell.
        return
    try:
        signature.bind()
    except TypeError as error:
        msg = (
            f"reconciler must be a function without parameters, and {name_of(reconciler)}{signature} needs some; write "
            "reconciler=lambda: f(x)."
        )
        raise TypeError(msg) from error


def check_result(func: Any, result: Any) -> Any:
    """Return the result of a blocking call; a coroutine is refused, since nobody would run it."""
    if result.__class__ is not CoroutineType:
        return result
    result.close()
    msg = (
        f"Durable call '{name_of(func)}' returned a coroutine ({result.__qualname__}), which cannot be its result. Give "
        "durable_execute_async the 'async def' function itself, and its arguments."
    )
    raise TypeError(msg)


def check_outcome(action: Action, result: Any) -> None:
    """Refuse a result that still has to be run: what an action returns is dropped."""
    what = None
    if inspect.isawaitable(result):
        what = "something to await"
        remedy = "Await it in the action" if action.is_async else "Write the action as 'async def', and await it there"
    elif inspect.isgenerator(result) or inspect.isasyncgen(result):
        what, remedy = "a generator", "Go through it in the action"
    if what is None:
        return
    if hasattr(result, "close"):
        # This error is enough: no warning that it was never awaited.
        result.close()
    kind = AsyncExecutionResult if isinstance(result, AsyncExecutionResult) else type(result)
    msg = (
        f"Action '{action.name}' returned {what} ({kind.__name__}), which nobody would run: what an action "
        f"returns is dropped. {remedy}."
    )
    raise TypeError(msg)
