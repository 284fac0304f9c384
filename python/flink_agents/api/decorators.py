"""Decorators that mark the members of an agent class. They go on static methods; the order with ``@staticmethod``
does not matter. A marked member is found by the compiler of plans when the agent is applied.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Callable, Sequence, Type

from flink_agents.api.function import describe_function

if TYPE_CHECKING:
    from types import FrameType

    from flink_agents.api.function import Function
    from flink_agents.api.tools.tool_parameter_injection import InjectedArg


def action(*trigger_conditions: str, target: Function | None = None) -> Callable:
    """Mark a static method ``(event: Event, ctx: RunnerContext) -> None`` as an action.

    Parameters
    ----------
    *trigger_conditions
        When it runs: event types and conditions (CEL) on events; one that holds is enough.
    target
        Another function to run instead, such as a ``JavaFunction``; the decorated one is then only a placeholder.

    Raises
    ------
    TypeError
        If a trigger condition is no text.
    ValueError
        If the class body has an action of that name already.
    """
    for condition in trigger_conditions:
        if not isinstance(condition, str):
            hint = ""
            if isinstance(condition, type):
                hint = " Write its EVENT_TYPE."
            elif callable(condition) or isinstance(condition, staticmethod):
                hint = " Write @action(…) with the trigger conditions, not bare @action."
            msg = (
                f"A trigger condition must be an event type or a condition as text, not {condition!r} "
                f"(a {type(condition).__name__}).{hint}"
            )
            raise TypeError(msg)

    def mark(func: Callable) -> Callable:
        _refuse_second(func, "_is_action", "action")
        _mark(func, _is_action=True, _trigger_conditions=list(trigger_conditions), _target=target)
        return func

    return mark


def identity(id: str | None = None, *, former_names: Sequence[str] = ()) -> Callable:
    """Say by what journals and savepoints know an action, or a function that is called durably.

    So it can be renamed while runs of it are unfinished. For an action it stands beside ``@action``, or on the function that
    ``add_action`` gets. An action is known by its name otherwise, a function by its module and name, as in ``shop.orders.pay``.

    Parameters
    ----------
    id
        What it is known by from now on. Without it that is, for an action, the first of its former names.
    former_names
        What it was known by before, the oldest first: what was written under one of these names is found.

    Raises
    ------
    TypeError
        If one of them is no text.
    ValueError
        If one of them is blank.
    """
    names = [*(() if id is None else (id,)), *((former_names,) if isinstance(former_names, str) else former_names)]
    for name in names:
        if not isinstance(name, str) or isinstance(former_names, str):
            msg = f"@identity takes an id as text and former_names as a list of texts, not {former_names or name!r}."
            raise TypeError(msg)
        if not name.strip() or "\0" in name:
            msg = f"@identity: {name!r} is no name; give what the journal has, or leave it out."
            raise ValueError(msg)

    def mark(func: Callable) -> Callable:
        _mark(func, _identity=(id, tuple(former_names)))
        return func

    return mark


def chat_model_connection(func: Callable) -> Callable:
    """Mark a static method that returns the ``ResourceDescriptor`` of a chat model connection of the same name."""
    return _resource(func, "_is_chat_model_connection")


def chat_model_setup(func: Callable) -> Callable:
    """Mark a static method that returns the ``ResourceDescriptor`` of a chat model of the same name."""
    return _resource(func, "_is_chat_model_setup")


def embedding_model_connection(func: Callable) -> Callable:
    """Mark a static method that returns the ``ResourceDescriptor`` of an embedding model connection."""
    return _resource(func, "_is_embedding_model_connection")


def embedding_model_setup(func: Callable) -> Callable:
    """Mark a static method that returns the ``ResourceDescriptor`` of an embedding model."""
    return _resource(func, "_is_embedding_model_setup")


def tool(
    func: Callable | None = None,
    *,
    injected_args: dict[str, InjectedArg | dict] | None = None,
) -> Callable:
    """Mark a static method as a tool that models can call: ``@tool`` or ``@tool(injected_args={…})``.

    Parameters
    ----------
    func
        The tool. What the model is told comes from its docstring and its annotations.
    injected_args
        Parameters that are not the model's to fill: name to where the value comes from.
    """

    def mark(decorated: Callable) -> Callable:
        _resource(decorated, "_is_tool")
        _mark(decorated, _injected_args=dict(injected_args or {}))
        return decorated

    return mark if func is None else mark(func)


def prompt(func: Callable) -> Callable:
    """Mark a static method that returns the ``Prompt`` of the same name."""
    return _resource(func, "_is_prompt")


def mcp_server(func: Callable) -> Callable:
    """Mark a static method that returns the ``ResourceDescriptor`` of an MCP server."""
    return _resource(func, "_is_mcp_server")


def vector_store(func: Callable) -> Callable:
    """Mark a static method that returns the ``ResourceDescriptor`` of a vector store."""
    return _resource(func, "_is_vector_store")


def skills(func: Callable) -> Callable:
    """Mark a static method that returns ``Skills``; those of all such methods are merged."""
    return _resource(func, "_is_skills")


def java_resource(cls: Type) -> Type:
    """Mark a resource class as the wrapper of one written in Java, whose class is the argument ``java_clazz``."""
    cls._is_java_resource = True
    return cls


def _resource(func: Callable, marker: str) -> Callable:
    _refuse_second(func, marker, marker.removeprefix("_is_"))
    _mark(func, **{marker: True})
    return func


def _mark(func: Any, **marks: Any) -> None:
    inner = func.__func__ if isinstance(func, (staticmethod, classmethod)) else func
    for name, value in marks.items():
        setattr(inner, name, value)
        if inner is not func:
            setattr(func, name, value)


def _refuse_second(func: Any, marker: str, kind: str) -> None:
    """Refuse a second definition of a name in one class body: Python drops the first one without a word."""
    inner = func.__func__ if isinstance(func, (staticmethod, classmethod)) else func
    name = getattr(inner, "__name__", "")
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals is globals():
        frame = frame.f_back
    if frame is None or "__qualname__" not in frame.f_locals or "__module__" not in frame.f_locals:
        return
    earlier = frame.f_locals.get(name)
    if earlier is not None and earlier is not func and getattr(earlier, marker, False):
        msg = (
            f"{frame.f_locals['__module__']}.{frame.f_locals['__qualname__']} defines the {kind} '{name}' twice: "
            f"{describe_function(earlier)} and {describe_function(func)}. Rename one of them."
        )
        raise ValueError(msg)
