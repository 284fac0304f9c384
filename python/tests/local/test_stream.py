"""Inputs that come one after another, and outputs seen as they come."""

import asyncio
import threading

import pytest

from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.runtime import local_run
from local_agents import agent_of

INPUT = InputEvent.EVENT_TYPE


def echo(event, ctx):
    ctx.send_event(OutputEvent(output=event.get_attr("input")))


async def echo_later(event, ctx):
    await asyncio.sleep(0)
    ctx.send_event(OutputEvent(output=event.get_attr("input")))


ACTIONS = pytest.mark.parametrize("action", [echo, echo_later])


def numbers(count, read):
    for n in range(count):
        read.append(n)
        yield {"key": n, "value": n}


async def async_numbers(count, read):
    for n in range(count):
        read.append(n)
        await asyncio.sleep(0)
        yield {"key": n, "value": n}


SOURCES = pytest.mark.parametrize("source", [numbers, async_numbers])


@ACTIONS
@SOURCES
def test_any_source_with_any_action(environment, source, action):
    outputs = environment.from_iterable(source(3000, [])).apply(agent_of((INPUT, action))).to_list()
    environment.execute()
    assert sorted(value for output in outputs for value in output.values()) == list(range(3000))


@ACTIONS
@SOURCES
def test_results_come_before_the_source_has_ended(environment, source, action):
    read = []
    stream = environment.from_iterable(source(5000, read)).apply(agent_of((INPUT, action))).execute_stream()
    assert read == []
    first = next(stream)
    assert first == {0: 0}
    assert len(read) < 5000
    assert len(list(stream)) == 4999


@ACTIONS
def test_results_of_a_slow_source_come_while_it_goes_on(environment, action, monkeypatch):
    """The source gives no more than a few elements before it has seen the result of the first."""
    monkeypatch.setattr(local_run, "_SLOW_SECONDS", 0.0)
    seen = []
    outputs = environment.from_iterable(
        {"key": n, "value": n} for n in range(100) if not (n > 20 and not seen)
    ).apply(agent_of((INPUT, action))).execute_stream()
    for output in outputs:
        seen.append(output)
    assert len(seen) == 100


def test_an_element_is_worked_off_before_the_source_is_asked_for_the_next(environment):
    """A source may wait for ever, or for what became of its last element, however quickly it gave others."""
    read = []
    outputs = environment.from_iterable(numbers(50, read)).apply(agent_of((INPUT, echo))).execute_stream()
    assert [len(read) for _ in outputs] == list(range(1, 51))


class Leaves(BaseException):
    """As those of trio and gevent."""


@ACTIONS
@pytest.mark.parametrize(("error", "seen"), [
    (asyncio.CancelledError(), RuntimeError), (Leaves("now"), RuntimeError), (SystemExit(3), SystemExit)])
def test_a_source_that_leaves_in_an_unusual_way_is_named(environment, action, error, seen):
    async def source():
        yield {"key": 1, "value": 1}
        raise error

    outputs = environment.from_iterable(source()).apply(agent_of((INPUT, action))).to_list()
    with pytest.raises(seen) as raised:
        environment.execute()
    if seen is RuntimeError:
        assert f"the input failed after 1 element, which were worked off: {type(error).__name__}" in str(raised.value)
        assert outputs == [{1: 1}]
    else:
        assert raised.value is error


@ACTIONS
@SOURCES
def test_a_stream_that_is_closed_ends_the_run(environment, source, action):
    read = []
    stream = environment.from_iterable(source(100_000, read)).apply(agent_of((INPUT, action))).execute_stream()
    next(stream)
    stream.close()
    count = len(read)
    assert count < 5000
    assert next(stream, None) is None
    assert len(read) == count


@ACTIONS
@SOURCES
def test_a_source_that_fails_half_way_loses_nothing_of_what_it_gave(environment, source, action):
    class Failing:
        def __iter__(self):
            yield from source(100, [])
            raise OSError("connection lost")

        async def run(self):
            async for element in source(100, []):
                yield element
            raise OSError("connection lost")

    failing = Failing().run() if source is async_numbers else Failing()
    outputs = environment.from_iterable(failing).apply(agent_of((INPUT, action))).to_list()
    with pytest.raises(RuntimeError, match="failed after 100 elements.*OSError: connection lost") as raised:
        environment.execute()
    assert isinstance(raised.value.__cause__, OSError)
    assert len(outputs) == 100


def test_a_source_without_end_is_read_as_far_as_results_are_wanted(environment):
    def endless():
        n = 0
        while True:
            yield {"key": "k", "value": n}
            n += 1

    stream = environment.from_iterable(endless()).apply(agent_of((INPUT, echo))).execute_stream()
    assert [next(stream)["k"] for _ in range(500)] == list(range(500))
    stream.close()


def test_a_wrong_element_of_a_source_is_named(environment):
    environment.from_iterable(iter([{"value": 1}, "wrong"])).apply(agent_of((INPUT, echo)))
    with pytest.raises(TypeError, match=r"from_iterable: element 1 \(from 0\)"):
        environment.execute()


async def answer_once(event, ctx):
    if event.get_attr("input") > 0:
        await asyncio.Event().wait()
    ctx.send_event(OutputEvent(output=0))


def test_a_stream_inside_a_running_loop_can_be_closed_while_actions_wait(environment):
    before = threading.active_count()

    async def notebook():
        stream = environment.from_list([{"value": n} for n in range(5)]).apply(
            agent_of((INPUT, answer_once))).execute_stream()
        first = next(stream)
        stream.close()
        return first

    assert asyncio.run(notebook()) == {0: 0}
    assert threading.active_count() == before


@SOURCES
def test_streams_work_inside_a_running_loop(environment, source):
    async def notebook():
        stream = environment.from_iterable(source(2000, [])).apply(agent_of((INPUT, echo_later))).execute_stream()
        return [value for output in stream for value in output.values()]

    assert sorted(asyncio.run(notebook())) == list(range(2000))


def test_a_stream_inside_a_running_loop_can_be_closed(environment):
    before = threading.active_count()

    async def notebook():
        stream = environment.from_iterable(numbers(100_000, [])).apply(agent_of((INPUT, echo_later))).execute_stream()
        first = next(stream)
        stream.close()
        return first

    assert asyncio.run(notebook()) == {0: 0}
    assert threading.active_count() == before
