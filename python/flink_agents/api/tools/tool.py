"""The base of tools."""

from __future__ import annotations

import typing
from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Any, Type

from pydantic import BaseModel, field_serializer, field_validator
from typing_extensions import override

from flink_agents.api.resource import ResourceType, SerializableResource
from flink_agents.api.tools.tool_parameter_injection import (
    InjectedArg,
    normalize_injected_args,
    validate_injected_arg_names,
)
from flink_agents.api.tools.utils import create_model_from_schema, schema_of

if TYPE_CHECKING:
    from flink_agents.api.tools.function_tool import FunctionTool


class ToolType(Enum):
    """The kinds of tools."""

    MODEL_BUILT_IN = "model_built_in"
    FUNCTION = "function"
    REMOTE_FUNCTION = "remote_function"
    MCP = "mcp"


class ToolMetadata(BaseModel):
    """What a model is told of a tool.

    Attributes
    ----------
    name
        Its name.
    description
        What it is for.
    args_schema
        Its parameters, as a pydantic class; in JSON, their JSON schema.
    """

    name: str
    description: str
    args_schema: Type[BaseModel]

    @field_validator("args_schema", mode="before")
    @classmethod
    def _read_schema(cls, value: Any, info: Any) -> Any:
        if isinstance(value, dict):
            return create_model_from_schema(value.get("title") or info.data.get("name") or "Arguments", value)
        return value

    @field_serializer("args_schema")
    def _write_schema(self, value: Type[BaseModel]) -> dict[str, Any]:
        return schema_of(value)

    def __eq__(self, other: ToolMetadata) -> bool:  # type: ignore[override]
        return (
            isinstance(other, ToolMetadata)
            and self.name == other.name
            and self.description == other.description
            and schema_of(self.args_schema) == schema_of(other.args_schema)
        )

    __hash__ = None  # type: ignore[assignment]

    def get_parameters_dict(self) -> dict:
        """Return the JSON schema of the parameters."""
        return schema_of(self.args_schema)


class Tool(SerializableResource, ABC):
    """Something a model can call."""

    metadata: ToolMetadata | None = None

    @staticmethod
    def from_callable(
        func: typing.Callable,
        *,
        injected_args: dict[str, InjectedArg | dict] | None = None,
    ) -> FunctionTool:
        """Declare a function as a tool.

        Parameters
        ----------
        func
            A function of a module or a static method. The model is told its name, and what its docstring and its
            annotations say.
        injected_args
            Parameters that are not the model's to fill: name to where the value comes from.

        Raises
        ------
        TypeError
            If it is a lambda or captures variables.
        ValueError
            If it has no parameter of an injected name.
        """
        from flink_agents.api.function import PythonFunction
        from flink_agents.api.tools.function_tool import FunctionTool

        named = PythonFunction.from_callable(func)
        injected = normalize_injected_args(injected_args)
        validate_injected_arg_names(named.as_callable(), injected)
        return FunctionTool(func=named, injected_args=injected)

    @property
    def name(self) -> str:
        """The name that the model uses."""
        if self.metadata is None:
            msg = f"{type(self).__name__} has no metadata, so it has no name."
            raise ValueError(msg)
        return self.metadata.name

    @classmethod
    @override
    def resource_type(cls) -> ResourceType:
        return ResourceType.TOOL

    @classmethod
    @abstractmethod
    def tool_type(cls) -> ToolType:
        """Return the kind of this tool."""

    @abstractmethod
    def call(self, *args: typing.Tuple[Any, ...], **kwargs: typing.Dict[str, Any]) -> Any:
        """Call the tool."""


def metadata_of(tool: Tool) -> ToolMetadata:
    """Return what a model is told of a tool.

    Raises
    ------
    ValueError
        If there is nothing.
    """
    if tool.metadata is None:
        msg = f"The tool {type(tool).__name__} has no metadata, so no model can be told of it."
        raise ValueError(msg)
    return tool.metadata
