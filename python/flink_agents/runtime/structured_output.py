"""Answers of models made into what the user asked for."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, TypeAdapter

from flink_agents.api.agents.types import OutputSchema

# PyFlink's names of basic types.
_TYPES: dict[str, Any] = {
    "String": str, "Char": str, "Boolean": bool, "Byte": int, "Short": int, "Integer": int, "Long": int, "BigInteger": int,
    "Float": float, "Double": float,
}


def parsed(schema: OutputSchema, value: Any) -> tuple[Any, Any]:
    """Return an answer's JSON value as an object of the schema, and as plain data.

    Raises
    ------
    ValueError
        If it does not fit; the message says where.
    """
    wanted = schema.output_schema
    if isinstance(wanted, type) and issubclass(wanted, BaseModel):
        made = wanted.model_validate(value)
        return made, made.model_dump(mode="json")
    written = schema.model_dump()["output_schema"]
    if not isinstance(value, dict):
        msg = f"a JSON object with the fields {', '.join(written['names'])} was wanted"
        raise ValueError(msg)
    fields: dict[str, Any] = {}
    for name, kind in zip(written["names"], written["types"]):
        if name not in value:
            msg = f"the field '{name}' is missing; wanted are {', '.join(written['names'])}"
            raise ValueError(msg)
        fields[name] = value[name] if value[name] is None else TypeAdapter(_TYPES.get(kind, Any)).validate_python(value[name])
    from pyflink.common.types import Row

    row = Row(**fields)
    return row, fields
