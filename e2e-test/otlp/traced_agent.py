"""An agent without Flink that does everything which spans tell of.

Usage: traced_agent.py OPTIONS INPUTS

Both are JSON: an object of options, and a list of values, each with its ``kind``; ``times`` says how often it comes. All have one key,
so that they follow one another. At a gate it says ``at <name>`` and goes on when a line comes in. Its last line is JSON: how
many outputs and dead letters there were, and the counters of spans.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.runner_context import RunnerContext
from flink_agents.api.trace import ExecutionReporters


def of_kind(kind: str) -> str:
    """The condition on inputs of a kind."""
    return f"type == '{InputEvent.EVENT_TYPE}' && attributes.input.kind == '{kind}'"


def double(number: int) -> int:
    """Answers."""
    return 2 * number


def out_of_luck() -> None:
    """Raises."""
    msg = "not today"
    raise ValueError(msg)


class Traced(Agent):
    """An action for each kind of input."""

    @action(of_kind("everything"))
    @staticmethod
    def calls(event: Event, ctx: RunnerContext) -> None:
        metadata = {"toolCallId": "call-1", "toolType": "function"}
        ExecutionReporters.started(ctx, "tool", "add", metadata)
        ExecutionReporters.succeeded(ctx, "tool", "add", metadata)
        number = ctx.durable_execute(double, 4)
        try:
            ctx.durable_execute(out_of_luck)
        except ValueError:
            ctx.send_event(Event(type="asked", attributes={"number": number}))

    @action("asked")
    @staticmethod
    async def asks(event: Event, ctx: RunnerContext) -> None:
        model = {"model": "gpt-x"}
        ExecutionReporters.started(ctx, "llm", "helper", model)
        await ctx.durable_execute_async(double, event.get_attr("number"))
        ExecutionReporters.failed(ctx, "llm", "helper", model, OSError("no route"), "model_call_failed")
        ctx.send_event(OutputEvent(output="asked"))

    @action(of_kind("poison"))
    @staticmethod
    def fails(event: Event, ctx: RunnerContext) -> None:
        msg = "no way"
        raise ValueError(msg)

    @action(of_kind("load"))
    @staticmethod
    def counts(event: Event, ctx: RunnerContext) -> None:
        ctx.durable_execute(double, 1)
        ctx.send_event(OutputEvent(output="counted"))

    @action(of_kind("gate"))
    @staticmethod
    def waits(event: Event, ctx: RunnerContext) -> None:
        print("at", InputEvent.from_event(event).input["name"], flush=True)
        sys.stdin.readline()
        ctx.send_event(OutputEvent(output="gone on"))


def main(options: dict[str, str], wanted: list[dict[str, Any]]) -> None:
    """Runs to the end."""
    logging.basicConfig(format="%(levelname)s %(message)s")
    env = AgentsExecutionEnvironment.get_execution_environment()
    for key, value in options.items():
        env.get_config().set_str(key, value)
    inputs = ({"key": "k", "value": value} for value in wanted for _ in range(value.pop("times", 1)))
    builder = env.from_iterable(inputs).apply(Traced())
    outputs, letters = builder.to_list(), builder.dead_letters_to_list()
    env.execute("traced")
    counters = {name: value for name, value in env.metrics().values().items() if name.startswith("otlp")}
    print(json.dumps({"outputs": len(outputs), "letters": len(letters), **counters}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), json.loads(sys.argv[2]))
