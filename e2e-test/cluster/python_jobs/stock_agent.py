"""Says when the price of a stock falls or reaches its highest, by conditions: the twin of ``StockAlerts.java``."""

from __future__ import annotations

from decimal import Decimal

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def parse_quote(line: str) -> dict:
    """One line of the data: the monthly price of a stock."""
    symbol, month, price = line.split(",")
    return {"symbol": symbol, "month": month, "cents": int(Decimal(price) * 100)}


def divide(a: int, b: int) -> int:
    """Division towards zero."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


class StockAgent(Agent):
    """Remembers last and highest price and the number of falls of its stock."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def observe(event: Event, ctx: RunnerContext) -> None:
        quote = InputEvent.from_event(event).input
        memory = ctx.short_term_memory
        highest = memory.get("price.highest") or 0
        if memory.is_exist("price.last"):
            last = memory.get("price.last")
            ctx.send_event(
                Event(
                    type="change",
                    attributes={
                        "month": quote["month"],
                        "symbol": quote["symbol"],
                        "permille": divide((quote["cents"] - last) * 1000, last),
                        "price": {"now": quote["cents"], "highest": highest},
                    },
                )
            )
        memory.set("price.last", quote["cents"])
        memory.set("price.highest", max(highest, quote["cents"]))

    @action("type == 'change' && permille <= -150")
    @staticmethod
    def fall(event: Event, ctx: RunnerContext) -> None:
        falls = (ctx.short_term_memory.get("falls") or 0) + 1
        ctx.short_term_memory.set("falls", falls)
        ctx.sensory_memory.set("what", f"fall {falls}")
        ctx.send_event(Event(type="alert", attributes=event.attributes))

    @action("type == 'change' && price.now > price.highest && !(symbol in ['MSFT', 'IBM'])")
    @staticmethod
    def highest(event: Event, ctx: RunnerContext) -> None:
        ctx.sensory_memory.set("what", "highest")
        ctx.send_event(Event(type="alert", attributes=event.attributes))

    @action("alert")
    @staticmethod
    def report(event: Event, ctx: RunnerContext) -> None:
        memory = ctx.short_term_memory
        parts = (
            event.get_attr("symbol"), event.get_attr("month"), ctx.sensory_memory.get("what"),
            event.get_attr("permille"), memory.get("price.last"), memory.get("price.highest"),
        )
        ctx.send_event(OutputEvent(output=",".join(map(str, parts))))
