"""An agent whose inputs wait for durable calls, which end when the test lets them: the twin of ``PendingCalls.java``.

Calls and the test tell each other what they do by files of one directory: ``ledger``, a line for all that calls do; ``gate``,
the number of the first input whose calls may not end; ``fail``, which lets one call fail, that then removes it.
"""

from __future__ import annotations

import asyncio
import os
import time

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

LOOK_AGAIN = 0.01


def note(directory: str, what: str, which: object) -> None:
    """Add a line to the ledger, whole whoever else does the same."""
    file = os.open(os.path.join(directory, "ledger"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(file, f"{what} {which}\n".encode())
    finally:
        os.close(file)


def is_open(directory: str, number: int) -> bool:
    """Whether calls of this input may end; fails if the test wants a call to."""
    try:
        os.unlink(os.path.join(directory, "fail"))
    except FileNotFoundError:
        pass
    else:
        msg = "failed on purpose"
        raise ValueError(msg)
    try:
        with open(os.path.join(directory, "gate"), encoding="ascii") as gate:
            return number < int(gate.read())
    except FileNotFoundError:
        return False


def blocking(directory: str, number: int, part: int) -> str:
    """Hold a thread until the test lets it go."""
    name = f"{number}.{part}"
    note(directory, "begun", name)
    while not is_open(directory, number):
        time.sleep(LOOK_AGAIN)
    note(directory, "ended", name)
    return name


async def awaited(directory: str, number: int, part: int) -> str:
    """Wait on the loop, without a thread, until the test lets it go."""
    name = f"{number}.{part}"
    note(directory, "begun", name)
    try:
        while not is_open(directory, number):
            await asyncio.sleep(LOOK_AGAIN)
    except asyncio.CancelledError:
        note(directory, "given-up", name)
        raise
    note(directory, "ended", name)
    return name


class AskingAgent(Agent):
    """Asks for each input ``key/number``: by a blocking call, by one on the loop, by both side by side, in turns."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def ask(event: Event, ctx: RunnerContext) -> None:
        text = InputEvent.from_event(event).input
        number = int(text.partition("/")[2])
        directory = ctx.config.get_str("pending.directory")
        note(directory, "first-line", number)
        memory = ctx.short_term_memory
        count = (memory.get("count") or 0) + 1
        memory.set("count", count)
        kind = (number + number // ctx.config.get_int("pending.keys")) % 3
        if kind == 0:
            answer = await ctx.durable_execute_async(blocking, directory, number, 0)
        elif kind == 1:
            answer = await ctx.durable_execute_async(awaited, directory, number, 0)
        else:
            answer = "+".join(await ctx.durable_gather(
                ctx.durable_execute_async(blocking, directory, number, 0),
                ctx.durable_execute_async(awaited, directory, number, 1)))
        ctx.send_event(Event(type="answered", attributes={"answer": f"{text}#{count}={answer}"}))

    @action("answered")
    @staticmethod
    def answered(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=event.get_attr("answer")))
