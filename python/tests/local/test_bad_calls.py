"""Durable calls that do what they must not, and calls that are asked for wrongly."""

import asyncio
import threading

import pytest

from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import AsyncExecutionResult

INPUT = InputEvent.EVENT_TYPE
STATE = {}


@pytest.fixture(autouse=True)
def clean():
    STATE.clear()


def output(ctx, value):
    ctx.send_event(OutputEvent(output=value))


def blocking(value):
    return ("blocking", value)


async def awaited(value):
    await asyncio.sleep(0)
    return ("awaited", value)


class Client:
    async def __call__(self, value):
        return value


def fails(text):
    raise LookupError(text)


async def hang_async():
    try:
        await asyncio.Event().wait()
    finally:
        STATE["cancelled"] = STATE.get("cancelled", 0) + 1


# ---- what a call must not do

async def touches(event, ctx):
    async def on_the_loop(use):
        await asyncio.sleep(0)
        use()

    uses = {
        "memory": lambda: ctx.short_term_memory.get("x"),
        "write": lambda: ctx.sensory_memory.set("x", 1),
        "event": lambda: ctx.send_event(Event(type="x")),
        "resource": lambda: ctx.get_resource("x", None),
        "metrics": lambda: ctx.agent_metric_group,
        "own metrics": lambda: ctx.action_metric_group,
        "sync call": lambda: ctx.durable_execute(blocking, 1),
        "async call": lambda: ctx.durable_execute_async(blocking, 1),
        "gather": lambda: ctx.durable_gather(),
    }
    refused = {}
    for name, use in uses.items():
        for kind, call in (
            ("thread", lambda use: ctx.durable_execute_async(use)),
            ("loop", lambda use: ctx.durable_execute_async(on_the_loop, use)),
            ("in place", lambda use: _awaitable(ctx.durable_execute, use)),
        ):
            try:
                await call(use)
            except RuntimeError as error:
                refused[f"{name}, {kind}"] = str(error)
    # A call under way while the action itself runs.
    beside = asyncio.ensure_future(ctx.durable_execute_async(_uses_when_told, ctx, STATE["go"], STATE["done"]))
    await asyncio.sleep(0)
    STATE["go"].set()
    STATE["done"].wait(30)
    try:
        await beside
    except RuntimeError as error:
        refused["beside"] = str(error)
    output(ctx, [len(uses) * 3 + 1, refused, ctx.short_term_memory.get("x")])


async def _awaitable(func, *args):
    return func(*args)


def _uses_when_told(ctx, go, done):
    go.wait(30)
    try:
        ctx.short_term_memory.set("x", "out of turn")
    finally:
        done.set()


def test_a_context_is_refused_inside_calls(run):
    STATE.update(go=threading.Event(), done=threading.Event())
    (_, (count, refused, left)), = run([("k", 0)], (INPUT, touches))
    assert len(refused) == count and left is None
    for name, text in refused.items():
        assert "inside a durable call" in text.lower() or "Inside a call" in text or "is suspended" in text, name
        assert "use what" in text or "use the context there" in text, name


async def raises_oddly(event, ctx):
    odd = {
        "exit": lambda: exit_by(3), "interrupt": lambda: interrupt(), "generator": lambda: raise_it(GeneratorExit()),
        "stop": lambda: next(iter(())), "cancelled": lambda: raise_it(asyncio.CancelledError()),
        "coroutine": lambda: awaited(1), "odd": lambda: raise_it(Odd()),
    }

    async def on_the_loop(use):
        use()

    told = {}
    for name, func in odd.items():
        for kind in ("thread", "loop"):
            if (name, kind) in (("interrupt", "loop"), ("coroutine", "loop")):
                continue
            try:
                await (ctx.durable_execute_async(func) if kind == "thread"
                       else ctx.durable_execute_async(on_the_loop, func))
            except (RuntimeError, TypeError) as error:
                told[f"{name} {kind}"] = f"{type(error).__name__}: {error}"
    output(ctx, told)


class Odd(BaseException):
    def __init__(self):
        super().__init__(self)

    def __repr__(self):
        raise LookupError("no text")


def exit_by(code):
    raise SystemExit(code)


def interrupt():
    raise KeyboardInterrupt


def raise_it(error):
    raise error


def test_what_would_end_more_than_the_action_is_raised_as_another_error(run):
    (_, told), = run([("k", 0)], (INPUT, raises_oddly))
    assert len(told) == 12
    assert "raised SystemExit(3). A call must not end the process" in told["exit thread"]
    assert "raised SystemExit(3). A call must not end the process" in told["exit loop"]
    assert "raised KeyboardInterrupt()" in told["interrupt thread"]
    assert "by next()" in told["stop thread"]
    assert "nobody had given up the call" in told["cancelled thread"] and "nobody had" in told["cancelled loop"]
    assert told["coroutine thread"].startswith("TypeError") and "the 'async def' function itself" in told["coroutine thread"]
    assert "raised Odd(<LookupError>)" in told["odd thread"]


async def interrupted(event, ctx):
    async def on_the_loop():
        raise KeyboardInterrupt

    await ctx.durable_execute_async(on_the_loop)


