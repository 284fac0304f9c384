"""The executor over a link whose answers take time, as those of a worker do."""

import asyncio
import contextvars

import greenlet
import pytest

from flink_agents import _core
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.runtime.executor import ActionExecutionError, Executor, actions_of
from flink_agents.runtime.metrics import MemoryMetricGroup
from flink_agents.runtime.resources import ResourceCache
from local_agents import agent_of

INPUT = InputEvent.EVENT_TYPE
ORDER = []


class SlowLink:
    """Answers each question about memory with WAIT first; ``deliver`` brings the answers."""

    may_wait = True

    def __init__(self, plan_json):
        self._core = _core.Local(plan_json)
        self._asked = []
        self._answered = set()

    def __getattr__(self, name):
        return getattr(self._core, name)

    def deliver(self):
        tasks, self._asked = self._asked, []
        self._answered.update(tasks)
        return tasks

    def _slow(self, name, task, *args):
        if task in self._answered:
            self._answered.discard(task)
            return getattr(self._core, name)(task, *args)
        self._asked.append(task)
        return _core.WAIT

    def memory_get(self, *args):
        return self._slow("memory_get", *args)

    def memory_set(self, *args):
        return self._slow("memory_set", *args)

    def memory_new_object(self, *args):
        return self._slow("memory_new_object", *args)

    def memory_children(self, *args):
        return self._slow("memory_children", *args)


def drive(inputs, *actions):
    ORDER.clear()
    plan = AgentPlan.from_agent(agent_of(*actions))
    link = SlowLink(plan.to_json())
    executor = Executor(link, actions_of(plan), agent="Agent", resources=ResourceCache(plan), config=plan.config,
                        metrics=MemoryMetricGroup())
    try:
        for key, value in inputs:
            link.input(key, value)
        executor.pump()
        while link.in_flight():
            assert executor.pending
            tasks = link.deliver()
            if tasks:
                executor.answered(tasks)
            if executor.has_async:
                executor.kick()
                executor.wait()
            executor.pump()
        return link.outputs()
    finally:
        executor.close()


def count(event, ctx):
    ORDER.append(("begin", ctx.key))
    memory = ctx.short_term_memory
    n = (memory.get("count") or 0) + 1
    memory.set("count", n)
    memory.new_object("object").set("a", n)
    assert memory.get_fields() == {"count": n, "object": "NestedObject"}
    ORDER.append(("end", ctx.key))
    ctx.send_event(OutputEvent(output=n))


async def count_async(event, ctx):
    memory = ctx.short_term_memory
    n = (memory.get("count") or 0) + 1
    await asyncio.sleep(0)
    memory.set("count", n)
    await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0))
    ctx.send_event(OutputEvent(output=memory.get("count")))


def quick(event, ctx):
    ORDER.append("quick")
    ctx.send_event(Event(type="next"))


def boom(event, ctx):
    ctx.short_term_memory.get("x")
    raise LookupError("after waiting")


async def boom_async(event, ctx):
    await asyncio.sleep(0)
    ctx.short_term_memory.get("x")
    raise LookupError("after waiting")


async def child_reads(event, ctx):
    async def child():
        return ctx.short_term_memory.get("x")

    await asyncio.gather(child())


VARIABLE = contextvars.ContextVar("variable", default=0)


async def nested(event, ctx):
    VARIABLE.set(event.get_attr("input"))
    await asyncio.sleep(0)
    found = []
    # As some database libraries do it.
    inner = greenlet.greenlet(lambda: found.append(ctx.short_term_memory.get("x")))
    inner.switch()
    assert found == [None]
    assert VARIABLE.get() == event.get_attr("input")
    await asyncio.sleep(0)
    ctx.send_event(OutputEvent(output=VARIABLE.get()))


def wrong_value(event, ctx):
    try:
        ctx.short_term_memory.set("x", {1, 2})
    except TypeError as error:
        ctx.send_event(OutputEvent(output=str(error)))


def test_keys_go_on_while_one_waits_for_memory():
    outputs = drive([("a", 0), ("b", 0), ("a", 0)], (INPUT, count))
    assert sorted(outputs) == [("a", 1), ("a", 2), ("b", 1)]
    assert ORDER[:2] == [("begin", "s:a"), ("begin", "s:b")]


def test_many_keys_share_a_few_greenlets_one_after_another():
    outputs = drive([(n % 50, 0) for n in range(500)], (INPUT, count))
    assert sorted(outputs) == sorted((key, n) for key in range(50) for n in range(1, 11))


def test_async_actions_wait_for_memory_in_the_middle():
    outputs = drive([(n % 20, 0) for n in range(100)], (INPUT, count_async))
    assert sorted(outputs) == sorted((key, n) for key in range(20) for n in range(1, 6))


def test_both_kinds_together():
    outputs = drive([("a", 0), ("b", 0)], (INPUT, count_async), (INPUT, count), (INPUT, quick))
    assert len(outputs) == 4


@pytest.mark.parametrize("action", [boom, boom_async])
def test_a_failure_after_waiting_is_named(action):
    with pytest.raises(ActionExecutionError, match=f"action '{action.__name__}', key 'k': LookupError: after waiting"):
        drive([("k", 0), ("other", 0)], (INPUT, action))


def test_a_child_task_that_would_have_to_wait_is_told_why():
    with pytest.raises(ActionExecutionError, match="can be read only by the action itself|only by its own code"):
        drive([("k", 0)], (INPUT, child_reads))


def test_greenlets_of_the_action_may_wait_and_context_variables_are_its_own():
    assert sorted(drive([(n, n) for n in range(1, 5)], (INPUT, nested))) == [(n, n) for n in range(1, 5)]


def test_an_error_of_the_link_reaches_the_action():
    (_, text), = drive([("k", 0)], (INPUT, wrong_value))
    assert "type 'set'" in text


def test_what_waits_at_the_end_is_unwound():
    closed = []

    def waits(event, ctx):
        try:
            ctx.short_term_memory.get("x")
        finally:
            closed.append(True)

    plan = AgentPlan.from_agent(agent_of((INPUT, quick)))
    plan.actions["quick"].exec._func = waits
    link = SlowLink(plan.to_json())
    executor = Executor(link, actions_of(plan), agent="Agent", resources=ResourceCache(plan), config=plan.config,
                        metrics=MemoryMetricGroup())
    link.input("k", 0)
    executor.pump()
    assert executor.pending and not closed
    executor.close()
    assert closed == [True]
