"""Runs without Flink that are started again under their name: what was done is not done again."""

import asyncio
import logging
import threading

import pytest

from flink_agents.api.durable_call import current_call
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.runner_context import DurableCallTimeoutError
from flink_agents.runtime.executor import ActionExecutionError
from local_agents import agent_of

INPUT = InputEvent.EVENT_TYPE
# Side effects: (what, idempotency key).
LEDGER = []
# What tests switch between two runs.
SWITCH = {}
# What the last run that ended well has counted.
COUNTED = {}


def counted():
    """Return how many actions and calls were replayed, and how many runs diverged."""
    return tuple(COUNTED[f"numOf{name}"] for name in ("ActionsReplayed", "CallsReplayed", "Divergences"))


@pytest.fixture(autouse=True)
def clean():
    LEDGER.clear()
    SWITCH.clear()


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Return a function that runs actions over (key, value) pairs with a store, and returns the outputs as (key, output)."""
    monkeypatch.delenv("FLINK_CONF_DIR", raising=False)
    monkeypatch.chdir(tmp_path)

    def go(inputs, *actions, name="run", stream=False, **config):
        env = AgentsExecutionEnvironment.get_execution_environment()
        settings = {"actionStateStoreBackend": "sqlite", **config}
        for key, value in settings.items():
            if value is not None:
                env.get_config().set_str(key.replace("__", ".").replace("_", "-") if "__" in key else key, value)
        built = env.from_list([{"key": key, "value": value} for key, value in inputs]).apply(agent_of(*actions))
        if stream:
            return [item for output in built.execute_stream() for item in output.items()]
        outputs = built.to_list()
        env.execute(name)
        COUNTED.update(env.metrics().values())
        return [item for output in outputs for item in output.items()]

    return go


def output(ctx, value):
    ctx.send_event(OutputEvent(output=value))


def effect(what):
    LEDGER.append((what, current_call().idempotency_key))
    return f"{what} done"


async def waits(what):
    await asyncio.sleep(0)
    return effect(what)


class OwnError(Exception):
    """Its constructor wants other arguments than it passes on."""

    def __init__(self, code, *, detail):
        super().__init__(f"{code}: {detail}")
        self.code = code


def raises_own(code):
    effect(code)
    raise OwnError(code, detail="because")


def nothing(what):
    effect(what)


def breaks():
    if SWITCH.get("broken"):
        msg = "broken here"
        raise ValueError(msg)


def broken(go, *args, **kwargs):
    """Run up to where the test's action breaks."""
    SWITCH["broken"] = True
    with pytest.raises(ActionExecutionError, match="broken here"):
        go(*args, **kwargs)
    SWITCH.clear()


def count(event, ctx):
    seen = (ctx.short_term_memory.get("seen") or 0) + 1
    ctx.short_term_memory.set("seen", seen)
    done = ctx.durable_execute(effect, f"{event.get_attr('input')} {seen}")
    ctx.send_event(Event(type="next", attributes={"done": done}))


def tell(event, ctx):
    seen = ctx.short_term_memory.get("seen")
    if seen == 3:
        breaks()
    output(ctx, [event.get_attr("done"), seen])


THREE = [("a", "x"), ("a", "y"), ("b", "x"), ("a", "z")]


@pytest.mark.parametrize("backend", ["sqlite", "memory"])
def test_a_run_started_again_under_its_name_goes_on_where_it_stopped(go, backend, request):
    name = f"{request.node.name}"
    actions = (INPUT, count), ("next", tell)
    broken(go, THREE, *actions, name=name, actionStateStoreBackend=backend)
    assert {what for what, _ in LEDGER} == {"x 1", "y 2", "z 3"}
    assert len(LEDGER) == 4
    outputs = go(THREE, *actions, name=name, actionStateStoreBackend=backend)
    assert sorted(outputs) == [("a", ["x 1 done", 1]), ("a", ["y 2 done", 2]), ("a", ["z 3 done", 3]), ("b", ["x 1 done", 1])]
    assert len(LEDGER) == 4
    assert len({key for _, key in LEDGER}) == 4


