"""The form that answers of models are asked for in."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, field_serializer, field_validator
from pydantic_core import core_schema

if TYPE_CHECKING:
    from pyflink.common.typeinfo import RowTypeInfo
else:

    class RowTypeInfo:
        """Stands for PyFlink's class, which takes seconds to import and need not be installed."""

        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> Any:
            return core_schema.no_info_plain_validator_function(_check_row_type)


def is_row_type(value: Any) -> bool:
    """Tell whether a value is a ``RowTypeInfo``, without importing PyFlink."""
    return any(
        cls.__name__ == "RowTypeInfo" and cls.__module__.startswith("pyflink.") for cls in type(value).__mro__
    )


def _check_row_type(value: Any) -> Any:
    if not is_row_type(value):
        msg = f"an output schema is a pydantic class or a RowTypeInfo of basic types, not {value!r}"
        raise ValueError(msg)
    return value


class OutputSchema(BaseModel):
    """The form of an answer.

    Attributes
    ----------
    output_schema
        A pydantic class, or a ``RowTypeInfo`` whose fields have basic types.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    output_schema: type[BaseModel] | RowTypeInfo

    @field_validator("output_schema", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            if is_row_type(value):
                _names_of_basic_types(value)
            return value
        if value.keys() >= {"module", "class"}:
            found: Any = importlib.import_module(value["module"])
            for part in value["class"].split("."):
                found = getattr(found, part)
            return found
        if value.keys() >= {"names", "types"}:
            from pyflink.common.typeinfo import BasicType, BasicTypeInfo
            from pyflink.common.typeinfo import RowTypeInfo as FlinkRowTypeInfo

            types = [BasicTypeInfo(BasicType(name)) for name in value["types"]]
            return FlinkRowTypeInfo(types, value["names"])
        return value

    @field_serializer("output_schema")
    def _write(self, value: Any) -> dict[str, Any]:
        if isinstance(value, type):
            return {"module": value.__module__, "class": value.__qualname__}
        return {"names": list(value.get_field_names()), "types": _names_of_basic_types(value)}


def _names_of_basic_types(row_type: Any) -> list[str]:
    names = []
    for field, field_type in zip(row_type.get_field_names(), row_type.get_field_types()):
        basic = getattr(field_type, "_basic_type", None)
        if basic is None:
            msg = f"the field '{field}' of an output schema has the type {field_type}; only basic types are possible"
            raise ValueError(msg)
        names.append(basic.value)
    return names
