"""An agent under a load that stays the same and does not end: the twin of ``Steady.java``."""

from __future__ import annotations

import asyncio
import logging
import time

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

ROUND = 500
MOMENT = 0.002
log = logging.getLogger(__name__)


def blocking(number: int) -> str:
    """Hold a thread for a moment."""
    time.sleep(MOMENT)
    return f"b{number}"


async def awaited(number: int) -> str:
    """Hold none."""
    await asyncio.sleep(MOMENT)
    return f"s{number}"


class SteadyAgent(Agent):
    """Remembers and asks."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def take(event: Event, ctx: RunnerContext) -> None:
        text = InputEvent.from_event(event).input
        number = int(text.partition("/")[2])
        memory = ctx.short_term_memory
        count = (memory.get("count.of.inputs") or 0) + 1
        memory.set("count.of.inputs", count)
        ctx.sensory_memory.set("input", text)
        if number % 3 == 0:
            answer = await ctx.durable_execute_async(blocking, number)
        elif number % 3 == 1:
            answer = await ctx.durable_execute_async(awaited, number)
        else:
            answer = "+".join(await ctx.durable_gather(
                ctx.durable_execute_async(blocking, number), ctx.durable_execute_async(awaited, number)))
        ctx.action_metric_group.get_histogram("answerLength").update(len(answer))
        ctx.send_event(Event(type="taken", attributes={"answer": answer, "count": count, "place": number % ROUND}))

    @action("type == 'taken' && place > 0")
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        ctx.action_metric_group.get_counter("told").inc()
        ctx.send_event(OutputEvent(output=f"{ctx.sensory_memory.get('input')}={event.get_attr('answer')}"))

    @action("type == 'taken' && place == 0")
    @staticmethod
    def remark(event: Event, ctx: RunnerContext) -> None:
        log.info("another round: %s", event.get_attr("count"))
