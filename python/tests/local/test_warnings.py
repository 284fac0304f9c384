"""Warnings of the core reach Python's logging, whose handlers may do what they like."""

import asyncio
import logging

import pytest

from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.runtime.executor import ActionExecutionError

INPUT = InputEvent.EVENT_TYPE
CONDITION = "type == 'next' && attributes.n > 1"


class Handler(logging.Handler):
    """Calls a function with each message; its errors go through."""

    def __init__(self, function):
        super().__init__(logging.WARNING)
        self.emit = lambda record: function(record.getMessage())


@pytest.fixture
def on_warning():
    logger = logging.getLogger("flink_agents")
    added = []

    def add(function):
        added.append(Handler(function))
        logger.addHandler(added[-1])

    yield add
    for handler in added:
        logger.removeHandler(handler)


CONTEXTS = []
GO = []


async def waits(event, ctx):
    ctx.short_term_memory.set("seen", ctx.key)
    CONTEXTS.append(ctx)
    GO.append(asyncio.Event())
    await GO[-1].wait()
    ctx.send_event(OutputEvent(output=ctx.short_term_memory.get("seen")))


def sends_text(event, ctx):
    CONTEXTS.append(ctx)
    ctx.send_event(Event(type="next", attributes={"n": "no number"}))


def never(event, ctx):
    raise AssertionError("its condition cannot be true")


def test_a_handler_that_uses_contexts_is_told_why_it_cannot_and_the_run_goes_on(run, on_warning):
    CONTEXTS.clear()
    GO.clear()
    messages, outcomes = [], []

    def use_contexts(message):
        messages.append(message)
        for context in CONTEXTS:
            with pytest.raises(RuntimeError) as refused:
                context.short_term_memory.get("seen")
            outcomes.append((context.action.name, str(refused.value)))
        for event in GO:
            event.set()

    on_warning(use_contexts)
    assert run([("k", 1)], (INPUT, waits), (INPUT, sends_text), (CONDITION, never)) == [("k", "s:k")]
    assert len(messages) == 1 and "never" in messages[0]
    assert outcomes[0][0] == "waits" and "is suspended: its context can be used only by its own code" in outcomes[0][1]
    assert outcomes[1][0] == "sends_text" and "has ended: its context cannot be used any more" in outcomes[1][1]


def test_a_handler_that_fails_ends_the_run_with_its_error(run, on_warning):
    def fails(message):
        raise LookupError("cannot log")

    on_warning(fails)
    with pytest.raises((LookupError, ActionExecutionError), match="cannot log"):
        run([("k", 1)], (INPUT, sends_text), (CONDITION, never))
