"""Two agents, the second hearing the first: share prices, and remarks on months in which nearly all moved together."""

from __future__ import annotations

from datetime import datetime

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

GOOGLE_JOINS = "2004-09"


def parse_price(line: str) -> dict:
    """Read a line ``symbol,date,price``, such as ``IBM,Oct 1 2008,90.24``.

    Raises
    ------
    ValueError
        If it is not such a line.
    """
    try:
        company, date, price = line.split(",")
        month = datetime.strptime(date, "%b %d %Y").strftime("%Y-%m")
        return {"company": company, "month": month, "dollars": float(price)}
    except ValueError as e:
        msg = f"Not a price: {line!r}; expected symbol,date,price"
        raise ValueError(msg) from e


class CompanyAgent(Agent):
    """Remembers a company's last price and judges each month's change; its key is the company.

    It says a move for each month but the first: ``{"company", "month", "percent", "verdict"}``.
    """

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def compare(event: Event, ctx: RunnerContext) -> None:
        """Compare a price with the one before."""
        price = InputEvent.from_event(event).input
        last = ctx.short_term_memory.get("last_price")
        if last is not None:
            percent = 100 * (price["dollars"] / last - 1)
            move = {"company": price["company"], "month": price["month"], "percent": percent}
            ctx.send_event(Event(type="move", attributes=move))
        ctx.short_term_memory.set("last_price", price["dollars"])

    @action("type == 'move' && percent <= -5.0")
    @staticmethod
    def fell(event: Event, ctx: RunnerContext) -> None:
        """Judge a month in which the share lost a twentieth or more."""
        ctx.send_event(OutputEvent(output={**event.attributes, "verdict": "fell"}))

    @action("type == 'move' && percent >= 5.0")
    @staticmethod
    def rose(event: Event, ctx: RunnerContext) -> None:
        """Judge a month in which the share gained a twentieth or more."""
        ctx.send_event(OutputEvent(output={**event.attributes, "verdict": "rose"}))

    @action("type == 'move' && percent > -5.0 && percent < 5.0")
    @staticmethod
    def steady(event: Event, ctx: RunnerContext) -> None:
        """Judge any other month."""
        ctx.send_event(OutputEvent(output={**event.attributes, "verdict": "steady"}))


class MarketAgent(Agent):
    """Hears what the first agent says of each company; its key is the month.

    Whatever order the companies come in, it says the same.
    """

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def collect(event: Event, ctx: RunnerContext) -> None:
        """Collect the companies of a month until all are there."""
        move = InputEvent.from_event(event).input
        memory = ctx.short_term_memory
        memory.set(f"moves.{move['company']}", f"{move['company']} {move['percent']:+.1f} %")
        counts = {}
        for verdict in ("fell", "rose"):
            counts[verdict] = (memory.get(verdict) or 0) + (move["verdict"] == verdict)
            memory.set(verdict, counts[verdict])
        companies = 4 if move["month"] < GOOGLE_JOINS else 5
        if len(memory.get("moves").get_field_names()) == companies:
            ctx.send_event(Event(type="month_complete", attributes={"month": move["month"], **counts}))

    @action("type == 'month_complete' && fell >= 4")
    @staticmethod
    def warn(event: Event, ctx: RunnerContext) -> None:
        """Four or all companies fell."""
        _say(event, ctx, "a bad month for all", f"{event.get_attr('fell')} companies lost 5 % or more")

    @action("type == 'month_complete' && rose >= 4")
    @staticmethod
    def cheer(event: Event, ctx: RunnerContext) -> None:
        """Four or all companies rose."""
        _say(event, ctx, "a good month for all", f"{event.get_attr('rose')} companies gained 5 % or more")


def _say(event: Event, ctx: RunnerContext, what: str, why: str) -> None:
    moves = ctx.short_term_memory.get("moves")
    # Fields have no order of their own.
    each = ", ".join(sorted(moves.get(company) for company in moves.get_field_names()))
    ctx.send_event(OutputEvent(output=f"{event.get_attr('month')}: {what}, {why} ({each})"))