def test_a_finished_run_started_again_returns_its_outputs_and_does_nothing(go):
    actions = (INPUT, count), ("next", tell)
    first = go(THREE, *actions)
    assert len(LEDGER) == 4
    assert counted() == (0, 0, 0)
    assert sorted(go(THREE, *actions)) == sorted(first)
    assert counted() == (8, 0, 0)
    assert len(LEDGER) == 4
    # More at the end of the list is all that is done.
    longer = go([*THREE, ("a", "w")], *actions)
    assert ("a", ["w 4 done", 4]) in longer and len(longer) == 5
    assert [what for what, _ in LEDGER[4:]] == ["w 4"]


def test_another_name_is_another_run_with_other_idempotency_keys(go):
    actions = (INPUT, count), ("next", tell)
    go([("a", "x")], *actions, name="one")
    go([("a", "x")], *actions, name="two")
    assert len(LEDGER) == 2 and len({key for _, key in LEDGER}) == 2


def test_the_name_may_be_the_job_identifier(go):
    actions = (INPUT, count), ("next", tell)
    config = {"job-identifier": "mine"}
    first = go(THREE, *actions, name=None, **config)
    assert sorted(go(THREE, *actions, stream=True, **config)) == sorted(first)
    assert sorted(go(THREE, *actions, name="mine")) == sorted(first)
    assert len(LEDGER) == 4


async def asks_all(event, ctx):
    call = ctx.durable_execute_async
    got = [await call(effect, "one"), await call(waits, "two"), await call(nothing, "three")]
    got.append(await ctx.durable_gather(call(effect, "four"), call(waits, "five")))
    got.append(await asyncio.gather(call(waits, "six"), call(effect, "seven")))

    async def two(what):
        first = await call(waits, f"{what} first")
        await asyncio.sleep(0)
        return [first, await call(effect, f"{what} second")]

    got.append(await asyncio.gather(two("eight"), two("nine")))
    for function in (raises_own, fails):
        try:
            await call(function, "ten")
        except (OwnError, LookupError) as error:
            got.append([type(error).__name__, str(error), getattr(error, "code", None)])
    breaks()
    output(ctx, got)


def fails(what):
    effect(what)
    raise LookupError(what)


def test_calls_of_all_kinds_return_and_raise_what_they_did(go):
    inputs = [(f"k{number}", number) for number in range(5)]
    undisturbed = go(inputs, (INPUT, asks_all), name="other")
    calls = len(LEDGER)
    assert calls == 5 * 13
    LEDGER.clear()
    broken(go, inputs, (INPUT, asks_all))
    made = len(LEDGER)
    again = go(inputs, (INPUT, asks_all))
    assert sorted(again) == sorted(undisturbed)
    assert again[0][1][-2] == ["OwnError", "ten: because", "ten"]
    assert again[0][1][2] is None
    # The first key got to its end; of the others calls may have been under way.
    repeated = [key for _, key in LEDGER if [other for _, other in LEDGER].count(key) > 1]
    assert made >= 13 and len({key for _, key in LEDGER}) == calls
    assert len(LEDGER) - calls == len(repeated) - len(set(repeated))


def test_sync_calls_raise_what_they_did(go):
    def start(event, ctx):
        for function in (raises_own, fails):
            try:
                ctx.durable_execute(function, "x")
            except (OwnError, LookupError) as error:
                got = [type(error).__name__, str(error)]
        assert ctx.durable_execute(nothing, "y") is None
        breaks()
        output(ctx, got)

    broken(go, [("a", 1)], (INPUT, start))
    assert go([("a", 1)], (INPUT, start)) == [("a", ["LookupError", "x"])]
    assert len(LEDGER) == 3


