"""Tools that are written in Java, and what both languages tell each other of tools."""

from __future__ import annotations

import typing
from typing import Any, Callable

from pydantic import PrivateAttr
from typing_extensions import override

from flink_agents.api.decorators import java_resource
from flink_agents.api.java_resource import ask_java, java_class
from flink_agents.api.tools.tool import Tool, ToolMetadata, ToolType
from flink_agents.api.tools.utils import (
    create_java_tool_schema_str_from_model,
    create_model_from_java_tool_schema_str,
    create_model_from_schema,
    schema_of,
)


@java_resource
class JavaTool(Tool):
    """Stands for a tool that is written in Java.

    Attributes
    ----------
    java_class_name
        Its class.
    """

    java_class_name: str = ""

    @override
    def open(self) -> None:
        """Let Java tell, when it is wanted, what the model is told of it, if the plan does not say."""
        if self.metadata is None and self._resource_name is not None:
            self.metadata = AskedMetadata.of(self, self._resource_name, java_class(self.java_class_name))

    @classmethod
    @override
    def tool_type(cls) -> ToolType:
        return ToolType.FUNCTION

    @override
    def call(self, *args: typing.Tuple[Any, ...], **kwargs: typing.Dict[str, Any]) -> Any:
        """Call the tool; it raises what ``JavaResources.ask`` of ``api.java_resource`` does."""
        return call_java(self, java_class(self.java_class_name), args, kwargs)


class AskedMetadata(ToolMetadata):
    """What a model is told of a tool that is described elsewhere: only its name is known before somebody wants more."""

    _ask: Callable[[], dict[str, Any]] | None = PrivateAttr(default=None)
    _injected: frozenset[str] = PrivateAttr(default=frozenset())

    @staticmethod
    def of(tool: Tool, name: str, what: str, injected: typing.Iterable[str] = ()) -> AskedMetadata:
        """Return the metadata of a tool that is in Java.

        Parameters
        ----------
        tool
            What stands for it.
        name
            The name that the model uses.
        what
            What the tool is, for messages.
        injected
            Parameters that are not the model's to fill.
        """
        made = AskedMetadata.model_construct(name=name)
        made._ask = lambda: ask_java(tool, what, "metadata")
        made._injected = frozenset(injected)
        return made

    # For the type checker there is none, since it would hide all mistakes.
    if not typing.TYPE_CHECKING:

        def __getattr__(self, item: str) -> Any:
            """Return what is not known yet."""
            if item not in ("description", "args_schema"):
                return super().__getattr__(item)
            told = self._ask()
            self.__dict__["description"] = told.get("description") or ""
            self.__dict__["args_schema"] = _without(self.name, told.get("input_schema") or "", self._injected)
            return self.__dict__[item]


def call_java(tool: Tool, what: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the tool of Java that another one stands for.

    Raises
    ------
    TypeError
        If an argument has no name.
    """
    if args:
        msg = f"The tool '{tool.name}' is {what}: its arguments must be given by name."
        raise TypeError(msg)
    return ask_java(tool, what, "call", arguments=kwargs)


def described(metadata: ToolMetadata) -> dict[str, Any]:
    """Return what a model is told of a tool as the other language is told of it."""
    return {
        "name": metadata.name,
        "description": metadata.description.strip(),
        "input_schema": create_java_tool_schema_str_from_model(metadata.args_schema),
    }


def read_metadata(name: str, description: str | None, input_schema: str | None) -> ToolMetadata:
    """Return the same of what the other language tells; the schema is a JSON text."""
    schema = create_model_from_java_tool_schema_str(name, input_schema or "")
    return ToolMetadata(name=name, description=description or "", args_schema=schema)


def _without(name: str, schema: str, injected: frozenset[str]) -> Any:
    model = create_model_from_java_tool_schema_str(name, schema)
    whole = schema_of(model)
    if injected.isdisjoint(whole.get("properties") or ()):
        return model
    rest = {key: value for key, value in whole["properties"].items() if key not in injected}
    required = [key for key in whole.get("required") or () if key not in injected]
    return create_model_from_schema(name, {**whole, "properties": rest, "required": required})
