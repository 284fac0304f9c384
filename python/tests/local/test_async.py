"""``async def`` actions on a real asyncio loop."""

import asyncio
import contextvars
import sys
import threading

import pytest

from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.runtime.executor import ActionExecutionError
from local_agents import agent_of

INPUT = InputEvent.EVENT_TYPE
STATE = {}
VARIABLE = contextvars.ContextVar("variable", default="unset")


@pytest.fixture(autouse=True)
def clean():
    STATE.clear()


async def meet(event, ctx):
    """Goes on only when all actions wait here: it would hang if they did not overlap."""
    STATE["waiting"] = STATE.get("waiting", 0) + 1
    barrier = STATE.setdefault("barrier", asyncio.Event())
    if STATE["waiting"] == event.get_attr("input"):
        barrier.set()
    await barrier.wait()
    ctx.send_event(OutputEvent(output="met"))


async def helpers(event, ctx):
    async def part(n):
        await asyncio.sleep(0)
        return n

    task = asyncio.create_task(part(1))
    gathered = await asyncio.gather(part(2), part(3), ctx.durable_execute_async(pow, 2, 5))
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.001)
    except asyncio.TimeoutError:
        gathered.append("timeout")
    gathered.append(await asyncio.get_running_loop().run_in_executor(None, threading.current_thread))
    assert gathered.pop() is not threading.current_thread()
    ctx.send_event(OutputEvent(output=[await task, *gathered]))


async def around_a_wait(event, ctx):
    memory = ctx.short_term_memory
    before = memory.get("n") or 0
    ctx.send_event(Event(type="before", attributes={"n": event.get_attr("input")}))
    VARIABLE.set(event.get_attr("input"))
    await asyncio.sleep(0)
    assert VARIABLE.get() == event.get_attr("input")
    memory.set("n", before + 1)
    await asyncio.sleep(0)
    ctx.send_event(OutputEvent(output=memory.get("n")))


def count(event, ctx):
    ctx.send_event(OutputEvent(output=[event.get_attr("n"), ctx.short_term_memory.get("n")]))


async def wait_for_other(event, ctx):
    STATE["event"] = asyncio.Event()
    await STATE["event"].wait()
    ctx.send_event(OutputEvent(output="waited"))


def set_other(event, ctx):
    STATE["event"].set()
    ctx.send_event(OutputEvent(output="set"))


async def twice(event, ctx):
    result = ctx.durable_execute_async(STATE.setdefault("calls", []).append, 1)
    assert STATE["calls"] == []
    await result
    assert STATE["calls"] == [1]
    await result


def direct(event, ctx):
    ctx.send_event(OutputEvent(output=ctx.durable_execute(max, 1, 2, key=lambda n: -n)))


def not_callable(event, ctx):
    ctx.durable_execute(max(1, 2))


async def cancels_itself(event, ctx):
    asyncio.current_task().cancel()
    await asyncio.sleep(0)


async def survives_cancel(event, ctx):
    asyncio.current_task().cancel()
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        ctx.send_event(OutputEvent(output="survived"))


async def child_exits(event, ctx):
    async def child():
        sys.exit(4)

    asyncio.create_task(child())
    await asyncio.Event().wait()


async def fails_late(event, ctx):
    await asyncio.sleep(0)
    if event.get_attr("input") == 3:
        raise LookupError("late")
    try:
        await asyncio.Event().wait()
    finally:
        STATE["closed"] = STATE.get("closed", 0) + 1


async def leaves_task(event, ctx):
    async def endless():
        try:
            await asyncio.Event().wait()
        finally:
            STATE["ended"] = True

    STATE["task"] = asyncio.create_task(endless())
    await asyncio.sleep(0)


async def child_uses_context(event, ctx):
    async def child():
        ctx.send_event(OutputEvent(output="from a child"))

    await asyncio.gather(child())


def runs_its_own_loop(event, ctx):
    async def inner():
        await asyncio.sleep(0)
        return "inner"

    ctx.send_event(OutputEvent(output=asyncio.run(inner())))


async def foreign_wait(event, ctx):
    class Foreign:
        def __await__(self):
            yield "not a future"

    await Foreign()


def test_actions_of_different_keys_overlap(run):
    assert sorted(run([(n, 300) for n in range(300)], (INPUT, meet))) == [(n, "met") for n in range(300)]


def test_the_helpers_of_asyncio_work(run):
    assert run([("k", 0)], (INPUT, helpers)) == [("k", [1, 2, 3, 32, "timeout"])]


def test_memory_and_events_around_a_wait(run):
    outputs = run([("k", 1), ("k", 2), ("j", 7)], (INPUT, around_a_wait), ("before", count))
    assert [value for key, value in outputs if key == "k"] == [1, [1, 1], 2, [2, 2]]
    assert [value for key, value in outputs if key == "j"] == [1, [7, 1]]


def test_other_actions_of_the_same_run_go_on_while_one_waits(run):
    outputs = run([("k", 0)], (INPUT, wait_for_other), (INPUT, set_other))
    assert outputs == [("k", "set"), ("k", "waited")]