def test_def_actions_of_many_keys_wait_for_the_store_together(go):
    inputs = [(number, number) for number in range(500)]
    outputs = go(inputs, (INPUT, count), ("next", tell))
    assert len(outputs) == 500 and len(LEDGER) == 500


def test_a_def_action_with_a_loop_of_its_own(go):
    def start(event, ctx):
        async def inner():
            return [await ctx.durable_execute_async(effect, "x"), await ctx.durable_execute_async(effect, "y")]

        got = asyncio.run(inner())
        breaks()
        output(ctx, got)

    broken(go, [("a", 1), ("b", 1)], (INPUT, start))
    assert sorted(go([("a", 1), ("b", 1)], (INPUT, start)))[0] == ("a", ["x done", "y done"])
    assert len(LEDGER) == 4


def test_an_async_action_may_wait_in_place(go):
    async def start(event, ctx):
        got = ctx.durable_execute(effect, "x")
        await asyncio.sleep(0)
        got = [got, ctx.durable_execute(effect, "y")]
        breaks()
        output(ctx, got)

    broken(go, [("a", 1)], (INPUT, start))
    assert go([("a", 1)], (INPUT, start)) == [("a", ["x done", "y done"])]
    assert len(LEDGER) == 2


def test_tasks_of_an_action_cannot_wait_in_place(go):
    async def start(event, ctx):
        async def inner():
            return ctx.durable_execute(effect, "x")

        await asyncio.gather(inner())

    with pytest.raises(ActionExecutionError, match="durable_execute_async"):
        go([("a", 1)], (INPUT, start))
    assert LEDGER == []


def reconciled():
    LEDGER.append(("reconciled", current_call().idempotency_key))
    return "found"


def dies(what):
    effect(what)
    if SWITCH.get("broken"):
        raise KeyboardInterrupt
    return "made"


@pytest.mark.parametrize("kind", ["def", "async"])
def test_the_reconciler_is_asked_instead_of_a_call_that_was_under_way(go, kind):
    def here(event, ctx):
        output(ctx, ctx.durable_execute(dies, "x", reconciler=reconciled))

    async def there(event, ctx):
        output(ctx, await ctx.durable_execute_async(dies, "x", reconciler=reconciled))

    start = here if kind == "def" else there
    SWITCH["broken"] = True
    with pytest.raises((KeyboardInterrupt, ActionExecutionError)):
        go([("a", 1)], (INPUT, start))
    SWITCH.clear()
    if kind == "async":
        # In a thread such an exception ends the call, and is recorded as what it raised.
        with pytest.raises(ActionExecutionError, match="KeyboardInterrupt"):
            go([("a", 1)], (INPUT, start))
        assert [what for what, _ in LEDGER] == ["x"]
        return
    assert go([("a", 1)], (INPUT, start)) == [("a", "found")]
    assert [what for what, _ in LEDGER] == ["x", "reconciled"]
    assert len({key for _, key in LEDGER}) == 1
    assert go([("a", 1)], (INPUT, start)) == [("a", "found")]
    assert len(LEDGER) == 2


def test_a_reconciler_takes_no_arguments(go):
    def start(event, ctx):
        ctx.durable_execute(effect, "x", reconciler=effect)

    with pytest.raises(ActionExecutionError, match=r"reconciler must be a function without parameters, and .*effect\(what\)"):
        go([("a", 1)], (INPUT, start))


RELEASE = threading.Event()


def slow(what):
    effect(what)
    RELEASE.wait(10)


async def asks_slow(event, ctx):
    got = None
    try:
        await ctx.durable_execute_async(slow, "x")
    except DurableCallTimeoutError as error:
        got = str(error)
    breaks()
    output(ctx, got)


def asks_slow_here(event, ctx):
    got = None
    try:
        ctx.durable_execute(slow, "x")
    except DurableCallTimeoutError as error:
        got = str(error)
    breaks()
    output(ctx, got)


