"""Actions leave no cycles behind, which the garbage collector would let pile up for minutes."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.runner_context import RunnerContext

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = 200
KEYS = 20


def double(number: int) -> int:
    return 2 * number


async def later(number: int) -> int:
    await asyncio.sleep(0)
    return number


def use_memory(event: Event, ctx: RunnerContext) -> int:
    number = InputEvent.from_event(event).input
    memory = ctx.short_term_memory
    memory.set("user.count", (memory.get("user.count") or 0) + 1)
    ctx.sensory_memory.set("input", number)
    return number


class Plain(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def take(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=ctx.durable_execute(double, use_memory(event, ctx))))


class Waiting(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def take(event: Event, ctx: RunnerContext) -> None:
        number = use_memory(event, ctx)
        await asyncio.sleep(0)
        await asyncio.create_task(later(number))
        ctx.send_event(OutputEvent(output=number))


class Calling(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def take(event: Event, ctx: RunnerContext) -> None:
        number = use_memory(event, ctx)
        one = await ctx.durable_execute_async(double, number)
        both = await ctx.durable_gather(ctx.durable_execute_async(double, one), ctx.durable_execute_async(later, one))
        ctx.send_event(OutputEvent(output=sum(both)))


class Left(Exception):
    """Shows by its absence that what was caught is gone, too."""


def refuse() -> None:
    raise Left


class Catching(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def take(event: Event, ctx: RunnerContext) -> None:
        number = use_memory(event, ctx)
        try:
            await ctx.durable_execute_async(refuse)
        except Left:
            ctx.send_event(OutputEvent(output=number))


@pytest.mark.parametrize("store", ["", "sqlite"])
@pytest.mark.parametrize("agent", [Plain, Waiting, Calling, Catching])
def test_what_an_action_has_left_behind_is_freed_without_the_garbage_collector(
    agent: type[Agent], store: str, tmp_path: Path
) -> None:
    env = AgentsExecutionEnvironment.get_execution_environment()
    if store:
        env.get_config().set_str("actionStateStoreBackend", store)
        env.get_config().set_str("sqlite.path", str(tmp_path / "journal.sqlite"))
    inputs: list[dict[str, Any]] = [{"key": f"k{number % KEYS}", "value": number} for number in range(INPUTS)]
    outputs = env.from_list(inputs).apply(agent()).to_list()
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        env.execute("garbage")
        assert len(outputs) == INPUTS
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = Counter(type(found).__name__ for found in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        if was_on:
            gc.enable()
    # What belongs to the run as a whole, and to each key, may go then; of each input nothing may.
    assert {name: count for name, count in left.items() if count > KEYS} == {}