def test_durable_calls_run_where_they_are_awaited_and_once(run):
    with pytest.raises(ActionExecutionError, match="awaited once only"):
        run([("k", 0)], (INPUT, twice))
    assert STATE["calls"] == [1]


def test_durable_execute_calls_directly(run):
    assert run([("k", 0)], (INPUT, direct)) == [("k", 1)]


def test_a_durable_call_of_a_result_is_refused(run):
    with pytest.raises(ActionExecutionError, match=r"write durable_execute\(f, x\)"):
        run([("k", 0)], (INPUT, not_callable))


def test_a_cancelled_action_fails_and_one_that_catches_it_goes_on(run):
    with pytest.raises(ActionExecutionError, match="action 'cancels_itself'.*CancelledError"):
        run([("k", 0)], (INPUT, cancels_itself))


def test_an_action_may_survive_its_cancellation(run):
    assert run([("k", 0)], (INPUT, survives_cancel)) == [("k", "survived")]


def test_a_child_task_that_calls_sys_exit_does_not_end_the_process(run):
    with pytest.raises(RuntimeError, match=r"sys\.exit\(4\)"):
        run([("k", 0)], (INPUT, child_exits))


def test_a_failure_ends_the_actions_that_wait(run):
    with pytest.raises(ActionExecutionError, match="key 3: LookupError: late"):
        run([(n, n) for n in range(10)], (INPUT, fails_late))
    assert STATE["closed"] == 9


def test_a_task_left_behind_is_ended(run):
    run([("k", 0)], (INPUT, leaves_task))
    assert STATE["ended"] and STATE["task"].cancelled()


def test_child_tasks_cannot_use_the_context_and_are_told_why(run):
    with pytest.raises(ActionExecutionError, match="can be used only by its own code.*return their results to it"):
        run([("k", 0)], (INPUT, child_uses_context))


def test_def_actions_may_run_a_loop_of_their_own_beside_async_ones(run):
    outputs = run([("k", 1)], (INPUT, runs_its_own_loop), (INPUT, meet))
    assert sorted(outputs) == [("k", "inner"), ("k", "met")]


def test_a_wait_that_asyncio_does_not_know_fails_the_action(run):
    with pytest.raises(ActionExecutionError, match="action 'foreign_wait'.*bad yield"):
        run([("k", 0)], (INPUT, foreign_wait))


def test_execute_works_inside_a_running_loop(environment):
    outputs = environment.from_list([{"value": 3}] * 3).apply(agent_of((INPUT, meet))).to_list()

    async def notebook():
        VARIABLE.set("notebook")
        environment.execute()

    asyncio.run(notebook())
    assert sorted(map(str, outputs)) == ["{0: 'met'}", "{1: 'met'}", "{2: 'met'}"]


class Connection:
    """Opened and closed by waiting, as clients are."""

    async def __aenter__(self):
        STATE.setdefault("closed", [])
        return self

    async def __aexit__(self, *exception):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        STATE["closed"].append(exception[0])


async def holds_a_connection(event, ctx):
    n = event.get_attr("input")
    if n == "quick":
        ctx.send_event(OutputEvent(output=n))
        return
    if n == "fails":
        await asyncio.sleep(0)
        raise LookupError(n)
    async with Connection():
        await asyncio.Event().wait()


async def fails_on_its_way_out(event, ctx):
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        raise ValueError("cannot close")


def test_actions_that_wait_when_the_stream_is_closed_can_wait_to_clean_up(environment):
    elements = [{"value": name} for name in ("one", "two", "quick")]
    stream = environment.from_list(elements).apply(agent_of((INPUT, holds_a_connection))).execute_stream()
    assert next(stream) == {2: "quick"}
    stream.close()
    assert STATE["closed"] == [asyncio.CancelledError] * 2


def test_actions_that_wait_when_another_fails_can_wait_to_clean_up(run):
    with pytest.raises(ActionExecutionError, match="LookupError: fails"):
        run([(1, "one"), (2, "two"), (3, "fails")], (INPUT, holds_a_connection))
    assert STATE["closed"] == [asyncio.CancelledError] * 2


def test_what_fails_when_it_is_ended_is_logged_and_does_not_hide_the_reason(run, caplog):
    with pytest.raises(ActionExecutionError, match="LookupError: fails"):
        run([(3, "fails")], (INPUT, fails_on_its_way_out), (INPUT, holds_a_connection))
    # Other libraries log when they like: asyncio, of what another test left to the garbage collector.
    own = [record.getMessage() for record in caplog.records if record.name.startswith("flink_agents")]
    assert own == [
        "Agent 'Agent', action 'fails_on_its_way_out': it failed while it was ended, since the run is over."]
    assert "ValueError: cannot close" in caplog.text


def runs_a_loop_in_vain(event, ctx):
    inner = asyncio.sleep(0)
    try:
        asyncio.run(inner)
    finally:
        inner.close()


def test_a_def_action_that_runs_a_loop_inside_a_running_one_is_told_what_to_do(run):
    async def notebook():
        return run([("k", 1)], (INPUT, runs_a_loop_in_vain))

    with pytest.raises(ActionExecutionError, match="as those of notebooks do: write the action as 'async def'"):
        asyncio.run(notebook())
