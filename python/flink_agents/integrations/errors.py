"""What models and tool servers raise. Attributes: see the guide of models."""

from flink_agents._core import McpError, ModelError

__all__ = ["McpError", "ModelError"]
