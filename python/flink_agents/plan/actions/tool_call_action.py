"""The built-in action that calls tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flink_agents.api.events.event import Event
from flink_agents.api.runner_context import RunnerContext

if TYPE_CHECKING:
    from flink_agents.runtime.context import ActionContext


async def process_tool_request(event: Event, ctx: RunnerContext) -> None:
    """Call tools, side by side."""
    # Most agents never need it.
    from flink_agents.runtime.built_in import carry_out

    await carry_out("tool", event, cast("ActionContext", ctx))
