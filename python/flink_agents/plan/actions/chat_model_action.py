"""The built-in action that calls chat models."""

from __future__ import annotations

from flink_agents.api.events.event import Event
from flink_agents.api.runner_context import RunnerContext
from flink_agents.plan.actions.built_in import not_yet


def process_chat_request_or_tool_response(event: Event, ctx: RunnerContext) -> None:
    """Answer a chat request, or go on with it after tools were called.

    Raises
    ------
    NotImplementedError
        Always, in this release.
    """
    raise not_yet(
        event,
        "a chat model",
        "call the model in an action of your own, and do not send ChatRequestEvent or ToolResponseEvent",
    )