@pytest.mark.parametrize("action", [asks_slow, asks_slow_here])
def test_a_time_limit_is_recorded(go, action):
    config = {"call.timeout": "100 ms"}
    RELEASE.clear()
    try:
        broken(go, [("a", 1)], (INPUT, action), **config)
        ((_, text),) = go([("a", 1)], (INPUT, action), **config)
    finally:
        RELEASE.set()
    assert "longer than 0.1 s" in text
    assert len(LEDGER) == 1


def raises_what_cannot_be_written():
    effect("call")
    if SWITCH.get("broken"):
        error = ValueError("here")
        error.lock = threading.Lock()
        raise error


async def in_a_thread():
    await asyncio.to_thread(raises_what_cannot_be_written)


async def asks_both(event, ctx):
    await ctx.durable_execute_async(in_a_thread if event.get_attr("input") else raises_what_cannot_be_written)
    with pytest.raises(RuntimeError, match="no durable call here"):
        current_call()
    output(ctx, "end")


def test_the_idempotency_key_is_seen_in_threads_and_tasks_and_stays(go):
    inputs = [("a", 0), ("b", 1)]
    SWITCH["broken"] = True
    with pytest.raises(ActionExecutionError, match=r"raised ValueError, which cannot be recorded: .*lock.*made again"):
        go(inputs, (INPUT, asks_both))
    SWITCH.clear()
    go(inputs, (INPUT, asks_both))
    assert len(LEDGER) in (3, 4) and len({key for _, key in LEDGER}) == 2


def test_without_a_store_each_call_has_a_key_of_its_own(go):
    def start(event, ctx):
        ctx.durable_execute(effect, "x")
        output(ctx, "end")

    go([("a", 1), ("b", 1)], (INPUT, start), actionStateStoreBackend=None)
    assert len({key for _, key in LEDGER}) == 2


def makes_lock(what):
    effect(what)
    return threading.Lock()


def makes_much(size):
    effect("much")
    return b"x" * size


@pytest.mark.parametrize("kind", ["def", "async"])
def test_a_result_that_cannot_be_recorded_names_the_function(go, kind):
    def here(event, ctx):
        try:
            ctx.durable_execute(makes_lock, "x")
        except Exception:
            output(ctx, "caught")

    async def there(event, ctx):
        try:
            await ctx.durable_execute_async(makes_lock, "x")
        except Exception:
            output(ctx, "caught")

    for _ in range(2):
        with pytest.raises(ActionExecutionError, match=r"test_journal\.makes_lock' returned a value of type 'lock'.*key 'a'|key 'a'.*makes_lock' returned a value of type 'lock'"):
            go([("a", 1)], (INPUT, here if kind == "def" else there))
    # It is made again, which the message says.
    assert len(LEDGER) == 2 and len({key for _, key in LEDGER}) == 1


def test_a_large_result_is_refused_by_an_option_that_can_be_raised(go):
    async def start(event, ctx):
        output(ctx, len(await ctx.durable_execute_async(makes_much, 10 << 20)))

    with pytest.raises(ActionExecutionError, match=r"makes_much' brought .* of 10,485,\d+ bytes.*at most 1,048,576.*action-state\.max-record-size"):
        go([("a", 1)], (INPUT, start))
    config = {"action-state.max-record-size": "11 mb"}
    assert go([("a", 1)], (INPUT, start), **config) == [("a", 10 << 20)]
    assert go([("a", 1)], (INPUT, start), **config) == [("a", 10 << 20)]
    assert len(LEDGER) == 2


def test_large_events_are_refused_by_the_same_option(go):
    def start(event, ctx):
        output(ctx, "x" * (2 << 20))

    with pytest.raises(ActionExecutionError, match=r"action 'start', key 'a'.*action-state\.max-record-size"):
        go([("a", 1)], (INPUT, start))
    assert len(go([("a", 1)], (INPUT, start), **{"action-state.max-record-size": "3 mb"})) == 1


