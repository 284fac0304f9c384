"""Which action runs when, and in which order outputs come."""

import random
from collections import defaultdict

from flink_agents.api.events.event import Event, InputEvent, OutputEvent

INPUT = InputEvent.EVENT_TYPE
SEEN = []


def echo(event, ctx):
    ctx.send_event(OutputEvent(output=event.get_attr("input")))


def note_and_send(event, ctx):
    SEEN.append(event.get_attr("input"))
    ctx.send_event(Event(type="next", attributes={"n": event.get_attr("input")}))


def note_next(event, ctx):
    SEEN.append(event.get_attr("n"))
    ctx.send_event(OutputEvent(output=event.get_attr("n")))


def fan_out(event, ctx):
    for name in ("b", "a", "b"):
        ctx.send_event(Event(type=name))
    ctx.send_event(OutputEvent(output="from the input"))


def on_a(event, ctx):
    ctx.send_event(OutputEvent(output="a"))


def on_b(event, ctx):
    ctx.send_event(OutputEvent(output="b"))
    ctx.send_event(Event(type="deeper"))


def on_deeper(event, ctx):
    ctx.send_event(OutputEvent(output="deeper"))


def second(event, ctx):
    ctx.send_event(OutputEvent(output="second"))


def output_by_type(event, ctx):
    ctx.send_event(Event(type=OutputEvent.EVENT_TYPE, attributes={"output": event.get_attr("input")}))


def lineage(event, ctx):
    ctx.send_event(OutputEvent(output=[str(event.upstream_event_id), event.upstream_action_name, str(event.id)]))


def start(event, ctx):
    assert event.upstream_event_id is None and event.upstream_action_name is None
    sent = Event(type="next", attributes={"trigger": str(event.id)})
    ctx.send_event(sent)
    ctx.send_event(OutputEvent(output=[str(event.id), "start", str(sent.id)]))


def test_outputs_of_a_key_come_in_the_order_of_its_inputs(run):
    shuffled = random.Random(1)
    inputs = [(shuffled.randrange(20), n) for n in range(1000)]
    by_key = defaultdict(list)
    for key, value in run(inputs, (INPUT, echo)):
        by_key[key].append(value)
    expected = defaultdict(list)
    for key, value in inputs:
        expected[key].append(value)
    assert by_key == expected


def test_keys_take_turns_and_inputs_of_one_key_do_not(run):
    SEEN.clear()
    run([("x", 1), ("y", 10)], (INPUT, note_and_send), ("next", note_next))
    assert SEEN == [1, 10, 1, 10]
    SEEN.clear()


def test_inputs_of_one_key_run_one_after_another(run):
    SEEN.clear()
    run([("x", 1), ("x", 2)], (INPUT, note_and_send), ("next", note_next))
    assert SEEN == [1, 1, 2, 2]
    SEEN.clear()


def test_events_are_worked_off_breadth_first_in_the_order_of_sending(run):
    actions = [(INPUT, fan_out), ("a", on_a), ("b", on_b), ("deeper", on_deeper)]
    assert [output for _, output in run([("k", None)], *actions)] == [
        "from the input", "b", "a", "b", "deeper", "deeper"]


def test_actions_of_one_event_run_in_the_order_of_the_plan(run):
    assert [output for _, output in run([("k", 0)], (INPUT, second), (INPUT, echo))] == ["second", 0]


def test_conditions_choose_actions_by_attributes(run):
    outputs = run([("k", 1), ("k", 5), ("k", 9)], ("input > 4", echo))
    assert outputs == [("k", 5), ("k", 9)]


def test_the_type_makes_an_output_not_the_class(run):
    assert run([("k", 5)], (INPUT, output_by_type)) == [("k", 5)]


def test_an_event_knows_what_it_came_from(run):
    (_, sent), (_, seen) = run([("k", 0)], (INPUT, start), ("next", lineage))
    assert seen == sent


def test_an_input_that_triggers_nothing_ends_at_once(run):
    assert run([("k", 0), ("k", 1)], ("other", echo)) == []


def test_a_hundred_thousand_inputs(run):
    outputs = run([(n % 997, n) for n in range(100_000)], (INPUT, echo))
    assert sorted(value for _, value in outputs) == list(range(100_000))
