"""Context variables: every call of an action has its own, above those of whoever runs the agent."""

import asyncio
import contextvars

import pytest

from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from test_waiting_link import drive

INPUT = InputEvent.EVENT_TYPE
OWN = contextvars.ContextVar("own", default="nothing")
OUTER = contextvars.ContextVar("outer", default="nothing")


def marks(event, ctx):
    ctx.send_event(OutputEvent(output=[OWN.get(), OUTER.get()]))
    OWN.set(ctx.key)
    ctx.send_event(Event(type="next"))


def looks(event, ctx):
    ctx.send_event(OutputEvent(output=[OWN.get(), OUTER.get()]))


async def looks_later(event, ctx):
    await asyncio.sleep(0)
    ctx.send_event(OutputEvent(output=[OWN.get(), OUTER.get()]))


def marks_and_waits(event, ctx):
    assert OWN.get() == "nothing"
    OWN.set(ctx.key)
    # Others run meanwhile.
    ctx.short_term_memory.get("x")
    ctx.send_event(OutputEvent(output=[OWN.get() == ctx.key]))


def marks_and_fails(event, ctx):
    OWN.set("failed")
    raise LookupError


@pytest.mark.parametrize("other", [looks, looks_later])
def test_what_an_action_sets_is_seen_by_no_other_action_nor_by_the_caller(run, other):
    token = OUTER.set("of the caller")
    try:
        outputs = run([("a", 1), ("b", 2), ("a", 3)], (INPUT, marks), ("next", other))
    finally:
        OUTER.reset(token)
    assert [output for _, output in outputs] == [["nothing", "of the caller"]] * 6
    assert OWN.get() == "nothing"


def test_what_an_action_that_fails_has_set_is_gone(run):
    with pytest.raises(RuntimeError, match="LookupError"):
        run([("a", 1)], (INPUT, marks_and_fails))
    assert OWN.get() == "nothing"


def test_an_action_that_waits_for_memory_keeps_its_own():
    outputs = drive([(n, n) for n in range(20)], (INPUT, marks_and_waits))
    assert outputs == [(n, [True]) for n in range(20)]
    assert OWN.get() == "nothing"