def test_a_run_that_comes_out_differently_says_so_and_goes_on(go, caplog):
    def start(event, ctx):
        ctx.durable_execute(effect, SWITCH.get("argument", "x"))
        breaks()
        output(ctx, "end")

    broken(go, [("a", 1)], (INPUT, start))
    SWITCH["argument"] = "y"
    with caplog.at_level(logging.WARNING):
        assert go([("a", 1)], (INPUT, start)) == [("a", "end")]
    assert "key 'a': Run 0 does not match its journal" in caplog.text and "other arguments" in caplog.text
    assert [what for what, _ in LEDGER] == ["x", "y"]
    assert counted() == (0, 0, 1)


def test_calls_that_are_replayed_are_counted(go):
    def start(event, ctx):
        for what in ("one", "two", "three"):
            ctx.durable_execute(effect, what)
        breaks()
        output(ctx, "end")

    broken(go, [("a", 1)], (INPUT, start))
    assert go([("a", 1)], (INPUT, start)) == [("a", "end")]
    made_again = len(LEDGER) - 3
    # The last one may have been on its way to the store.
    assert made_again <= 1
    assert counted() == (0, 3 - made_again, 0)


def test_a_run_that_comes_out_differently_may_fail(go):
    def start(event, ctx):
        ctx.durable_execute(effect, SWITCH.get("argument", "x"))
        breaks()

    broken(go, [("a", 1)], (INPUT, start))
    SWITCH["argument"] = "y"
    with pytest.raises(RuntimeError, match="does not match its journal.*action-state.on-divergence"):
        go([("a", 1)], (INPUT, start), **{"action-state.on-divergence": "fail"})
    # Nothing is lost by that.
    SWITCH.clear()
    go([("a", 1)], (INPUT, start))
    assert [what for what, _ in LEDGER] == ["x"]


async def takes_long(what):
    await asyncio.sleep(0.2)
    return effect(what)


async def rests_between_calls(event, ctx):
    call = ctx.durable_execute_async

    async def rests():
        got = await call(waits, "one")
        if not SWITCH.get("other"):
            await asyncio.sleep(0.05)
            got = await call(effect, "two")
        await asyncio.sleep(0.3 if SWITCH.get("other") else 0)
        return got

    async def goes():
        return await call(takes_long, "three")

    got = await asyncio.gather(rests(), goes())
    breaks()
    output(ctx, got)


def test_tasks_that_rest_between_calls_are_waited_for(go, caplog):
    broken(go, [("a", 1), ("b", 1)], (INPUT, rests_between_calls))
    before = len(LEDGER)
    assert go([("a", 1), ("b", 1)], (INPUT, rests_between_calls))[0] == ("a", ["two done", "three done"])
    # The other key was broken off.
    assert len({key for _, key in LEDGER}) == 6 and len([one for one in LEDGER[:before] if one in LEDGER[before:]]) <= 2
    assert caplog.text == ""


async def looks_after_rest(event, ctx):
    if event.get_attr("input") == "timer":
        await asyncio.sleep(0.01)
    else:
        await asyncio.gather(*(one_call(ctx, name) for name in ("one", "two")))
    seen = ctx.sensory_memory.get("written")
    output(ctx, await ctx.durable_execute_async(effect, f"saw {seen}"))
    SWITCH["looked"] = True
    if SWITCH.get("broken"):
        await asyncio.sleep(60)


async def one_call(ctx, name):
    return await ctx.durable_execute_async(effect, name)


async def writes_later(event, ctx):
    while not SWITCH.get("looked"):
        await asyncio.sleep(0.001)
    ctx.sensory_memory.set("written", 1)
    ctx.send_event(Event(type="next"))


def breaks_then(event, ctx):
    breaks()


@pytest.mark.parametrize("rest", ["timer", "tasks"])
def test_what_an_action_reads_after_a_rest_is_what_it_read_before(go, caplog, rest):
    actions = (INPUT, looks_after_rest), (INPUT, writes_later), ("next", breaks_then)
    broken(go, [("a", rest)], *actions)
    before = len(LEDGER)
    assert go([("a", rest)], *actions) == [("a", "saw None done")]
    assert len(LEDGER) == before
    assert caplog.text == ""


