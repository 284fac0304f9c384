"""Where durable calls stand in their action: by the order in which they are asked for, not by what ends first."""

import asyncio
import random

import pytest

from flink_agents import _core
from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.runtime.executor import Executor, actions_of
from flink_agents.runtime.metrics import MemoryMetricGroup
from flink_agents.runtime.resources import ResourceCache
from local_agents import agent_of

INPUT = InputEvent.EVENT_TYPE


class RecordingLink:
    """The core, with what it is told of calls."""

    may_wait = False

    def __init__(self, plan_json):
        self._core = _core.Local(plan_json)
        self.places = []
        self.ends = 0

    def __getattr__(self, name):
        return getattr(self._core, name)

    def call_begin(self, task, scope):
        place = self._core.call_begin(task, scope)
        self.places.append((scope, place))
        return place

    def call_scope(self, task, parent, group):
        number = self._core.call_scope(task, parent, group)
        self.places.append((f"group {number}" if group else f"task {number}", parent))
        return number

    def call_end(self, task):
        self._core.call_end(task)
        self.ends += 1


def places_of(action):
    """Run an action; returns what the link was told, and the output."""
    plan = AgentPlan.from_agent(agent_of((INPUT, action)))
    link = RecordingLink(plan.to_json())
    executor = Executor(link, actions_of(plan), agent="Agent", resources=ResourceCache(plan), config=plan.config,
                        metrics=MemoryMetricGroup())
    try:
        link.input("k", 0)
        executor.pump()
        while link.in_flight():
            executor.wait()
            executor.pump()
    finally:
        executor.close()
    begun = sum(isinstance(scope, int) for scope, _ in link.places)
    assert link.ends == begun
    return link.places


async def quick(delay=0.0):
    await asyncio.sleep(delay)


async def plain(event, ctx):
    await ctx.durable_execute_async(quick)
    ctx.durable_execute(max, 1, 2)
    await ctx.durable_gather(ctx.durable_execute_async(quick), ctx.durable_execute_async(quick))
    first, second = ctx.durable_execute_async(quick), ctx.durable_execute_async(quick)
    await second
    await first
    ctx.send_event(OutputEvent(output=None))


def test_calls_count_in_the_action_and_those_of_a_group_in_the_group():
    assert places_of(plain) == [
        (0, 0), (0, 1), (0, 2), (0, 3), ("group 1", 0), (1, 0), (1, 1), (0, 5), (0, 6)]


async def tasks(event, ctx):
    async def part(first, second):
        await ctx.durable_execute_async(quick, first)
        inner = asyncio.create_task(one_more())
        await ctx.durable_execute_async(quick, second)
        await inner

    async def one_more():
        await ctx.durable_execute_async(quick)

    delays = [random.random() / 200 for _ in range(4)]
    await asyncio.gather(part(*delays[:2]), part(*delays[2:]))
    await ctx.durable_execute_async(quick)


@pytest.mark.parametrize("attempt", range(5))
def test_each_task_counts_for_itself_whatever_ends_first(attempt):
    places = places_of(tasks)
    assert [place for place in places if place[0] in ("task 1", "task 2")] == [("task 1", 0), ("task 2", 0)]
    inner = {place[0]: place[1] for place in places if place[0] in ("task 3", "task 4")}
    assert sorted(inner.values()) == [1, 2]
    for scope in (1, 2):
        assert [place for place in places if place[0] == scope] == [(scope, 0), (scope, 2)]
    assert places[-1] == (0, 2)


async def inside(event, ctx):
    async def starts_tasks():
        await asyncio.gather(quick(), quick())
        await asyncio.create_task(quick())

    await ctx.durable_execute_async(starts_tasks)
    await ctx.durable_execute_async(quick)


def test_tasks_inside_a_call_take_no_place_since_a_recorded_call_would_start_none():
    assert places_of(inside) == [(0, 0), (0, 1)]


async def given_up(event, ctx):
    call = ctx.durable_execute_async(quick, 30)
    asyncio.get_running_loop().call_later(0.001, asyncio.current_task().cancel)
    try:
        await call
    except asyncio.CancelledError:
        ctx.durable_execute_async(quick).close()
    await ctx.durable_execute_async(quick)


def test_calls_that_were_given_up_keep_their_places():
    assert places_of(given_up) == [(0, 0), (0, 1), (0, 2)]


def test_scopes_and_calls_of_an_ended_action_are_refused():
    plan = AgentPlan.from_agent(agent_of((INPUT, plain)))
    link = _core.Local(plan.to_json())
    link.input("k", 0)
    task = link.next()[0]
    assert link.call_begin(task, 0) == 0
    assert link.call_scope(task, 0, True) == 1
    with pytest.raises(RuntimeError, match="Unknown scope 9"):
        link.call_begin(task, 9)
    link.call_end(task)
    with pytest.raises(RuntimeError, match="never begun"):
        link.call_end(task)
    link.finish(task)
    for refused in (lambda: link.call_begin(task, 0), lambda: link.call_scope(task, 0, False), lambda: link.call_end(task)):
        with pytest.raises(RuntimeError, match="has ended"):
            refused()
