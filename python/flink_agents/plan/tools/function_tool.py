"""Tools that are functions, with what the model is told of them."""

from __future__ import annotations

import inspect
import typing
from typing import Any, Callable, Type

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, field_serializer, field_validator
from typing_extensions import override

from flink_agents.api.function import Function, JavaFunction, PythonFunction
from flink_agents.api.tools.java_tool import AskedMetadata, call_java
from flink_agents.api.tools.tool import Tool, ToolMetadata, ToolType
from flink_agents.api.tools.tool_parameter_injection import InjectedArg
from flink_agents.api.tools.utils import create_model_from_schema, create_schema_from_function
from flink_agents.plan.function import function_from_json, function_to_json


class FunctionTool(Tool):
    """A function that models can call.

    Attributes
    ----------
    func
        The function.
    injected_args
        Parameters that the framework fills.
    """

    func: PythonFunction | JavaFunction
    injected_args: dict[str, InjectedArg] = Field(default_factory=dict)

    _parameters: Type[BaseModel] | None = PrivateAttr(default=None)
    _takes_more: bool = PrivateAttr(default=False)

    @field_validator("func", mode="before")
    @classmethod
    def _read_func(cls, value: Any) -> Any:
        return function_from_json(value) if isinstance(value, dict) else value

    @field_serializer("func")
    def _write_func(self, value: Function) -> dict[str, Any]:
        return function_to_json(value)

    @classmethod
    @override
    def tool_type(cls) -> ToolType:
        return ToolType.FUNCTION

    @override
    def call(self, *args: typing.Tuple[Any, ...], **kwargs: typing.Dict[str, Any]) -> Any:
        """Call the function; injected parameters are among ``kwargs``.

        Arguments by name are made into what the annotations say: pydantic models of dicts, ``3`` of ``3.0``.

        Raises
        ------
        NotImplementedError
            If it is a Java method, and there is no JVM.
        ValueError
            If an argument does not fit.
        TypeError
            If the function has no parameter of that name.
        flink_agents.api.java_resource.JavaResourceError
            If the Java method fails, or its arguments do not fit.
        """
        if isinstance(self.func, JavaFunction):
            return call_java(self, _java_method(self.func), args, kwargs)
        return self.func.as_callable()(*args, **(kwargs if args else self._fitting(kwargs)))

    @property
    def call_async(self) -> Callable[..., Any] | None:
        """``call`` as a function to be awaited, if the function is ``async def``; else ``None``."""
        if isinstance(self.func, JavaFunction) or not inspect.iscoroutinefunction(self.func.as_callable()):
            return None
        return self.call

    @override
    def open(self) -> None:
        """Let Java tell, when it is wanted, what the model is told of a Java method that the plan says nothing of."""
        known = self.metadata
        if isinstance(self.func, JavaFunction) and not (
            known and (known.description or known.get_parameters_dict().get("properties"))
        ):
            self.metadata = AskedMetadata.of(self, self.name, _java_method(self.func), self.injected_args)

    def _fitting(self, arguments: dict[str, Any]) -> dict[str, Any]:
        function = self.func.as_callable()
        if self._parameters is None:
            # Those that are injected, too.
            self._parameters = create_schema_from_function(function.__name__, function)
            kinds = (parameter.kind for parameter in inspect.signature(function).parameters.values())
            self._takes_more = inspect.Parameter.VAR_KEYWORD in kinds
        known = self._parameters.model_fields
        unknown = {name: value for name, value in arguments.items() if name not in known}
        if unknown and not self._takes_more:
            msg = (
                f"the tool '{function.__name__}' has no parameter {', '.join(unknown)}; its parameters are "
                f"{', '.join(name for name in known if name not in self.injected_args) or 'none'}"
            )
            raise TypeError(msg)
        try:
            fitting = self._parameters.model_validate(arguments)
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
            msg = f"arguments of the tool '{function.__name__}' do not fit: {'; '.join(problems)}"
            raise ValueError(msg) from error
        return {**{name: getattr(fitting, name) for name in known}, **unknown}


def _java_method(func: JavaFunction) -> str:
    return f"the Java method {func.qualname}.{func.method_name}"


def compile_tool(name: str, func: PythonFunction | JavaFunction, injected_args: dict[str, InjectedArg]) -> FunctionTool:
    """Find out what the model is told of a function.

    Parameters
    ----------
    name
        The name of the resource; it is that of the tool if the function is a Java one.
    func
        The function. A Java method says nothing of itself here; its descriptions are filled in where it runs.
    injected_args
        Parameters that are not the model's to fill.

    Raises
    ------
    TypeError
        If a parameter cannot be given by name, or annotations cannot be read.
    """
    if isinstance(func, JavaFunction):
        schema = create_model_from_schema(name, {"type": "object", "properties": {}})
        metadata = ToolMetadata(name=name, description="", args_schema=schema)
        return FunctionTool(metadata=metadata, func=func, injected_args=injected_args)
    from docstring_parser import parse

    target = func.as_callable()
    tool_name = target.__name__
    schema = create_schema_from_function(tool_name, target, injected_args)
    description = parse(inspect.getdoc(target) or "").description or ""
    metadata = ToolMetadata(name=tool_name, description=description, args_schema=schema)
    return FunctionTool(metadata=metadata, func=func, injected_args=injected_args)
