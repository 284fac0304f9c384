"""A slow agent for interruptions: the twin of ``AirportWalk.java``.

Each input is a run of many steps, so that runs are unfinished at most checkpoints, and each output tells all that the key
remembers: a lost, repeated or reordered input or step changes every later one.
"""

from __future__ import annotations

import os

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def as_long(number: int) -> int:
    """The number that is left of it in 64 bits."""
    return (number + 2**63) % 2**64 - 2**63


def text_hash(text: str) -> int:
    """``String.hashCode`` of ASCII text, as Java has it."""
    result = 0
    for char in text:
        result = (result * 31 + ord(char)) % 2**32
    return result - 2**32 if result >= 2**31 else result


class WalkAgent(Agent):
    """Walks some steps for every airport."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def begin(event: Event, ctx: RunnerContext) -> None:
        airport = InputEvent.from_event(event).input
        memory = ctx.short_term_memory
        memory.set("begun", (memory.get("begun") or 0) + 1)
        for name, value in airport.items():
            ctx.sensory_memory.set(f"airport.{name}", value)
        ctx.send_event(Event(type="step", attributes={"left": airport["steps"]}))

    @action("type == 'step' && left > 0")
    @staticmethod
    def step(event: Event, ctx: RunnerContext) -> None:
        left = event.get_attr("left")
        memory = ctx.sensory_memory
        memory.set("walked", (memory.get("walked") or 0) + left)
        ctx.send_event(Event(type="step", attributes={"left": left - 1}))

    @action("type == 'step' && left == 0")
    @staticmethod
    def end(event: Event, ctx: RunnerContext) -> None:
        airport = ctx.sensory_memory.get("airport")
        code, state, latitude, steps = (airport.get(name) for name in ("code", "state", "latitude", "steps"))
        # How many steps a run has must not show, for it may differ when the run is repeated; a lost step must.
        surplus = (ctx.sensory_memory.get("walked") or 0) - steps * (steps + 1) // 2
        memory = ctx.short_term_memory
        ended = (memory.get("ended") or 0) + 1
        _fail_once(ctx.config.get_str("walk.fail-once"), code)
        trace = as_long((memory.get("trace") or 0) * 31 + text_hash(code) + surplus)
        north = max(memory.get("far.north"), latitude) if memory.is_exist("far.north") else latitude
        memory.set("ended", ended)
        memory.set("trace", trace)
        memory.set("far.north", north)
        ctx.send_event(OutputEvent(output=f"{state},{code},{memory.get('begun')},{ended},{trace},{north}"))


def _fail_once(file: str | None, code: str) -> None:
    """Fail at one airport, unless the file exists, which is made."""
    if file and code == "BWI":
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        msg = f"no way through {code}"
        raise ValueError(msg)