def test_an_interrupt_of_the_user_ends_the_run(run):
    with pytest.raises(KeyboardInterrupt):
        run([("k", 0)], (INPUT, interrupted))


# ---- calls that are asked for wrongly

async def asks_wrongly(event, ctx):
    told = []
    for attempt in (
        lambda: ctx.durable_execute_async(max(1, 2)),
        lambda: ctx.durable_execute_async(awaited(1)),
        lambda: ctx.durable_execute(awaited, 1),
        lambda: ctx.durable_execute(Client(), 1),
        lambda: ctx.durable_execute_async(blocking, 1, reconciler=7),
    ):
        try:
            attempt()
        except TypeError as error:
            told.append(str(error))
    output(ctx, told)


def test_what_is_no_call_is_refused_with_what_to_write(run, recwarn):
    (_, told), = run([("k", 0)], (INPUT, asks_wrongly))
    assert "write durable_execute(f, x)" in told[0] and "write durable_execute(f, x)" in told[1]
    assert "test_bad_calls.awaited is 'async def'" in told[2] and "await durable_execute_async" in told[2]
    assert "test_bad_calls.Client is 'async def'" in told[3] and "reconciler" in told[4]
    assert not recwarn.list


def def_action(event, ctx):
    async def own():
        call = ctx.durable_execute_async(threading.current_thread)
        assert isinstance(call, AsyncExecutionResult)
        both = ctx.durable_gather(ctx.durable_execute_async(max, 1, 2), ctx.durable_execute_async(fails, "second"),
                                  cancel_on_failure=False)
        try:
            await both
        except LookupError as error:
            return [(await call).name, str(error)]

    try:
        ctx.durable_execute_async(awaited, 1)
    except TypeError as error:
        output(ctx, [str(error), *asyncio.run(own())])


def test_a_def_action_with_a_loop_of_its_own_makes_calls_in_place(run):
    (_, told), = run([("k", 0)], (INPUT, def_action))
    assert "Write the action as 'async def'" in told[0]
    assert told[1:] == [threading.current_thread().name, "second"]


async def never_awaits(event, ctx):
    ctx.durable_execute_async(blocking, 1)
    ctx.durable_gather(ctx.durable_execute_async(blocking, 1), ctx.durable_execute_async(awaited, 2))


def test_calls_that_are_never_awaited_are_named(run):
    with pytest.warns(RuntimeWarning) as warned:
        run([("k", 0)], (INPUT, never_awaits))
    texts = [str(one.message) for one in warned]
    assert texts == [
        "durable_execute_async(blocking) was never awaited, so blocking was not called",
        "durable_gather(blocking, awaited) was never awaited, so none of them was called",
    ]


async def leaves_calls(event, ctx):
    async def waits():
        await ctx.durable_execute_async(hang_async)

    STATE["left"] = ctx.durable_execute_async(blocking, 1)
    STATE["task"] = asyncio.create_task(waits())
    await asyncio.sleep(0)
    ctx.send_event(Event(type="next"))


async def awaits_what_was_left(event, ctx):
    try:
        await STATE["left"]
    except RuntimeError as error:
        output(ctx, str(error))


def test_calls_after_the_end_of_the_action_are_refused_and_those_under_way_are_told(run, caplog):
    (_, text), = run([("k", 0)], (INPUT, leaves_calls), ("next", awaits_what_was_left))
    assert "'test_bad_calls.blocking' was asked for by action 'leaves_calls', which has ended" in text
    assert "Action 'leaves_calls' ended while 2 of its durable calls were under way" in caplog.text
    assert STATE["cancelled"] == 1


async def keeps_its_context(event, ctx):
    STATE["context"] = ctx
    await asyncio.sleep(0)
    ctx.send_event(Event(type="next"))


async def uses_a_kept_context(event, ctx):
    try:
        STATE["context"].durable_execute_async(blocking, 1)
    except RuntimeError as error:
        output(ctx, str(error))


def test_calls_by_the_context_of_another_action_are_refused(run):
    (_, text), = run([("k", 0)], (INPUT, keeps_its_context), ("next", uses_a_kept_context))
    assert "uses the context of action 'keeps_its_context'" in text or "has ended" in text


async def leaves_a_task(event, ctx):
    async def returns_late():
        await asyncio.sleep(0)
        try:
            return await ctx.durable_execute_async(blocking_until, STATE["event"])
        except asyncio.CancelledError:
            STATE["dropped"] = True
            raise

    STATE["task"] = asyncio.create_task(returns_late())
    while "waiting" not in STATE:
        await asyncio.sleep(0)
    ctx.send_event(Event(type="next"))


def blocking_until(event):
    STATE["waiting"] = True
    event.wait(30)
    return "late"


async def sees_it_end(event, ctx):
    STATE["event"].set()
    await asyncio.wait([STATE["task"]])
    output(ctx, ctx.agent_metric_group.get_counter("numOfLateCallResults").get_count())


def test_a_result_that_comes_after_the_action_has_ended_is_dropped(run):
    STATE["event"] = threading.Event()
    assert run([("k", 0)], (INPUT, leaves_a_task), ("next", sees_it_end)) == [("k", 1)]
    assert STATE["dropped"]
