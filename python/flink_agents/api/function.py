"""Functions by name, which is how they travel."""

from __future__ import annotations

import importlib
import sys
from abc import ABC
from typing import Any, Callable, List, Tuple

from pydantic import BaseModel, ConfigDict, PrivateAttr

ACTION_PARAMETER_TYPES: Tuple[str, ...] = (
    "org.apache.flink.agents.api.Event",
    "org.apache.flink.agents.api.context.RunnerContext",
)


class Function(BaseModel, ABC):
    """A function of some language."""

    model_config = ConfigDict(defer_build=True)


class PythonFunction(Function):
    """A Python function.

    Attributes
    ----------
    module
        The module that has it.
    qualname
        Its name there: ``func``, ``Class.func``, or deeper.
    """

    module: str
    qualname: str

    # The function itself where it was made from one. It does not travel.
    _func: Any = PrivateAttr(default=None)

    @staticmethod
    def from_callable(func: Callable) -> PythonFunction:
        """Name a function.

        Raises
        ------
        TypeError
            If it is not a Python function or static method, if it is a lambda, or if it captures variables of an
            enclosing function: a worker process could not make it again.
        """
        func = _unwrap(func)
        _check_nameable(func)
        # Nothing to validate, and the first validator of a program costs it tens of milliseconds.
        result = PythonFunction.model_construct(module=func.__module__, qualname=func.__qualname__)
        result._func = func
        return result

    def as_callable(self) -> Callable:
        """Return the function, importing its module if need be.

        Raises
        ------
        ImportError
            If it cannot be found; the message tells module, name and remedy.
        """
        if self._func is None:
            self._func = _find(self.module, self.qualname)
        return self._func


class JavaFunction(Function):
    """A public static Java method.

    Attributes
    ----------
    qualname
        The binary name of the class (``package.Outer$Inner``).
    method_name
        The name of the method.
    parameter_types
        The types of its parameters, by full names; primitives as ``int``, ``long`` ….
    """

    qualname: str
    method_name: str
    parameter_types: List[str]

    @classmethod
    def for_action(cls, qualname: str, method_name: str) -> JavaFunction:
        """Name a method that is an action: ``(Event, RunnerContext)``."""
        return cls(qualname=qualname, method_name=method_name, parameter_types=list(ACTION_PARAMETER_TYPES))


def describe_function(func: Any) -> str:
    """Return module, name, file and line of a function, for messages."""
    func = _unwrap(func)
    name = f"{getattr(func, '__module__', '?')}.{getattr(func, '__qualname__', repr(func))}"
    code = getattr(func, "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code is not None else name


_NO_CODE = (lambda: None).__code__


def _unwrap(func: Any) -> Any:
    return func.__func__ if isinstance(func, staticmethod) else func


def _check_nameable(func: Any) -> None:
    if not callable(func):
        msg = f"{func!r} is not a function."
        raise TypeError(msg)
    if getattr(func, "__self__", None) is not None and not isinstance(func.__self__, type(sys)):
        msg = (
            f"{describe_function(func)} is a method bound to {type(func.__self__).__name__}. Functions travel by "
            "name, without their object: use a function of a module or a static method."
        )
        raise TypeError(msg)
    if not isinstance(getattr(func, "__qualname__", None), str) or not isinstance(
        getattr(func, "__module__", None), str
    ):
        msg = (
            f"{func!r} (a {type(func).__name__}) has no name to find it by. Functions travel by name: "
            "write it with 'def' in a module."
        )
        raise TypeError(msg)
    if "<lambda>" in func.__qualname__:
        msg = (
            f"{describe_function(func)} is a lambda. Functions travel by name, and a lambda has none: "
            "write it with 'def' in a module."
        )
        raise TypeError(msg)
    if "<locals>" not in func.__qualname__:
        # Found in its module whatever it captures, as what decorators made with functools.wraps.
        return
    inner = func
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    captured = [name for name in getattr(inner, "__code__", _NO_CODE).co_freevars if name != "__class__"]
    if captured:
        msg = (
            f"{describe_function(func)} captures {', '.join(captured)} of the function around it. Functions travel "
            "by name, without what they capture: define it in a module, and pass such values by the action's "
            "configuration (add_action(…, name=value)), memory, a resource or an event. (A decorator keeps the name "
            "of the function it wraps with functools.wraps.)"
        )
        raise TypeError(msg)


def _find(module: str, qualname: str) -> Callable:
    if "<locals>" in qualname:
        msg = (
            f"{module}.{qualname} is defined inside a function and cannot be imported: define it in a module."
        )
        raise ImportError(msg)
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        msg = (
            f"The function {qualname} cannot be loaded, because its module {module} cannot be imported here "
            f"({type(error).__name__}: {error}). Put the module where this Python finds it: install it in "
            "the interpreter of the workers, or pass it with -pyfs (env.add_python_file), its requirements with -pyreq."
        )
        raise ImportError(msg) from error
    walked = module
    for part in qualname.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            version = getattr(sys.modules.get(module), "__file__", None)
            where = f" (loaded from {version})" if version else ""
            msg = (
                f"The function {qualname} cannot be loaded: {walked}{where} has no {part}. Is the module here "
                "the one that the agent was built with?"
            )
            raise ImportError(msg) from error
        walked = f"{walked}.{part}"
    if not callable(found):
        msg = f"{module}.{qualname} is a {type(found).__name__}, not a function."
        raise ImportError(msg)
    return found
