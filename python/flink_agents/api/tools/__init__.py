"""Tools: functions that models can call."""

from flink_agents.api.tools.tool_execution_metadata_provider import ToolExecutionMetadataProvider
from flink_agents.api.tools.tool_parameter_injection import InjectedArg, ToolParameterSource

__all__ = ["InjectedArg", "ToolExecutionMetadataProvider", "ToolParameterSource"]
