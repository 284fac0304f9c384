"""Durable calls of ``async def`` actions: made by threads or on the loop, side by side, given up."""

import asyncio
import contextvars
import functools
import gc
import sys
import threading
import time

import pytest

from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.runtime.executor import ActionExecutionError

INPUT = InputEvent.EVENT_TYPE
STATE = {}
VARIABLE = contextvars.ContextVar("variable", default="unset")
POOL = "flink-agents-python-async-"


@pytest.fixture(autouse=True)
def clean():
    STATE.clear()
    yield
    for release in STATE.get("release", []):
        release.set()


def pool_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith(POOL)]


def output(ctx, value):
    ctx.send_event(OutputEvent(output=value))


def blocking(value):
    assert threading.current_thread().name.startswith(POOL)
    return ("blocking", value)


async def awaited(value):
    assert not threading.current_thread().name.startswith(POOL)
    await asyncio.sleep(0)
    return ("awaited", value)


class Client:
    """Has methods of both kinds, and can be called itself."""

    async def fetch(self, value):
        await asyncio.sleep(0)
        return ("fetched", value)

    async def __call__(self, value):
        return await self.fetch(value)


def fails(text):
    raise LookupError(text)


async def fails_later(text):
    await asyncio.sleep(0)
    raise LookupError(text)


def hang():
    """Blocks until the test is over."""
    release = threading.Event()
    STATE.setdefault("release", []).append(release)
    release.wait()
    return "late"


async def hang_async():
    try:
        await asyncio.Event().wait()
    finally:
        STATE["cancelled"] = STATE.get("cancelled", 0) + 1


# ---- both kinds, everywhere in an action

async def one_after_another(event, ctx):
    client = Client()
    results = [
        await ctx.durable_execute_async(blocking, 1),
        await ctx.durable_execute_async(awaited, value=2),
        await ctx.durable_execute_async(functools.partial(awaited, 3)),
        await ctx.durable_execute_async(client.fetch, 4),
        await ctx.durable_execute_async(client, 5),
        await ctx.durable_execute_async(Client) is not None,
        await ctx.durable_execute_async(dict, a=1),
        ctx.durable_execute(max, 1, 2),
    ]
    output(ctx, results)


def test_blocking_and_asynchronous_functions_are_called(run):
    (_, results), = run([("k", 0)], (INPUT, one_after_another))
    assert results == [["blocking", 1], ["awaited", 2], ["awaited", 3], ["fetched", 4], ["fetched", 5], True, {"a": 1}, 2]


async def composed(event, ctx):
    def call(n):
        return ctx.durable_execute_async(blocking if n % 2 else awaited, n)

    async def part(n):
        return (await call(n))[1]

    found = [await asyncio.gather(call(1), call(2), part(3))]
    task = asyncio.create_task(part(4))
    found.append(await asyncio.wait_for(call(5), 10))
    found.append(await asyncio.wait_for(part(6), 10))
    done, _ = await asyncio.wait([asyncio.ensure_future(call(7)), asyncio.create_task(part(8))])
    found.append(sorted(str(one.result()) for one in done))
    found.append(await asyncio.shield(call(9)))
    found.append([(await one)[1] for one in asyncio.as_completed([call(10)])])
    found.append(await task)
    output(ctx, found)


def test_the_helpers_of_asyncio_take_calls(run):
    (_, found), = run([("k", 0)], (INPUT, composed))
    assert found == [
        [["blocking", 1], ["awaited", 2], 3], ["blocking", 5], 6, ["('blocking', 7)", "8"], ["blocking", 9], [10], 4]


@pytest.mark.skipif(not hasattr(asyncio, "TaskGroup"), reason="Python 3.11 and later")
def test_a_task_group_and_a_timeout_around_calls(run):
    async def grouped(event, ctx):
        async def part(n):
            return await ctx.durable_execute_async(blocking, n)

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            tasks = [group.create_task(part(n)) for n in range(3)]
        output(ctx, [task.result()[1] for task in tasks])
        try:
            async with asyncio.timeout(0.01):
                await ctx.durable_execute_async(hang_async)
        except TimeoutError:
            output(ctx, "timed out")

    STATE["grouped"] = grouped
    assert run([("k", 0)], (INPUT, grouped_action)) == [("k", [0, 1, 2]), ("k", "timed out")]
    assert STATE["cancelled"] == 1


