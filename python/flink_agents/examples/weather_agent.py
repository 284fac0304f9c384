"""Reads the weather day by day and remarks on days that are out of the ordinary.

    day ──> compare ──(record)──> explain ──┐ reasons, in sensory memory
       └──> heavy_rain (30 mm or more) ─────┤
            compare ──(day_read)──> remark <┘ ──> remark

The key is the month of the year, so that January is compared with Januaries. Short-term memory keeps the records of the
month, from day to day and across failures; sensory memory keeps the reasons found for one day, until that day is done.
"""

from __future__ import annotations

import calendar

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

# Word, field of the day, sign and unit of each kind of record.
KINDS = (
    ("wettest", "precipitation", 1, "mm of rain"),
    ("warmest", "warmest", 1, "°C"),
    ("coldest", "coldest", -1, "°C"),
    ("windiest", "wind", 1, "m/s of wind"),
)
UNITS = {word: unit for word, _, _, unit in KINDS}


def parse_day(line: str) -> dict:
    """Read a line ``date,precipitation,temp_max,temp_min,wind,weather``.

    Raises
    ------
    ValueError
        If it is not such a line.
    """
    try:
        date, precipitation, warmest, coldest, wind, _ = line.split(",")
        return {
            "date": date,
            "precipitation": float(precipitation),
            "warmest": float(warmest),
            "coldest": float(coldest),
            "wind": float(wind),
        }
    except ValueError as e:
        msg = f"Not a day of weather: {line!r}; expected date,precipitation,temp_max,temp_min,wind,weather"
        raise ValueError(msg) from e


def calendar_month(day: dict) -> str:
    """Return the month of the year, ``01`` to ``12``: days are compared with days of the same month."""
    return day["date"][5:7]


def _month_name(date: str) -> str:
    return calendar.month_name[int(date[5:7])]


class WeatherAgent(Agent):
    """Says ``{"date": …, "reasons": …}`` for each day that is worth a remark."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def compare(event: Event, ctx: RunnerContext) -> None:
        """Compare the day with the records of its month, and keep the new ones."""
        day = InputEvent.from_event(event).input
        memory = ctx.short_term_memory
        year = day["date"][:4]
        # The first year is only learned from: it sets records every other day.
        if not memory.is_exist("first_year"):
            memory.set("first_year", year)
        learning = year == memory.get("first_year")

        for word, field, sign, _ in KINDS:
            value = day[field]
            before = memory.get(f"records.{word}.value")
            if before is None:
                memory.set(f"records.{word}.value", value)
                memory.set(f"records.{word}.date", day["date"])
                continue
            margin = (value - before) * sign
            if margin > 0:
                since = memory.get(f"records.{word}.date")
                memory.set(f"records.{word}.value", value)
                memory.set(f"records.{word}.date", day["date"])
                if not learning:
                    record = {"date": day["date"], "kind": word, "value": value, "margin": margin}
                    ctx.send_event(Event(type="record", attributes={**record, "before": before, "since": since}))
        ctx.send_event(Event(type="day_read", attributes={"date": day["date"]}))

    @action("type == EventType.InputEvent && input.precipitation >= 30.0")
    @staticmethod
    def heavy_rain(event: Event, ctx: RunnerContext) -> None:
        """Take note of a day with much rain, record or not."""
        day = InputEvent.from_event(event).input
        count = (ctx.short_term_memory.get("heavy_rain_days") or 0) + 1
        ctx.short_term_memory.set("heavy_rain_days", count)
        ctx.sensory_memory.set(
            "reasons.rain",
            f"heavy rain, {day['precipitation']:.1f} mm (no. {count} of the {_month_name(day['date'])} days"
            " with 30 mm or more)",
        )

    @action("type == 'record' && margin >= 1.0")
    @staticmethod
    def explain(event: Event, ctx: RunnerContext) -> None:
        """Explain a record that is broken clearly; by less than one unit it is not worth a word."""
        record = event.attributes
        ctx.sensory_memory.set(
            f"reasons.{record['kind']}",
            f"the {record['kind']} {_month_name(record['date'])} day so far, {record['value']:.1f}"
            f" {UNITS[record['kind']]} (before: {record['before']:.1f} on {record['since']})",
        )

    @action("day_read")
    @staticmethod
    def remark(event: Event, ctx: RunnerContext) -> None:
        """Say what was found, once all is known about the day; most days there is nothing to say."""
        found = ctx.sensory_memory.get("reasons")
        if found is None:
            return
        # Fields have no order of their own.
        reasons = sorted(found.get(name) for name in found.get_field_names())
        ctx.send_event(OutputEvent(output={"date": event.get_attr("date"), "reasons": "; ".join(reasons)}))
