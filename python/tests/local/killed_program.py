"""A run that ``test_journal_kill.py`` kills again and again. Its arguments: how many keys and inputs, and files for effects and outputs.

Each side effect is a line in the ledger: process, begin or end, function with arguments, idempotency key.
"""

import asyncio
import json
import os
import random
import sys
import time

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.durable_call import current_call
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment

LEDGER = os.open(os.environ["LEDGER"], os.O_RDWR | os.O_APPEND | os.O_CREAT)


def note(kind, *what):
    write(kind, what, current_call().idempotency_key)


def write(kind, what, key):
    line = json.dumps([os.getpid(), kind, what, key])
    os.write(LEDGER, f"{line}\n".encode())


def blocking(*what):
    note("begin", "blocking", *what)
    time.sleep(random.random() * 0.01)
    note("end", "blocking", *what)
    return [*what, "made"]


async def awaited(*what):
    note("begin", "awaited", *what)
    await asyncio.sleep(random.random() * 0.01)
    note("end", "awaited", *what)
    return {"of": list(what)}


def refuses(*what):
    note("begin", "refuses", *what)
    note("end", "refuses", *what)
    raise LookupError(*what)


def reconcilable(*what):
    note("begin", "reconcilable", *what)
    time.sleep(random.random() * 0.01)
    note("end", "reconcilable", *what)
    return "made"


def reconciler_of(*what):
    def reconciler():
        note("asked", "reconcilable", *what)
        return "made"

    return reconciler


class Killed(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def start(event, ctx):
        memory = ctx.short_term_memory
        count = (memory.get("count") or 0) + 1
        memory.set("count", count)
        key, number = event.get_attr("input")
        first = ctx.durable_execute(blocking, key, number, "first")
        ctx.send_event(Event(type="side", attributes={"key": key, "number": number, "count": count, "first": first}))
        ctx.send_event(Event(type="other", attributes={"key": key, "number": number}))

    @action("side")
    @staticmethod
    async def side_by_side(event, ctx):
        key, number = event.get_attr("key"), event.get_attr("number")
        call = ctx.durable_execute_async
        got = await ctx.durable_gather(call(blocking, key, number, "left"), call(awaited, key, number, "right"))

        async def two(name):
            one = await call(awaited, key, number, name, 1)
            return [one, await call(blocking, key, number, name, 2)]

        got += await asyncio.gather(two("a"), two("b"))
        try:
            await call(refuses, key, number)
        except LookupError as error:
            got.append(list(error.args))
        if number == 0:
            what = (key, number)
            got.append(await call(reconcilable, *what, reconciler=reconciler_of(*what)))
        ctx.sensory_memory.set("got", got)
        ctx.send_event(OutputEvent(output=["side", number, event.get_attr("count"), event.get_attr("first"), got]))

    @action("other")
    @staticmethod
    async def beside(event, ctx):
        key, number = event.get_attr("key"), event.get_attr("number")
        one = await ctx.durable_execute_async(awaited, key, number, "beside")
        ctx.short_term_memory.set("last", number)
        ctx.send_event(OutputEvent(output=["other", number, one]))


def main():
    keys, inputs = int(sys.argv[1]), int(sys.argv[2])
    env = AgentsExecutionEnvironment.get_execution_environment()
    env.get_config().set_str("actionStateStoreBackend", "sqlite")
    elements = [{"key": f"k{key}", "value": [key, number]} for number in range(inputs) for key in range(keys)]
    outputs = env.from_list(elements).apply(Killed()).to_list()
    size = os.fstat(LEDGER).st_size
    if size and os.pread(LEDGER, 1, size - 1) != b"\n":
        # The one before was killed in the middle of a line.
        os.write(LEDGER, b"\n")
    write("start", [], "")
    env.execute(sys.argv[3])
    with open(os.environ["OUTPUTS"], "w", encoding="utf-8") as file:
        json.dump(sorted(json.dumps(output) for output in outputs), file)


if __name__ == "__main__":
    main()
