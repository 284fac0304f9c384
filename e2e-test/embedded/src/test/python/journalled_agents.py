"""Agents whose durable calls leave lines in a file, the side effect, and that fail where the test says so.

Inputs are ``[directory, key, number]``. In the directory are ``ledger``, and perhaps ``failure``: ``raise 5`` or ``kill 5`` says at
which step of a worker its action raises, or the worker is killed. Who fails takes the file away.
"""

import asyncio
import os
import signal
import threading
from pathlib import Path

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.durable_call import current_call
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.function import JavaFunction
from flink_agents.api.runner_context import RunnerContext

JAVA = "org.apache.flink.agents.embedded.PythonJournalTest$JavaActions"


class Steps:
    """Steps of actions and calls of this process."""

    taken = 0
    raises = False
    # Calls count in threads.
    lock = threading.Lock()

    @classmethod
    def count(cls, directory: str) -> None:
        """Take a step; the failure that it may be comes at once if it kills, else with the next step of an action."""
        with cls.lock:
            cls.taken += 1
            here = cls.taken
        failure = Path(directory, "failure")
        try:
            kind, step = failure.read_text().split()
            if here != int(step):
                return
            failure.rename(Path(directory, "failed"))
        except FileNotFoundError:
            return
        if kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        cls.raises = True

    @classmethod
    def step(cls, directory: str) -> None:
        """Take a step of an action."""
        cls.count(directory)
        if cls.raises:
            cls.raises = False
            msg = "A failure that the test asked for"
            raise ValueError(msg)


def _enter(directory: str, run: str, step: int, name: str) -> None:
    Steps.count(directory)
    line = f"{run} {step} {name} {current_call().idempotency_key}\n"
    # One write, so that lines stay whole.
    with os.fdopen(os.open(Path(directory, "ledger"), os.O_WRONLY | os.O_APPEND | os.O_CREAT), "wb") as ledger:
        ledger.write(line.encode())
    Steps.count(directory)


class Receipt:
    """A result with a class of its own."""

    def __init__(self, text: str, length: int) -> None:
        self.text = text
        self.length = length


class Refused(Exception):
    """An exception with a class and an attribute of its own, and whose constructor wants more than its arguments."""

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(f"refused: {reason}")
        self.reason = reason
        self.code = code


def charge(directory: str, run: str) -> Receipt:
    _enter(directory, run, 0, "charge")
    return Receipt("charge", len(run))


def note(directory: str, run: str) -> None:
    _enter(directory, run, 1, "note")


def part(directory: str, run: str, name: str) -> str:
    _enter(directory, run, 2, name)
    return name[0]


async def part_on_loop(directory: str, run: str, name: str) -> str:
    await asyncio.sleep(0.0001)
    _enter(directory, run, 2, name)
    return name[0]


async def beside(directory: str, run: str, name: str) -> str:
    _enter(directory, run, 3, name)
    await asyncio.sleep(0.0001)
    return name[-1]


def order(directory: str, run: str) -> None:
    _enter(directory, run, 4, "order")
    reason = "no stock"
    raise Refused(reason, 7)


def last(directory: str, run: str) -> str:
    _enter(directory, run, 5, "last")
    return "reconciled"


