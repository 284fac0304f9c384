"""Refuses the quotes of one month, each time it is tried."""

from __future__ import annotations

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

REFUSED = "Jan 1 2008"


class RefusingAgent(Agent):
    """Says the month of each quote that it takes."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def take(event: Event, ctx: RunnerContext) -> None:
        quote = InputEvent.from_event(event).input
        # What a refused attempt sends must not be seen.
        ctx.send_event(OutputEvent(output=f"{quote['symbol']},{quote['month']}"))
        if quote["month"] == REFUSED:
            msg = f"no quotes of {quote['month']}"
            raise LookupError(msg)
