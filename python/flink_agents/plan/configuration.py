"""The configuration of an agent, and where its values come from."""

from __future__ import annotations

import json
import logging
import os
from enum import Enum
from pathlib import Path
from typing import Any, Dict, List, Mapping

from flink_agents.api.configuration import ConfigOption, Configuration
from flink_agents.api.version_compatibility import flink_version_manager

logger = logging.getLogger(__name__)

_PLAIN = (bool, int, float, str)


class AgentConfiguration(Configuration):
    """A flat map from dotted key to plain value: text, number, Boolean, or a list of these.

    Enum constants are kept by their value. Not safe for use by several threads while it is changed.

    Parameters
    ----------
    conf_data
        The first values; nested maps are flattened: ``{"chat": {"async": False}}`` is ``chat.async: False``.
    """

    def __init__(self, conf_data: Mapping[str, Any] | None = None) -> None:
        self._values: Dict[str, Any] = {}
        self._flatten("", conf_data or {})

    def _flatten(self, prefix: str, nested: Mapping[str, Any]) -> None:
        for key, value in nested.items():
            if isinstance(value, Mapping):
                self._flatten(f"{prefix}{key}.", value)
            else:
                self.set_value(f"{prefix}{key}", value)

    @property
    def conf_data(self) -> Dict[str, Any]:
        """All values: a copy, in the order in which the keys were first set."""
        return dict(self._values)

    def set_value(self, key: str, value: Any) -> None:
        """Set the value of a key.

        Raises
        ------
        TypeError
            If it is not a plain one.
        """
        if not isinstance(key, str) or not key:
            msg = f"A configuration key must be a text that is not empty, not {key!r}."
            raise TypeError(msg)
        self._values[key] = _plain(key, value)

    def set_str(self, key: str, value: str) -> None:
        self.set_value(key, value)

    def set_int(self, key: str, value: int) -> None:
        self.set_value(key, value)

    def set_float(self, key: str, value: float) -> None:
        self.set_value(key, value)

    def set_bool(self, key: str, value: bool) -> None:
        self.set_value(key, value)

    def set(self, option: ConfigOption, value: Any) -> None:
        if value is None and option.get_default_value() is not None:
            return
        self.set_value(option.get_key(), value)

    def get_int(self, key: str, default: int | None = None) -> int:
        return self._read(key, int, default)

    def get_float(self, key: str, default: float | None = None) -> float:
        return self._read(key, float, default)

    def get_bool(self, key: str, default: bool | None = None) -> bool:
        return self._read(key, bool, default)

    def get_str(self, key: str, default: str | None = None) -> str:
        return self._read(key, str, default)

    def get(self, option: ConfigOption) -> Any:
        return self._read(option.get_key(), option.get_type(), option.get_default_value())

    def _read(self, key: str, wanted: type, default: Any) -> Any:
        value = self._values.get(key)
        if value is None:
            return default
        try:
            return _convert(value, wanted)
        except ValueError:
            msg = f"The configuration value {value!r} of '{key}' is not {_expected(wanted)}."
            raise ValueError(msg) from None

    def __repr__(self) -> str:
        # Names only: values may be secrets.
        return f"AgentConfiguration({list(self._values)})"


class EnvironmentConfiguration:
    """Merges the sources of configuration of an environment, as every client does.

    *Owned state*: the object users set values on, which shows those of file and command line from the start.
    *Lifecycle*: the file is read when this is made; everything is merged and checked anew for each plan.

    Parameters
    ----------
    file
        Flink's configuration file, or one of the same form, of which the section ``agent`` counts; ``None`` for none.
    dynamic
        Properties of the command line and of Flink's configuration (``agent.…``); they win over the file.

    Attributes
    ----------
    current
        What users read and set; what they set wins.

    Raises
    ------
    ValueError
        If a value does not fit its option, or the file cannot be read; the message names key, value and source.
    """

    def __init__(self, file: Path | None = None, dynamic: Mapping[str, Any] | None = None) -> None:
        self._request: Dict[str, Any] = {"dynamic": dict(dynamic or {})}
        self._logged: set[str] = set()
        if file is not None:
            self._request["file_name"] = str(file)
            self._request["file_text"] = _read_file(file)
        self._inherited = self._merge({})
        self.current = AgentConfiguration(self._inherited)

    def merged(self) -> AgentConfiguration:
        """Return everything merged, as of now: for a plan."""
        own = {
            key: value
            for key, value in self.current.conf_data.items()
            if key not in self._inherited or self._inherited[key] != value
        }
        return AgentConfiguration(self._merge(own))

    def _merge(self, own: Dict[str, Any]) -> Dict[str, Any]:
        from flink_agents import _core

        loaded = json.loads(_core.load_config(json.dumps({**self._request, "environment": own})))
        for warning in loaded["warnings"]:
            if warning not in self._logged:
                self._logged.add(warning)
                logger.warning("%s", warning)
        return loaded["conf_data"]


def _read_file(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        msg = f"The configuration file {file} is not UTF-8 text ({error}). Save it as UTF-8."
        raise ValueError(msg) from error
    except OSError as error:
        msg = f"The configuration file {file} cannot be read: {error}"
        raise ValueError(msg) from error


def flink_configuration_file() -> Path | None:
    """Return the configuration file that ``FLINK_CONF_DIR`` leads to; ``None`` if the variable is not set.

    Where both are there, it is the one that Flink reads: before version 2 the older ``flink-conf.yaml``.

    Raises
    ------
    ValueError
        If the directory has neither ``config.yaml`` nor ``flink-conf.yaml``.
    """
    directory = os.environ.get("FLINK_CONF_DIR")
    if not directory or directory.isspace():
        return None
    found = [file for name in ("config.yaml", "flink-conf.yaml") if (file := Path(directory) / name).is_file()]
    if found:
        return found[-1] if len(found) > 1 and flink_version_manager.lt("2.0") else found[0]
    msg = (
        f"FLINK_CONF_DIR is {directory}, which has neither config.yaml nor flink-conf.yaml. Let it name the directory "
        "of Flink's configuration, or unset it."
    )
    raise ValueError(msg)


def _plain(key: str, value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        elements: List[Any] = [_plain(f"{key}[{i}]", element) for i, element in enumerate(value)]
        return elements
    msg = (
        f"The configuration value of '{key}' is a {type(value).__name__}; it must be a text, a number, a Boolean, "
        "an enum constant or a list of these."
    )
    raise TypeError(msg)


def _convert(value: Any, wanted: Any) -> Any:
    if wanted is list:
        if isinstance(value, list):
            return list(value)
        return [element.strip() for element in str(value).split(";") if element.strip()]
    if issubclass(wanted, Enum):
        text = str(value).strip().lower()
        for constant in wanted:
            if text in (str(constant.value).lower(), constant.name.lower()):
                return constant
        raise ValueError
    if wanted is bool:
        text = str(value).strip().lower()
        if text in ("true", "false"):
            return text == "true"
        raise ValueError
    if wanted is str:
        return value if isinstance(value, str) else _as_text(value)
    if isinstance(value, (bool, list)):
        raise ValueError
    if wanted is int and isinstance(value, float):
        if not value.is_integer():
            raise ValueError
        return int(value)
    return wanted(value.strip() if isinstance(value, str) else value)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ";".join(_as_text(element) for element in value)
    return str(value)


def _expected(wanted: type) -> str:
    if issubclass(wanted, Enum):
        return "one of " + ", ".join(constant.name for constant in wanted)
    names = {bool: "true or false", int: "a whole number", float: "a number", list: "a list", str: "a text"}
    return names.get(wanted, wanted.__name__)