async def grouped_action(event, ctx):
    await STATE["grouped"](event, ctx)


async def meets(event, ctx):
    """Comes back only if the calls of all keys are under way at a time."""
    value, number, kind = event.get_attr("input")

    def meet():
        STATE["barrier"].wait(30)
        return value

    async def meet_async():
        STATE["here"] = STATE.get("here", 0) + 1
        if STATE["here"] == number:
            STATE.setdefault("event", asyncio.Event()).set()
        await STATE.setdefault("event", asyncio.Event()).wait()
        return value

    output(ctx, await ctx.durable_execute_async(meet if kind == "blocking" else meet_async))


@pytest.mark.parametrize(("kind", "number"), [("blocking", 300), ("async", 10_000)])
def test_calls_of_many_keys_are_under_way_at_a_time(run, kind, number):
    STATE["barrier"] = threading.Barrier(number)
    outputs = run([(n, [n, number, kind]) for n in range(number)], (INPUT, meets))
    assert sorted(outputs) == [(n, n) for n in range(number)]


async def variables(event, ctx):
    def change():
        seen = VARIABLE.get()
        VARIABLE.set("changed")
        return seen

    async def change_async():
        return change()

    VARIABLE.set(event.get_attr("input"))
    seen = [await ctx.durable_execute_async(change), await ctx.durable_execute_async(change_async), VARIABLE.get()]
    output(ctx, seen)


def test_calls_see_a_copy_of_the_context_variables(run):
    assert run([(1, "a"), (2, "b")], (INPUT, variables)) == [(1, ["a"] * 3), (2, ["b"] * 3)]


async def fails_by(event, ctx):
    func, text = {"blocking": (fails, "one"), "async": (fails_later, "two")}[event.get_attr("input")]
    await ctx.durable_execute_async(func, text)


@pytest.mark.parametrize(("kind", "text"), [("blocking", "one"), ("async", "two")])
def test_what_a_call_raises_is_raised_where_it_is_awaited(run, kind, text):
    with pytest.raises(ActionExecutionError, match=f"action 'fails_by', key 'k': LookupError: {text}") as failed:
        run([("k", kind)], (INPUT, fails_by))
    assert failed.value.__cause__.__traceback__.tb_next is not None


# ---- side by side

async def gathers(event, ctx):
    together = threading.Barrier(3)

    def meet(n):
        together.wait(30)
        return n

    call = ctx.durable_execute_async
    found = await ctx.durable_gather(call(meet, 1), call(meet, 2), call(awaited, 3), call(meet, 4))
    found.append(await ctx.durable_gather())
    output(ctx, found)


def test_durable_gather_makes_calls_side_by_side_and_returns_results_in_order(run):
    assert run([("k", 0)], (INPUT, gathers)) == [("k", [1, 2, ["awaited", 3], 4, []])]


async def fails_in_a_group(event, ctx):
    try:
        await ctx.durable_gather(
            ctx.durable_execute_async(hang), ctx.durable_execute_async(hang_async),
            ctx.durable_execute_async(fails, "first"),
        )
    except LookupError as error:
        output(ctx, str(error))


def test_the_first_failure_gives_up_the_rest(run):
    assert run([("k", 0)], (INPUT, fails_in_a_group)) == [("k", "first")]
    assert STATE["cancelled"] == 1


async def all_end(event, ctx):
    try:
        await ctx.durable_gather(
            ctx.durable_execute_async(fails_later, "second to fail"), ctx.durable_execute_async(awaited, 1),
            ctx.durable_execute_async(fails, "first to fail"), cancel_on_failure=False,
        )
    except LookupError as error:
        output(ctx, [str(error), getattr(error, "__notes__", None)])


def test_if_so_asked_all_calls_end_before_the_first_failure_in_order_is_raised(run):
    (_, (text, notes)), = run([("k", 0)], (INPUT, all_end))
    assert text == "second to fail"
    if hasattr(BaseException, "add_note"):
        assert len(notes) == 1 and "test_durable_calls.fails'" in notes[0] and "first to fail" in notes[0]


