"""The built-in action that calls tools."""

from __future__ import annotations

from flink_agents.api.events.event import Event
from flink_agents.api.runner_context import RunnerContext
from flink_agents.plan.actions.built_in import not_yet


def process_tool_request(event: Event, ctx: RunnerContext) -> None:
    """Call tools, one after another.

    Raises
    ------
    NotImplementedError
        Always, in this release.
    """
    raise not_yet(
        event, "calls of tools", "call the tools in an action of your own, and do not send ToolRequestEvent"
    )
