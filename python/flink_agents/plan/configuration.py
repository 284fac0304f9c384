"""The configuration of an agent, and where its values come from."""

from __future__ import annotations

import json
import logging
import math
import os
import re
from enum import Enum
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping

from flink_agents.api.configuration import ConfigOption, Configuration
from flink_agents.api.version_compatibility import flink_version_manager

logger = logging.getLogger(__name__)

_PLAIN = (bool, int, float, str)
_WHOLE = re.compile(r"[+-]?(0x[0-9a-fA-F]+|0o[0-7]+|[0-9]+(\.0)?)")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class AgentConfiguration(Configuration):
    """A flat map from dotted key to plain value: text, number, Boolean, or a list of these.

    Enum constants are kept by their value. Not safe for use by several threads while it is changed.

    Parameters
    ----------
    conf_data
        The first values; nested maps are flattened: ``{"chat": {"async": False}}`` is ``chat.async: False``.
    references
        Looks up what a value like ``${env:NAME}`` or ``${file:PATH}`` refers to, for getters; code of a running job has one.
        Without it such values stay as they are.
    """

    def __init__(
        self, conf_data: Mapping[str, Any] | None = None, references: Callable[[str], str] | None = None
    ) -> None:
        self._values: Dict[str, Any] = {}
        self._references = references
        self._flatten("", conf_data or {})

    def _flatten(self, prefix: str, nested: Mapping[str, Any]) -> None:
        for key, value in nested.items():
            if isinstance(value, Mapping):
                self._flatten(f"{prefix}{key}.", value)
            else:
                self.set_value(f"{prefix}{key}", value)

    def resolving(self) -> AgentConfiguration:
        """Return what code of a running job sees: getters look up what values refer to, here and now."""
        from flink_agents import _core

        return AgentConfiguration(self._values, _core.resolve_secret)

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
        found = value
        if self._references is not None and isinstance(value, str) and value.strip().startswith("${"):
            try:
                found = self._references(value)
            except LookupError as e:
                msg = f"The configuration value of '{key}' is not where it should be: {e.args[0]}"
                raise LookupError(msg) from None
        try:
            return _convert(found, wanted)
        except ValueError:
            # Not of what a reference leads to: that is a secret.
            msg = f"The configuration value {_shown(key, value)} of '{key}' is not {_expected(wanted)}."
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
        msg = (
            f"The configuration file {file} cannot be read ({error}). Name a file, and let the user who runs this program "
            "read it."
        )
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
    """Read a value as the core and Java do: ``e2e-test/conformance/config-values.json``, which all are tested with, says how."""
    if wanted is list:
        return list(value) if isinstance(value, list) else _elements(value)
    if wanted is str:
        return value if isinstance(value, str) else _as_text(value)
    if isinstance(value, list):
        raise ValueError
    text = _as_text(value).strip()
    if issubclass(wanted, Enum):
        for constant in wanted:
            if _word(text) in (_word(str(constant.value)), _word(constant.name)):
                return constant
        raise ValueError
    if wanted is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise ValueError
    if wanted is int:
        if not _WHOLE.fullmatch(text):
            raise ValueError
        text = text.removesuffix(".0")
        sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text.lstrip("+"))
        base = {"0x": 16, "0o": 8}.get(digits[:2], 10)
        return int(sign + digits, base)
    if wanted is float:
        number = float(text) if _NUMBER.fullmatch(text) else math.inf
        if math.isinf(number):
            raise ValueError
        return number
    return wanted(text)


def _word(text: str) -> str:
    """Return a word without regard to case; its parts are joined by - or _."""
    return text.lower().replace("_", "-")


def _elements(value: Any) -> List[Any]:
    """Elements of a text stand between ; or , in brackets or without, in quotes or without."""
    if not isinstance(value, str):
        raise ValueError
    text = value.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    parts = (part.strip().strip("\"'") for part in re.split("[;,]", text))
    return [part for part in parts if part]


def _shown(key: str, value: Any) -> str:
    from flink_agents import _core

    return "(a secret, not shown)" if _core.is_hidden(key, str(value)) else repr(value)


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