async def failures_are_results(event, ctx):
    call = ctx.durable_execute_async
    found = await ctx.durable_gather(call(fails_later, "no"), call(awaited, 1), call(fails, "not"), return_exceptions=True)
    output(ctx, [str(one) if isinstance(one, LookupError) else one for one in found])


def in_place(event, ctx):
    async def gather():
        calls = (ctx.durable_execute_async(len, each) for each in (1, "ab"))
        return await ctx.durable_gather(*calls, return_exceptions=True)

    first, second = asyncio.run(gather())
    output(ctx, [type(first).__name__, second])


@pytest.mark.parametrize("store", [None, "sqlite"])
def test_if_so_asked_exceptions_are_results(run, tmp_path, monkeypatch, store):
    monkeypatch.chdir(tmp_path)
    config = {"actionStateStoreBackend": store, "job-identifier": "gathers"} if store else {}
    assert sorted(run([("k", 0)], (INPUT, failures_are_results), (INPUT, in_place), config=config)) == [
        ("k", ["TypeError", 2]), ("k", ["no", ["awaited", 1], "not"]),
    ]


async def gather_is_cancelled(event, ctx):
    try:
        await asyncio.wait_for(ctx.durable_gather(
            ctx.durable_execute_async(hang_async), ctx.durable_execute_async(hang_async)), 0.01)
    except asyncio.TimeoutError:
        await asyncio.sleep(0)
        output(ctx, STATE["cancelled"])


def test_a_cancelled_group_gives_up_all_its_calls(run):
    assert run([("k", 0)], (INPUT, gather_is_cancelled)) == [("k", 2)]


async def gathers_many(event, ctx):
    begun = time.monotonic()
    found = await ctx.durable_gather(*(ctx.durable_execute_async(awaited, n) for n in range(10_000)))
    output(ctx, [sum(n for _, n in found), time.monotonic() - begun < 20])


def test_a_group_may_be_large(run):
    assert run([("k", 0)], (INPUT, gathers_many)) == [("k", [sum(range(10_000)), True])]


async def gathers_wrongly(event, ctx):
    call = ctx.durable_execute_async(blocking, 1)
    refused = []
    other = awaited(1)
    for calls in ((call, call), (other,), (7,)):
        try:
            await ctx.durable_gather(*calls)
        except (TypeError, ValueError) as error:
            refused.append(f"{type(error).__name__}: {error}")
    other.close()
    await call
    try:
        await ctx.durable_gather(call)
    except ValueError as error:
        refused.append(str(error))
    output(ctx, refused)


def test_durable_gather_takes_fresh_calls_only(run):
    (_, refused), = run([("k", 0)], (INPUT, gathers_wrongly))
    assert "Argument 2 of durable_gather is a call that was awaited before, is given twice" in refused[0]
    assert "not <coroutine object" in refused[1] and "use asyncio.gather" in refused[1]
    assert refused[2].startswith("TypeError") and "Argument 1" in refused[3]


# ---- given up

async def gives_up(event, ctx):
    late = ctx.agent_metric_group.get_counter("numOfLateCallResults")
    seen = []
    task = asyncio.ensure_future(ctx.durable_execute_async(hang))
    while not STATE.get("release"):
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait([task])
    seen.append((task.cancelled(), late.get_count()))
    STATE["release"].pop().set()
    while late.get_count() == 0:
        await asyncio.sleep(0.001)
    try:
        await asyncio.wait_for(ctx.durable_execute_async(hang_async), 0.01)
    except asyncio.TimeoutError:
        await asyncio.sleep(0)
        seen.append((STATE["cancelled"], late.get_count()))
    output(ctx, seen)


def test_what_a_call_brings_after_it_was_given_up_is_dropped_and_counted(run):
    assert run([("k", 0)], (INPUT, gives_up)) == [("k", [[True, 0], [1, 1]])]


async def stubborn():
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "all the same"


async def gives_up_a_stubborn_one(event, ctx):
    try:
        await asyncio.wait_for(ctx.durable_execute_async(stubborn), 0.01)
    except asyncio.TimeoutError:
        await asyncio.sleep(0)
        output(ctx, ctx.agent_metric_group.get_counter("numOfLateCallResults").get_count())


