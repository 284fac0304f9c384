"""Parameters of tools that are filled by the framework instead of the model."""

from __future__ import annotations

import inspect
from enum import Enum
from typing import Callable

from pydantic import BaseModel


class ToolParameterSource(str, Enum):
    """Where the value of such a parameter comes from."""

    CONFIG = "config"
    SENSORY_MEMORY = "sensory_memory"
    SHORT_TERM_MEMORY = "short_term_memory"


class InjectedArg(BaseModel):
    """Where the value of one parameter comes from.

    Attributes
    ----------
    source
        Sensory memory unless told otherwise.
    key
        The configuration key or the path in memory; the name of the parameter if it is left out.
    """

    source: ToolParameterSource = ToolParameterSource.SENSORY_MEMORY
    key: str | None = None

    @staticmethod
    def from_config(key: str) -> InjectedArg:
        """Take a value of the configuration."""
        return InjectedArg(source=ToolParameterSource.CONFIG, key=key)

    @staticmethod
    def from_sensory_memory(path: str) -> InjectedArg:
        """Take a value of sensory memory."""
        return InjectedArg(source=ToolParameterSource.SENSORY_MEMORY, key=path)

    @staticmethod
    def from_short_term_memory(path: str) -> InjectedArg:
        """Take a value of short-term memory."""
        return InjectedArg(source=ToolParameterSource.SHORT_TERM_MEMORY, key=path)

    def with_default_key(self, key: str) -> InjectedArg:
        """Return this if it has a key, else the same with this one."""
        return self if self.key else InjectedArg(source=self.source, key=key)


def normalize_injected_args(
    injected_args: dict[str, InjectedArg | dict] | None,
) -> dict[str, InjectedArg]:
    """Return the declarations as objects, each with its key.

    Raises
    ------
    TypeError, ValueError
        If a declaration is neither an ``InjectedArg`` nor a dict of its fields.
    """
    result = {}
    for name, declared in (injected_args or {}).items():
        if not isinstance(name, str) or not name:
            msg = f"injected_args: the name of a parameter must be a text, not {name!r}."
            raise TypeError(msg)
        if isinstance(declared, dict):
            declared = InjectedArg(**declared)
        elif not isinstance(declared, InjectedArg):
            msg = (
                f"injected_args: '{name}' must be an InjectedArg, such as InjectedArg.from_config('key'), or a dict of "
                f"its fields, not a {type(declared).__name__}."
            )
            raise TypeError(msg)
        result[name] = declared.with_default_key(name)
    return result


def merge_injected_args(
    annotated_args: dict[str, InjectedArg] | None,
    declared_args: dict[str, InjectedArg] | None,
    *,
    tool_name: str,
) -> dict[str, InjectedArg]:
    """Return the declarations of two places together.

    Raises
    ------
    ValueError
        If both declare a parameter, differently.
    """
    result = dict(annotated_args or {})
    for name, declared in (declared_args or {}).items():
        if name in result and result[name] != declared:
            msg = (
                f"Tool '{tool_name}': its parameter '{name}' is injected in two ways, {result[name]!r} and "
                f"{declared!r}. Keep one of them."
            )
            raise ValueError(msg)
        result[name] = declared
    return result


def validate_injected_arg_names(func: Callable, injected_args: dict[str, InjectedArg]) -> None:
    """Check that a function has the parameters that shall be injected.

    Raises
    ------
    ValueError
        If it has not.
    """
    parameters = inspect.signature(func).parameters
    unknown = [name for name in injected_args if name not in parameters]
    if unknown:
        msg = (
            f"The tool {func.__module__}.{func.__qualname__} has no parameter {', '.join(unknown)}, which "
            f"injected_args names; its parameters are {', '.join(parameters) or 'none'}."
        )
        raise ValueError(msg)
