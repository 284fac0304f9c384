"""The execution trace: what was run, called and asked, and how it ended."""

from flink_agents.api.trace.execution_lifecycle_events import ExecutionLifecycleEvents
from flink_agents.api.trace.execution_reporter import (
    ExecutionEntityTypes,
    ExecutionProblemCategories,
    ExecutionReporter,
    ExecutionReporters,
)
from flink_agents.api.trace.execution_trace_context import ExecutionTraceContext
from flink_agents.api.trace.llm_execution_metadata_keys import LLMExecutionMetadataKeys
from flink_agents.api.trace.tool_execution_metadata_keys import ToolExecutionMetadataKeys

__all__ = [
    "ExecutionEntityTypes",
    "ExecutionLifecycleEvents",
    "ExecutionProblemCategories",
    "ExecutionReporter",
    "ExecutionReporters",
    "ExecutionTraceContext",
    "LLMExecutionMetadataKeys",
    "ToolExecutionMetadataKeys",
]