def test_a_function_that_goes_on_when_it_is_cancelled_returns_to_nobody(run):
    assert run([("k", 0)], (INPUT, gives_up_a_stubborn_one)) == [("k", 1)]


async def cancelled_before_its_turn(event, ctx):
    action = asyncio.current_task()

    async def returns_and_cancels():
        # Runs right after the step in which this function returns, before the core has given the action its turn.
        asyncio.get_running_loop().call_later(0, action.cancel)
        await asyncio.sleep(0)
        return "lost"

    late = ctx.agent_metric_group.get_counter("numOfLateCallResults")
    seen = []
    for call in (ctx.durable_execute_async(returns_and_cancels),
                 ctx.durable_gather(ctx.durable_execute_async(returns_and_cancels))):
        try:
            await call
        except asyncio.CancelledError:
            seen.append(late.get_count())
    output(ctx, [seen, await ctx.durable_execute_async(awaited, 1)])


def test_an_action_may_be_cancelled_between_a_result_and_its_turn(run):
    assert run([("k", 0)], (INPUT, cancelled_before_its_turn)) == [("k", [[1, 2], ["awaited", 1]])]


async def closes_its_call(event, ctx):
    call = ctx.durable_execute_async(blocking, 1)
    call.close()
    try:
        await call
    except RuntimeError as error:
        output(ctx, str(error))


def test_a_closed_call_is_not_made_and_cannot_be_awaited(run, recwarn):
    (_, text), = run([("k", 0)], (INPUT, closes_its_call))
    assert "awaited once only" in text and not recwarn.list


async def hangs_or_fails(event, ctx):
    if event.get_attr("input") == "fails":
        while not STATE.get("release"):
            await asyncio.sleep(0)
        raise LookupError("enough")
    try:
        await ctx.durable_execute_async(hang)
    finally:
        STATE["unwound"] = True


def test_the_end_does_not_wait_for_calls_that_hang_and_leaves_no_other_thread(run):
    with pytest.raises(ActionExecutionError, match="enough"):
        run([("a", "hangs"), ("b", "fails")], (INPUT, hangs_or_fails))
    assert STATE["unwound"]
    assert len(pool_threads()) == 1
    STATE["release"].pop().set()
    pool_threads()[0].join(30)
    assert not pool_threads()


def test_no_thread_is_left_when_all_calls_have_ended(run):
    run([(n, 0) for n in range(20)], (INPUT, one_after_another))
    assert not pool_threads()


async def cleans_up_by_a_call(event, ctx):
    if event.get_attr("input") == "fails":
        await asyncio.sleep(0)
        raise LookupError("enough")
    try:
        await asyncio.Event().wait()
    finally:
        try:
            await ctx.durable_execute_async(blocking, 1)
        except asyncio.CancelledError:
            STATE["refused"] = True
            raise


def test_no_call_begins_when_the_run_is_over(run):
    with pytest.raises(ActionExecutionError, match="enough"):
        run([("a", "waits"), ("b", "fails")], (INPUT, cleans_up_by_a_call))
    assert STATE["refused"]


# ---- time limits

async def too_slow(event, ctx):
    func = {"blocking": hang, "async": hang_async}[event.get_attr("input")]
    await ctx.durable_execute_async(func)


def too_slow_in_place(event, ctx):
    try:
        ctx.durable_execute(hang)
    except TimeoutError as error:
        output(ctx, [type(error).__name__, str(error)])


@pytest.mark.parametrize(("kind", "func"), [("blocking", "hang"), ("async", "hang_async")])
def test_a_call_that_never_returns_fails_by_its_time_limit(run, kind, func):
    with pytest.raises(ActionExecutionError, match="DurableCallTimeoutError") as failed:
        run([("k", kind)], (INPUT, too_slow), config={"call.timeout": "50 ms"})
    assert (
        f"Durable call 'test_durable_calls.{func}' of agent 'Agent', action 'too_slow', key 'k', took longer than 0.05 s. "
        "It was given up, and what it brings later is dropped. The limit is option call.timeout."
    ) in str(failed.value)


def test_a_blocking_call_in_place_has_the_limit_too(run):
    (_, (name, text)), = run([("k", 0)], (INPUT, too_slow_in_place), config={"call.timeout": "50 ms"})
    assert name == "DurableCallTimeoutError" and "action 'too_slow_in_place', key 'k', took longer than 0.05 s" in text


