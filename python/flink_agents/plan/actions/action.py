"""Actions as plans hold them."""

from __future__ import annotations

import importlib
import json
from typing import Any, Dict, List, Sequence, Tuple

from pydantic import BaseModel

from flink_agents.api.function import Function
from flink_agents.plan.function import function_from_json, function_to_json

_TYPE = "__config_type__"
_MODEL = "__pydantic_model__"


class Action:
    """An action: a function, when it runs, and its configuration.

    Attributes
    ----------
    name
        Its name.
    exec
        The function.
    trigger_conditions
        Event types and conditions.
    id
        What journals and savepoints know it by, if that is declared.
    former_names
        What they may know it by besides, the oldest first.
    """

    __slots__ = ("_config", "_encoded", "exec", "former_names", "id", "name", "trigger_conditions")

    def __init__(
        self,
        name: str,
        exec: Function,
        trigger_conditions: List[str],
        config: Dict[str, Any] | None = None,
        identity: Tuple[str | None, Sequence[str]] = (None, ()),
    ) -> None:
        self.name = name
        self.exec = exec
        self.trigger_conditions = trigger_conditions
        self.id, self.former_names = identity[0], list(identity[1])
        self._config = config
        self._encoded: Dict[str, Any] | None = None

    @property
    def config(self) -> Dict[str, Any] | None:
        """What ``ctx.action_config`` returns: name to value, or ``None``.

        In a plan that was read, classes of its values are imported when this is first asked for.

        Raises
        ------
        ImportError
            If a class cannot be imported; the message names action, configuration and class.
        """
        if self._config is None and self._encoded is not None:
            read = _java_value if self._encoded.get(_TYPE) == "java" else _python_value
            self._config = {
                key: read(f"Action '{self.name}', config.{key}", value)
                for key, value in self._encoded.items()
                if key != _TYPE
            }
        return self._config

    def to_json(self) -> Dict[str, Any]:
        """Return the plan form.

        Raises
        ------
        TypeError
            If a value of the configuration is no JSON; the message has the path to it.
        """
        config = self._encoded
        if config is None and self._config is not None:
            config = {_TYPE: "python"}
            for key, value in self._config.items():
                if key == _TYPE:
                    msg = f"Action '{self.name}': the configuration name {_TYPE} is reserved. Rename it."
                    raise ValueError(msg)
                config[key] = _config_value(self.name, f"config.{key}", value)
        declared: Dict[str, Any] = {} if self.id is None else {"id": self.id}
        if self.former_names:
            declared["former_names"] = self.former_names
        return {
            "name": self.name,
            **declared,
            "exec": function_to_json(self.exec),
            "trigger_conditions": self.trigger_conditions,
            "config": config,
        }

    @staticmethod
    def from_json(data: Dict[str, Any]) -> Action:
        """Return the action of a plan form. Objects of Java in its configuration are read as their JSON."""
        identity = (data.get("id"), data.get("former_names") or ())
        result = Action(
            data["name"], function_from_json(data["exec"]), data["trigger_conditions"], identity=identity
        )
        result._encoded = data.get("config")
        return result


def _config_value(action: str, path: str, value: Any) -> Any:
    if isinstance(value, BaseModel):
        try:
            fields = json.loads(value.model_dump_json())
        except Exception as error:
            msg = f"Action '{action}', {path}: the {type(value).__name__} cannot be written as JSON: {error}"
            raise TypeError(msg) from error
        cls = type(value)
        if "<locals>" in cls.__qualname__:
            msg = (
                f"Action '{action}', {path}: the class {cls.__module__}.{cls.__qualname__} is defined inside a "
                "function, so the value cannot be made again where the agent runs. Move the class to a module."
            )
            raise TypeError(msg)
        return {_MODEL: True, "module": cls.__module__, "class": cls.__qualname__, "value": fields}
    # Subclasses, such as enums of texts, would come back as plain texts.
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list):
        return [_config_value(action, f"{path}[{i}]", element) for i, element in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                msg = f"Action '{action}', {path}: the key {key!r} is no text, so it cannot be written as JSON."
                raise TypeError(msg)
        return {key: _config_value(action, f"{path}.{key}", element) for key, element in value.items()}
    hint = "a text, number, Boolean, list, dict with text keys, or pydantic model"
    if isinstance(value, tuple):
        hint = "a list, which a tuple would become"
    elif callable(value):
        hint = "the name of the function or class"
    msg = (
        f"Action '{action}', {path}: a {type(value).__module__}.{type(value).__qualname__} cannot travel in a plan. "
        f"Give {hint}."
    )
    raise TypeError(msg)


def _python_value(where: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_python_value(where, element) for element in value]
    if not isinstance(value, dict):
        return value
    if value.get(_MODEL) is True:
        name = f"{value['module']}.{value['class']}"
        try:
            found: Any = importlib.import_module(value["module"])
            for part in value["class"].split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            msg = (
                f"{where}: the class {name} cannot be imported here ({error}). Put its module where this Python finds "
                "it, as that of the action."
            )
            raise ImportError(msg) from error
        return found.model_validate(value["value"])
    return {key: _python_value(where, element) for key, element in value.items()}


def _java_value(where: str, value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"@class", "value"}:
        return value["value"]
    return value