def test_tasks_are_waited_for_for_a_bounded_time(go, caplog):
    broken(go, [("a", 1)], (INPUT, rests_between_calls))
    SWITCH["other"] = True
    config = {"action-state.reorder-timeout": "100 ms"}
    assert go([("a", 1)], (INPUT, rests_between_calls), **config) == [("a", ["one done", "three done"])]
    assert "effect' returned, and now the run does not come to that" in caplog.text


def test_another_list_under_the_same_name_is_a_divergence(go, caplog):
    actions = (INPUT, count), ("next", tell)
    go(THREE, *actions)
    with caplog.at_level(logging.WARNING):
        go([("a", "other")], *actions)
    assert "its input did not come again" in caplog.text
    assert LEDGER[-1][0] == "other 1"
    assert COUNTED["numOfDivergences"] > 0


def test_the_order_of_fields_in_an_input_does_not_matter(go, caplog):
    def start(event, ctx):
        ctx.durable_execute(effect, dict(event.get_attr("input")))
        output(ctx, "end")

    go([("a", {"x": 1, "y": 2})], (INPUT, start))
    assert go([("a", {"y": 2, "x": 1})], (INPUT, start)) == [("a", "end")]
    assert len(LEDGER) == 1 and caplog.text == ""


def test_a_store_needs_a_name(go):
    with pytest.raises(ValueError, match=r"execute\(\"a name\"\), or set job-identifier"):
        go([("a", 1)], (INPUT, count), name=None)


@pytest.mark.parametrize(
    ("backend", "says"),
    [("kafka", "kafkaActionStateTopic: it is not set"), ("fluss", "not supported here"), ("redis", "kafka, sqlite, memory")],
)
def test_other_stores_are_refused(go, backend, says):
    with pytest.raises(ValueError, match=says):
        go([("a", 1)], (INPUT, count), actionStateStoreBackend=backend)


def test_the_file_is_where_the_option_says(go, tmp_path):
    (tmp_path / "sub").mkdir()
    go([("a", 1)], (INPUT, count), **{"sqlite.path": "sub/mine.sqlite"})
    assert (tmp_path / "sub" / "mine.sqlite").exists()
    go([("a", 1)], (INPUT, count))
    assert (tmp_path / "flink-agents.sqlite").exists()


def test_a_file_that_is_no_database_is_refused_before_anything_runs(go, tmp_path):
    (tmp_path / "flink-agents.sqlite").write_text("I am a diary." * 1000)
    with pytest.raises(RuntimeError, match=r"Agent '.*flink-agents\.sqlite.*not a database"):
        go([("a", 1)], (INPUT, count))
    assert LEDGER == []


def test_a_directory_that_is_missing_is_refused_before_anything_runs(go):
    with pytest.raises(RuntimeError, match="no/such/dir"):
        go([("a", 1)], (INPUT, count), **{"sqlite.path": "no/such/dir/x.sqlite"})
    assert LEDGER == []


def test_in_a_thread_that_runs_a_loop(go):
    async def main():
        return go(THREE, (INPUT, count), ("next", tell))

    assert len(asyncio.run(main())) == 4


def test_whoever_stops_reading_ends_the_run_and_another_goes_on(go, tmp_path):
    env = AgentsExecutionEnvironment.get_execution_environment()
    env.get_config().set_str("actionStateStoreBackend", "sqlite")
    env.get_config().set_str("job-identifier", "run")
    inputs = ({"key": number, "value": number} for number in range(100))
    stream = env.from_iterable(inputs).apply(agent_of((INPUT, count), ("next", tell))).execute_stream()
    next(stream)
    stream.close()
    made = len(LEDGER)
    assert 0 < made
    assert len(go([(number, number) for number in range(100)], (INPUT, count), ("next", tell))) == 100
    assert len({key for _, key in LEDGER}) == 100