class Books(Agent):
    """Two actions with durable calls of every kind."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def take(event: Event, ctx: RunnerContext) -> None:
        directory, key, number = InputEvent.from_event(event).input
        run = f"{key}/{number}"
        receipt = await ctx.durable_execute_async(charge, directory, run)
        Steps.step(directory)
        noted = ctx.durable_execute(note, directory, run)
        Steps.step(directory)
        parts = await ctx.durable_gather(
            ctx.durable_execute_async(part, directory, run, "a"),
            ctx.durable_execute_async(part_on_loop, directory, run, "b"),
            ctx.durable_execute_async(part, directory, run, "c"),
        )
        Steps.step(directory)
        parts += await asyncio.gather(*(_rests(ctx, directory, run, name) for name in ("task1", "task2")))
        refusal = ""
        try:
            await ctx.durable_execute_async(order, directory, run)
        except Refused as refused:
            refusal = f"{refused.reason} {refused.code}"
        Steps.step(directory)
        text = f"{receipt.text}({receipt.length}) {noted} {''.join(parts)} {refusal}"
        ctx.sensory_memory.set("receipt", receipt.length)
        ctx.send_event(Event(type="taken", attributes={"directory": directory, "run": run, "text": text}))

    @action("taken")
    @staticmethod
    def close(event: Event, ctx: RunnerContext) -> None:
        directory, run = event.get_attr("directory"), event.get_attr("run")
        Steps.step(directory)
        closed = ctx.durable_execute(last, directory, run, reconciler=lambda: _reconcile(directory, run))
        assert ctx.sensory_memory.get("receipt") == len(run)
        memory = ctx.short_term_memory
        count = (memory.get("count") or 0) + 1
        memory.set("count", count)
        Steps.step(directory)
        ctx.send_event(OutputEvent(output=f"{run} {event.get_attr('text')} {closed} #{count}"))


async def _rests(ctx: RunnerContext, directory: str, run: str, name: str) -> str:
    await asyncio.sleep(0.0001)
    return await ctx.durable_execute_async(beside, directory, run, name)


def _reconcile(directory: str, run: str) -> str:
    with Path(directory, "reconciled").open("a") as asked:
        asked.write(f"{run} {current_call().idempotency_key}\n")
    return "reconciled"


async def look(directory: str, run: str, step: int, seen: int) -> int:
    _enter(directory, run, step, "look")
    # What ends first is for chance to say.
    await asyncio.sleep((hash((run, step, seen)) % 5) / 10_000)
    return seen


class Beside(Agent):
    """Three actions of a run side by side that read what the others have written; that decides what they call."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def first(event: Event, ctx: RunnerContext) -> None:
        await _looks(event, ctx, "first")

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def second(event: Event, ctx: RunnerContext) -> None:
        await _looks(event, ctx, "second")

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def third(event: Event, ctx: RunnerContext) -> None:
        directory, key, number = InputEvent.from_event(event).input
        ctx.durable_execute(charge, directory, f"{key}/{number}/third")
        Steps.step(directory)
        ctx.sensory_memory.set("third", 1)
        ctx.send_event(OutputEvent(output=f"{key}/{number} third"))


async def _looks(event: Event, ctx: RunnerContext, name: str) -> None:
    directory, key, number = InputEvent.from_event(event).input
    run = f"{key}/{number}/{name}"
    for step in range(3):
        seen = sum(ctx.sensory_memory.get(other) or 0 for other in ("first", "second", "third"))
        assert await ctx.durable_execute_async(look, directory, run, step, seen) == seen
        Steps.step(directory)
    ctx.sensory_memory.set(name, 1)
    ctx.send_event(OutputEvent(output=f"{key}/{number} {name}"))


def strange(what: str, argument: str) -> object:
    """Bring what the journal does not take."""
    if what == "unpicklable":
        return lambda: argument
    if what == "large":
        return "x" * 3_000_000
    if what == "unpicklable exception":
        raise ValueError(lambda: argument)
    return what


def renamed(what: str, argument: str) -> object:
    return strange(what, argument)


class OddCalls(Agent):
    """One call, which is another one when the file ``changed`` says so; then a step."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def act(event: Event, ctx: RunnerContext) -> None:
        directory, what, _ = InputEvent.from_event(event).input
        changed = Path(directory, "changed")
        change = changed.read_text() if changed.exists() else ""
        function = renamed if change == "renamed" else strange
        argument = "2" if change == "other arguments" else "1"
        try:
            made = ctx.durable_execute(function, what, argument)
        except Exception as error:
            # An action that goes on whatever happens.
            made = type(error).__name__
        # It starts when the first has been recorded for good.
        ctx.durable_execute(charge, directory, "odd")
        Steps.step(directory)
        ctx.send_event(OutputEvent(output=made))


class MixedBooks(Agent):
    """Python, Java, Python, each with a durable call."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def first(event: Event, ctx: RunnerContext) -> None:
        directory, key, number = InputEvent.from_event(event).input
        run = f"{key}/{number}"
        receipt = await ctx.durable_execute_async(charge, directory, run)
        Steps.step(directory)
        ctx.short_term_memory.set("count", (ctx.short_term_memory.get("count") or 0) + 1)
        attributes = {"directory": directory, "run": run, "text": receipt.text}
        ctx.send_event(Event(type="to-java", attributes=attributes))

    @action("to-java", target=JavaFunction.for_action(JAVA, "middle"))
    @staticmethod
    def middle(event: Event, ctx: RunnerContext) -> None:
        pass

    @action("to-python")
    @staticmethod
    def close(event: Event, ctx: RunnerContext) -> None:
        directory, run = event.get_attr("directory"), event.get_attr("run")
        Steps.step(directory)
        closed = ctx.durable_execute(last, directory, run)
        Steps.step(directory)
        memory = ctx.short_term_memory
        count = memory.get("count")
        ctx.send_event(OutputEvent(output=f"{run} {event.get_attr('text')} {memory.get('java')} {closed} #{count}"))
