"""Tools that tell the execution trace more about their calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Mapping


class ToolExecutionMetadataProvider(ABC):
    """A tool that describes its calls."""

    @abstractmethod
    def get_tool_execution_metadata(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the trace shall show of a call with these arguments; plain values, keys as in
        ``ToolExecutionMetadataKeys``.
        """
