"""Adds up the rain of a kind of weather: the twin of ``TableJob.java``."""

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class RainAgent(Agent):
    """Gives for each wet day the number and the rain of the wet days of its weather up to it."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        day = InputEvent.from_event(event).input
        memory = ctx.short_term_memory
        days = (memory.get("days") or 0) + 1
        tenths = (memory.get("tenths") or 0) + round(day["precipitation"] * 10)
        memory.set("days", days)
        memory.set("tenths", tenths)
        ctx.send_event(OutputEvent(output={"weather": day["weather"], "days": days, "tenths": tenths}))
