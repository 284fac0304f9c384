"""Functions as plans write them."""

from __future__ import annotations

import inspect
import logging
import sys
import typing
from typing import Any, Callable, Dict

from flink_agents.api.function import Function, JavaFunction, PythonFunction, describe_function

logger = logging.getLogger(__name__)


def function_to_json(function: Function) -> Dict[str, Any]:
    """Return the plan form of a function."""
    if isinstance(function, PythonFunction):
        return {"func_type": "PythonFunction", "module": function.module, "qualname": function.qualname}
    return {"func_type": type(function).__name__, **function.model_dump()}


def function_from_json(data: Dict[str, Any]) -> Function:
    """Return the function of a plan form."""
    fields = {key: value for key, value in data.items() if key != "func_type"}
    if data.get("func_type") == "PythonFunction":
        if fields.keys() == {"module", "qualname"} and all(isinstance(value, str) for value in fields.values()):
            return PythonFunction.model_construct(**fields)
        return PythonFunction(**fields)
    if data.get("func_type") == "JavaFunction":
        return JavaFunction(**fields)
    msg = f"A plan names a function of type {data.get('func_type')!r}; known are PythonFunction and JavaFunction."
    raise ValueError(msg)


def check_target(where: str, target: Any) -> Function:
    """Check the function that an action is redirected to.

    Raises
    ------
    TypeError
        If it is no function of ``flink_agents.api.function``.
    ValueError
        If a part of its name is empty.
    """
    if not isinstance(target, (PythonFunction, JavaFunction)):
        msg = (
            f"{where}: target must be a PythonFunction or a JavaFunction of flink_agents.api.function, "
            f"not {target!r}."
        )
        raise TypeError(msg)
    for name, value in target.model_dump().items():
        if name != "parameter_types" and not value.strip():
            msg = f"{where}: {name} of its target {type(target).__name__} is empty. Name the function."
            raise ValueError(msg)
    return target


def check_action_signature(where: str, func: Callable) -> None:
    """Check that a function can be called as an action: ``(event: Event, ctx: RunnerContext)``.

    Raises
    ------
    TypeError
        If it cannot; the message tells the signature that it has.
    """
    described = describe_function(func)
    wanted = "An action is a static method or function 'def name(event: Event, ctx: RunnerContext) -> None'"
    try:
        signature = inspect.signature(func)
    except (TypeError, ValueError):
        msg = f"{where}: {described} has no signature that can be read. {wanted}, written in Python."
        raise TypeError(msg) from None
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        msg = (
            f"{where}: {described} is a generator; nothing would run it. {wanted}: send events with "
            "ctx.send_event(…) instead of 'yield'."
        )
        raise TypeError(msg)
    parameters = list(signature.parameters.values())
    allowed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len(parameters) != 2 or any(p.kind not in allowed for p in parameters):
        hint = ""
        if parameters and parameters[0].name in ("self", "cls"):
            hint = f" Put @staticmethod on it and drop '{parameters[0].name}': actions have no object of the agent."
        msg = f"{where}: {described} has the signature {signature}. {wanted}.{hint}"
        raise TypeError(msg)
    hints = _hints(func)
    for parameter, name in zip(parameters, ("Event", "RunnerContext")):
        annotation = hints.get(parameter.name, inspect.Parameter.empty)
        if annotation is not inspect.Parameter.empty and not _is(annotation, name):
            hint = ""
            if isinstance(annotation, type) and any(base.__name__ == name for base in annotation.__mro__[1:]):
                shown = annotation.__name__
                hint = f" Events arrive as Event: annotate it so, and use {shown}.from_event({parameter.name})."
                if name != "Event":
                    hint = f" Annotate it as {name}."
            msg = (
                f"{where}: the parameter '{parameter.name}' of {described} is annotated "
                f"{_name(annotation)}, not {name}. {wanted}.{hint}"
            )
            raise TypeError(msg)
    returned = hints.get("return")
    if returned is not None and returned is not type(None) and returned not in ("None", inspect.Parameter.empty):
        logger.warning(
            "%s: %s is annotated to return %s, but what an action returns is dropped; send it with ctx.send_event(…).",
            where,
            described,
            _name(returned),
        )


def _hints(func: Callable) -> Dict[str, Any]:
    try:
        return typing.get_type_hints(func)
    except Exception:
        # Names under TYPE_CHECKING cannot be looked up; their last part still tells what is meant.
        return dict(getattr(func, "__annotations__", {}))


def _is(annotation: Any, name: str) -> bool:
    from flink_agents.api.events.event import Event
    from flink_agents.api.runner_context import RunnerContext

    if annotation is Any or annotation is object:
        return True
    if isinstance(annotation, str):
        return annotation.strip("'\" ").rsplit(".", 1)[-1] in (name, "Any", "object")
    return annotation is (Event if name == "Event" else RunnerContext)


def _name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def travel_problem(function: Function) -> str | None:
    """Return why a function cannot be found by another process and what to do; ``None`` if it can."""
    if not isinstance(function, PythonFunction):
        return None
    name = f"{function.module}.{function.qualname}"
    if function.module in ("__main__", "__mp_main__"):
        return (
            f"{name} is defined in the program that was started, which the workers do not import. Move the agent into "
            "a module, import it in the program, and submit that module too (flink run --python … -pyfs <directory>, "
            "or env.add_python_file)"
        )
    if "<locals>" in function.qualname:
        return f"{name} is defined inside a function, where the workers cannot find it. Move it to the top of a module"
    if function._func is not None:
        found: Any = sys.modules.get(function.module)
        for part in function.qualname.split("."):
            found = getattr(found, part, None)
        if not callable(found):
            return (
                f"{describe_function(function._func)} cannot be found again by its name: {name} is not there any more. "
                "Give it a name of its own in its module, and do not delete or replace it"
            )
    return None
