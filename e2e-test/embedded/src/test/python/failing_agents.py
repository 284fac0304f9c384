"""Agents whose actions fail as often as their input says; each try leaves a line in a file.

Inputs are ``[directory, tag]``. The last character of a tag says how often the action that gets it fails; 9 is for ever.
"""

import asyncio
import os
from pathlib import Path

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.function import JavaFunction
from flink_agents.api.runner_context import RunnerContext

JAVA = "org.apache.flink.agents.embedded.PythonFailuresTest$JavaActions"


class Refused(Exception):
    """An exception with a class of its own."""


def note(directory: str, file: str, line: str) -> int:
    """Write a line; returns how often it is there."""
    path = Path(directory, file)
    # One write, so that lines stay whole.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "wb") as out:
        out.write(f"{line}\n".encode())
    return path.read_text().splitlines().count(line)


def fails(directory: str, tag: str) -> None:
    """Fail as often as the tag says."""
    tries = note(directory, "tries", tag)
    if tag[-1] == "9" or tries <= int(tag[-1]):
        msg = f"not yet: {tag}"
        raise Refused(msg)


def count(ctx: RunnerContext) -> int:
    """Count in short-term memory and send an output, all of which is void if the attempt fails."""
    seen = (ctx.short_term_memory.get("seen") or 0) + 1
    ctx.short_term_memory.set("seen", seen)
    ctx.sensory_memory.set("attempt", (ctx.sensory_memory.get("attempt") or 0) + 1)
    return seen


class Failing(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def act(event: Event, ctx: RunnerContext) -> None:
        directory, tag = InputEvent.from_event(event).input
        ctx.send_event(OutputEvent(output=f"{tag}#{count(ctx)} {ctx.sensory_memory.get('attempt')}"))
        fails(directory, tag)


class FailingAsync(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def act(event: Event, ctx: RunnerContext) -> None:
        directory, tag = InputEvent.from_event(event).input
        ctx.send_event(OutputEvent(output=f"{tag}#{count(ctx)} {ctx.sensory_memory.get('attempt')}"))
        await asyncio.sleep(0)
        fails(directory, tag)


def called(directory: str, tag: str) -> str:
    note(directory, "calls", tag)
    return "called"


def refused(directory: str, tag: str) -> str:
    fails(directory, tag)
    return "paid"


class FailingCalls(Agent):
    """One call that returns, and one that fails."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def act(event: Event, ctx: RunnerContext) -> None:
        directory, tag = InputEvent.from_event(event).input
        first = await ctx.durable_execute_async(called, directory, tag)
        second = ctx.durable_execute(called, directory, tag + "!")
        third = await ctx.durable_execute_async(refused, directory, tag)
        ctx.send_event(OutputEvent(output=f"{tag}#{count(ctx)} {first} {second} {third}"))


class FailingBeside(Agent):
    """A call, and a task, are under way when the action fails."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def act(event: Event, ctx: RunnerContext) -> None:
        directory, tag = InputEvent.from_event(event).input

        async def slow() -> str:
            await asyncio.sleep(0.03)
            return "slow"

        async def beside() -> str:
            return await ctx.durable_execute_async(slow)

        task = asyncio.ensure_future(beside())
        group = ctx.durable_gather(
            ctx.durable_execute_async(slow), ctx.durable_execute_async(refused, directory, tag)
        )
        brought = await group
        ctx.send_event(OutputEvent(output=f"{tag}#{count(ctx)} {await task} {'/'.join(brought)}"))


class FailingMixed(Agent):
    """Python, Java, Python: the last one fails, beside one that does not."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def first(event: Event, ctx: RunnerContext) -> None:
        directory, tag = InputEvent.from_event(event).input
        ctx.send_event(Event(type="to-java", attributes={"directory": directory, "tag": tag}))

    @action("to-java", target=JavaFunction.for_action(JAVA, "middle"))
    @staticmethod
    def middle(event: Event, ctx: RunnerContext) -> None:
        pass

    @action("to-python")
    @staticmethod
    def failing(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("failing", "seen")
        fails(event.get_attr("directory"), event.get_attr("tag"))
        ctx.send_event(OutputEvent(output=f"{event.get_attr('tag')} failing"))

    @action("to-python")
    @staticmethod
    def other(event: Event, ctx: RunnerContext) -> None:
        memory = ctx.short_term_memory
        output = f"{event.get_attr('tag')} other {memory.get('java')} {memory.get('failing')}"
        ctx.send_event(OutputEvent(output=output))


class FailingOddly(Agent):
    """Ends in ways that are no failures of an action, or that are hard to tell of."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def act(event: Event, ctx: RunnerContext) -> None:
        directory, tag = InputEvent.from_event(event).input
        note(directory, "tries", tag)
        if tag == "exit":
            raise SystemExit(3)
        if tag == "memory":
            msg = "it did not work"
            raise ValueError(msg) from MemoryError("no more")
        if tag == "surrogates":
            msg = "half a character: \ud800"
            raise ValueError(msg)
        if tag == "large":
            raise ValueError("x" * 3_000_000)
        if tag == "mute":

            class Mute(Exception):
                def __str__(self) -> str:
                    raise RuntimeError

            raise Mute
        while True:
            ctx.send_event(Event(type="more"))
