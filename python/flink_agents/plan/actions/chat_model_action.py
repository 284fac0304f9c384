"""The built-in action that calls chat models."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flink_agents.api.events.event import Event
from flink_agents.api.runner_context import RunnerContext

if TYPE_CHECKING:
    from flink_agents.runtime.context import ActionContext


async def process_chat_request_or_tool_response(event: Event, ctx: RunnerContext) -> None:
    """Answer a chat request, or go on with it after tools were called."""
    # Most agents never need it.
    from flink_agents.runtime.built_in import carry_out

    await carry_out("chat", event, cast("ActionContext", ctx))
