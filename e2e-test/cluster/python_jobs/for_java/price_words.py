"""The Python part of an agent in Java, ``PythonPart.java``."""

from flink_agents.api.events.event import Event, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def describe(event: Event, ctx: RunnerContext) -> None:
    """Says a high price in words, numbered; the number is kept in the memory that Java's actions share."""
    number = (ctx.short_term_memory.get("high") or 0) + 1
    ctx.short_term_memory.set("high", number)
    quote = event.attributes
    ctx.send_event(OutputEvent(output=f"{quote['symbol']},{quote['month']},{quote['cents']},{number}"))
    ctx.send_event(Event(type="described", attributes={"number": number}))
