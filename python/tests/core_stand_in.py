"""What the tests of the API need of ``flink_agents._core`` where the native module is not built."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import random
import sys
import types
import uuid

import pydantic
from pydantic_core import to_jsonable_python


def _convert(value, path, depth=0):
    if depth > 200:
        raise ValueError(f"{path}: deeper than 200 levels, or a cycle")
    if value is None or isinstance(value, bool) or (isinstance(value, str) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, enum.Enum):
        return value
    if isinstance(value, dict):
        result = {}
        for key, element in value.items():
            if isinstance(key, uuid.UUID):
                key = str(key)
            if not isinstance(key, str):
                raise TypeError(f"{path}: key {key!r} is not a text")
            result[key] = _convert(element, f"{path}.{key}", depth + 1)
        return result
    if type(value).__name__ == "Row" and hasattr(value, "_values"):
        fields = getattr(value, "_fields", None)
        row = {"type": "Row", "values": _convert(list(value._values), f"{path}.values", depth + 1)}
        return {**row, "fields": list(fields)} if fields else row
    if isinstance(value, (list, tuple)):
        return [_convert(element, f"{path}[{i}]", depth + 1) for i, element in enumerate(value)]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: bytes that are not UTF-8") from error
    plain_types = (pydantic.BaseModel, enum.Enum, uuid.UUID, datetime.date, datetime.time, datetime.timedelta)
    if isinstance(value, plain_types) or dataclasses.is_dataclass(value):
        return to_jsonable_python(value)
    raise TypeError(f"{path}: a {type(value).__name__} is not JSON-plain")


def _check_memory(path, value):
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return
    if isinstance(value, list):
        for i, element in enumerate(value):
            _check_memory(f"{path}[{i}]", element)
        return
    if isinstance(value, dict):
        for key, element in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{path}: key {key!r} is not a text")
            _check_memory(f"{path}.{key}", element)
        return
    raise TypeError(f"{path}: a {type(value).__name__} cannot be kept in memory")


def _load_config(request: str) -> str:
    data = json.loads(request)
    return json.dumps({"conf_data": {**data.get("dynamic", {}), **data.get("environment", {})}, "warnings": []})


def install() -> None:
    """Put the stand-in where ``from flink_agents import _core`` finds it."""
    core = types.ModuleType("flink_agents._core")
    core.check_plain = lambda value, path="value": _convert(value, path) and None
    core.to_plain = lambda value, path="value": _convert(value, path)
    core.check_memory_value = _check_memory
    core.random_uuid = lambda: uuid.UUID(int=random.getrandbits(128), version=4)
    core.validate_plan = lambda text: json.dumps(json.loads(text))
    core.load_config = _load_config
    core.version = lambda: "0+stand-in"
    import flink_agents

    sys.modules["flink_agents._core"] = core
    flink_agents._core = core
