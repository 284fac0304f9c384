"""Tools declared by a function."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import override

from flink_agents.api.function import JavaFunction, PythonFunction
from flink_agents.api.resource import ResourceType, SerializableResource
from flink_agents.api.tools.tool_parameter_injection import InjectedArg


class FunctionTool(SerializableResource):
    """A declaration: what the model is told of the function is found out when the plan is made.

    Attributes
    ----------
    func
        The function.
    injected_args
        Parameters that the framework fills.
    """

    func: PythonFunction | JavaFunction
    injected_args: dict[str, InjectedArg] = Field(default_factory=dict)

    @classmethod
    @override
    def resource_type(cls) -> ResourceType:
        return ResourceType.TOOL
