"""Parameters of tools: functions, pydantic classes and JSON schemas."""

from __future__ import annotations

import inspect
import json
import types
import typing
from typing import Any, Callable, Iterable, Literal, Optional, Type, Union

from pydantic import BaseModel, Field, create_model
from pydantic.fields import FieldInfo

TYPE_MAPPING: dict[str, type] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}

CONSTRAINT_MAPPING: dict[str, str] = {
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "inclusiveMinimum": "ge",
    "inclusiveMaximum": "le",
    "minItems": "min_length",
    "maxItems": "max_length",
}

# Where a class made from a schema keeps it: the way to a class and back would lose what pydantic has no word for.
_SCHEMA = "__flink_agents_schema__"


def create_schema_from_function(
    name: str, func: Callable, injected_args: Iterable[str] | None = None
) -> Type[BaseModel]:
    """Make a pydantic class of the parameters of a function.

    Parameters
    ----------
    name
        The name of the class.
    func
        The function. Descriptions come from its docstring (NumPy, Google, reST and epydoc styles), types from its
        annotations; parameters without one may be anything, those with a default may be left out.
    injected_args
        Parameters to leave out.

    Raises
    ------
    TypeError
        If the function has ``*args`` or parameters that can only be given by position: models call by name.
    """
    from docstring_parser import parse

    described = {
        parameter.arg_name: parameter.description
        for parameter in parse(inspect.getdoc(func) or "").params
        if parameter.description
    }
    try:
        hints = typing.get_type_hints(func, include_extras=True)
    except NameError as error:
        msg = (
            f"The annotations of the tool {func.__module__}.{func.__qualname__} cannot be read: {error}. Import the "
            "names it uses outside of 'if TYPE_CHECKING'."
        )
        raise TypeError(msg) from error
    left_out = set(injected_args or ())
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(func).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD or parameter.name in left_out:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            msg = (
                f"The tool {func.__module__}.{func.__qualname__} has the parameter {parameter}, which cannot be given "
                "by name; models call tools by name."
            )
            raise TypeError(msg)
        default = ... if parameter.default is parameter.empty else parameter.default
        if isinstance(default, FieldInfo):
            info = default
            if info.description is None:
                info.description = described.get(parameter.name)
        elif parameter.name in described:
            info = Field(default=default, description=described[parameter.name])
        else:
            info = Field(default=default)
        fields[parameter.name] = (hints.get(parameter.name, Any), info)
    return create_model(name, **fields)


def create_model_from_schema(name: str, schema: dict) -> type[BaseModel]:
    """Make a pydantic class of a JSON schema of an object.

    What pydantic cannot express is not checked by the class, but is still in its schema.

    Raises
    ------
    ValueError
        If the schema is not that of an object, or a reference in it leads nowhere.
    """
    model = _Schemas(schema).model(name, schema)
    setattr(model, _SCHEMA, schema)
    return model


def create_model_from_java_tool_schema_str(name: str, schema_str: str) -> type[BaseModel]:
    """Make a pydantic class of the JSON schema, as text, of a tool written in Java."""
    try:
        schema = json.loads(schema_str) if schema_str else {}
    except ValueError as error:
        msg = f"The schema of the Java tool '{name}' is no JSON: {error}"
        raise ValueError(msg) from error
    return create_model_from_schema(name, schema)


def create_java_tool_schema_str_from_model(model: type[BaseModel]) -> str:
    """Return the JSON schema of a pydantic class as text, as tools written in Java have it."""
    return json.dumps(schema_of(model))


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a class; the original one if it was made from a schema."""
    schema = model.__dict__.get(_SCHEMA)
    return model.model_json_schema() if schema is None else schema


class _Schemas:
    """Makes classes of one schema and of those it refers to."""

    def __init__(self, root: dict) -> None:
        self._root = root
        self._made: dict[str, Any] = {}

    def model(self, name: str, schema: dict) -> type[BaseModel]:
        if not isinstance(schema, dict) or schema.get("type", "object") != "object":
            msg = f"The schema '{name}' is not that of an object: {schema!r}"
            raise ValueError(msg)
        required = schema.get("required") or ()
        fields: dict[str, Any] = {}
        for key, value in (schema.get("properties") or {}).items():
            annotation = self.annotation(f"{name}_{key}", value)
            if key in required:
                default: Any = ...
            else:
                default = value.get("default") if isinstance(value, dict) else None
                if default is None:
                    annotation = Optional[annotation]
            # pydantic keeps leading underscores and the names of its own members for itself.
            alias = key if key.startswith("_") or hasattr(BaseModel, key) or not key.isidentifier() else None
            field_name = "arg_" + "".join(c if c.isalnum() else "_" for c in key) if alias else key
            fields[field_name] = (annotation, Field(default=default, alias=alias, **self._constraints(value)))
        return create_model(name, **fields)

    @staticmethod
    def _constraints(schema: Any) -> dict[str, Any]:
        if not isinstance(schema, dict):
            return {}
        result = {"description": schema.get("description"), "title": schema.get("title")}
        if schema.get("type") in ("integer", "number", "array"):
            for key, argument in CONSTRAINT_MAPPING.items():
                if isinstance(schema.get(key), (int, float)) and not isinstance(schema[key], bool):
                    result[argument] = schema[key]
        elif schema.get("type") == "string":
            for key, argument in (("minLength", "min_length"), ("maxLength", "max_length")):
                if isinstance(schema.get(key), int):
                    result[argument] = schema[key]
        return result

    def annotation(self, name: str, schema: Any) -> Any:
        if not isinstance(schema, dict):
            return Any
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return Literal[tuple(schema["enum"])]
        if "const" in schema:
            return Literal[schema["const"]]
        choices = schema.get("anyOf") or schema.get("oneOf")
        if choices:
            return Union[tuple(self.annotation(f"{name}_{i}", c) for i, c in enumerate(choices))]
        if isinstance(schema.get("allOf"), list) and len(schema["allOf"]) == 1:
            return self.annotation(name, schema["allOf"][0])
        kind = schema.get("type")
        if isinstance(kind, list):
            return Union[tuple(self.annotation(name, {**schema, "type": k}) for k in kind)]
        if kind == "object":
            if schema.get("properties"):
                return self.model(schema.get("title") or name, schema)
            values = schema.get("additionalProperties")
            return types.GenericAlias(dict, (str, self.annotation(name, values))) if isinstance(values, dict) else dict
        if kind == "array":
            items = schema.get("items")
            return types.GenericAlias(list, (self.annotation(name, items),)) if isinstance(items, dict) else list
        return TYPE_MAPPING.get(kind, Any) if isinstance(kind, str) else Any

    def _reference(self, reference: str) -> Any:
        if reference in self._made:
            return self._made[reference]
        target: Any = self._root
        for part in reference.removeprefix("#").strip("/").split("/"):
            target = target.get(part) if isinstance(target, dict) else None
        if not reference.startswith("#/") or not isinstance(target, dict):
            msg = f"The reference {reference} in a tool's schema leads nowhere."
            raise ValueError(msg)
        # A schema that contains itself is only checked one level deep.
        self._made[reference] = Any
        made = self.annotation(reference.rsplit("/", 1)[-1], target)
        self._made[reference] = made
        return made