def in_time(event, ctx):
    try:
        ctx.durable_execute(fails, "in time")
    except LookupError as error:
        output(ctx, [str(error), ctx.durable_execute(blocking, 1)])


async def in_time_async(event, ctx):
    output(ctx, [await ctx.durable_execute_async(blocking, 1), await ctx.durable_execute_async(awaited, 2)])


def test_calls_that_end_in_time_are_not_touched_by_the_limit(run):
    outputs = run([("k", 0)], (INPUT, in_time), (INPUT, in_time_async), config={"call.timeout": "1 min"})
    assert outputs == [("k", ["in time", ["blocking", 1]]), ("k", [["blocking", 1], ["awaited", 2]])]


async def waits_for_a_thread(event, ctx):
    await ctx.durable_execute_async(hang)


def test_a_call_that_finds_no_thread_in_time_says_so(run):
    with pytest.raises(ActionExecutionError) as failed:
        run([("a", 0), ("b", 0)], (INPUT, collects_timeouts),
            config={"call.timeout": "50 ms", "num-async-threads": "1"})
    assert "It had not begun, since all 1 threads for calls were busy; num-async-threads is their number" in str(failed.value)


async def collects_timeouts(event, ctx):
    try:
        await ctx.durable_execute_async(hang)
    except TimeoutError as error:
        STATE.setdefault("timeouts", []).append(error)
    if len(STATE.get("timeouts", [])) == 2:
        raise STATE["timeouts"][1]


# ---- a pool of one thread

async def waits_for_another_key(event, ctx):
    if event.get_attr("input") == "calls":
        output(ctx, await ctx.durable_execute_async(STATE["event"].wait, 30))
        return
    await asyncio.sleep(0)
    STATE["event"].set()


def test_a_call_may_wait_for_what_another_key_does(run):
    STATE["event"] = threading.Event()
    inputs = [("a", "calls"), ("b", "sets")]
    assert run(inputs, (INPUT, waits_for_another_key), config={"num-async-threads": "1"}) == [("a", True)]


async def uses_the_thread(event, ctx):
    def alone():
        STATE["inside"] = STATE.get("inside", 0) + 1
        assert STATE["inside"] == 1
        time.sleep(0.0005)
        STATE["inside"] -= 1
        return threading.current_thread().name

    output(ctx, await ctx.durable_execute_async(alone))


def test_calls_take_turns_when_there_are_fewer_threads_than_calls(run):
    outputs = run([(n, 0) for n in range(200)], (INPUT, uses_the_thread), config={"num-async-threads": "1"})
    assert sorted(outputs) == [(n, f"{POOL}0") for n in range(200)]


async def meets_the_others(event, ctx):
    def waits():
        STATE["intervals"].append(sys.getswitchinterval())
        return STATE["barrier"].wait(30) >= 0

    output(ctx, await ctx.durable_execute_async(waits))


def test_many_threads_keep_the_interpreter_for_longer_each(run):
    before = sys.getswitchinterval()
    STATE["barrier"] = threading.Barrier(120)
    STATE["intervals"] = []
    outputs = run([(n, 0) for n in range(120)], (INPUT, meets_the_others))
    assert sorted(outputs) == [(n, True) for n in range(120)]
    # 0.1 ms for each thread there was.
    assert max(STATE["intervals"]) == pytest.approx(0.012, rel=0.05)
    assert sys.getswitchinterval() == before


async def looks_at_the_collector(event, ctx):
    await asyncio.sleep(0)
    output(ctx, gc.get_threshold()[0])


@pytest.mark.parametrize(("own", "meanwhile"), [((700, 10, 10), 10_000), ((50_000, 5, 5), 50_000), ((0, 10, 10), 0)])
def test_the_collector_is_patient_while_actions_wait_if_nobody_has_told_it_more(run, own, meanwhile):
    before = gc.get_threshold()
    try:
        gc.set_threshold(*own)
        assert run([("k", 0)], (INPUT, looks_at_the_collector)) == [("k", meanwhile)]
        assert gc.get_threshold()[0] == own[0]
    finally:
        gc.set_threshold(*before)
