"""Metrics that are kept in memory."""

import pytest

from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.runtime.metrics import MemoryMeter, MemoryMetricGroup

INPUT = InputEvent.EVENT_TYPE


def measure(event, ctx):
    ctx.action_metric_group.get_counter("seen").inc()
    ctx.agent_metric_group.get_gauge("last").update(event.get_attr("input"))
    ctx.send_event(OutputEvent(output=ctx.action_metric_group.get_counter("seen").get_count()))


def test_metrics_of_actions_count_on(run):
    assert run([("a", 1), ("b", 2)], (INPUT, measure)) == [("a", 1), ("b", 2)]


def test_all_kinds():
    group = MemoryMetricGroup()
    counter = group.get_counter("c")
    counter.inc()
    counter.inc(4)
    counter.dec(2)
    assert counter.get_count() == 3 and group.get_counter("c") is counter
    gauge = group.get_gauge("g")
    assert gauge.get_value() == 0
    gauge.update(1.5)
    assert gauge.get_value() == 1.5
    histogram = group.get_histogram("h", 3)
    assert (histogram.get_mean(), histogram.get_min(), histogram.get_max()) == (0, 0, 0)
    for value in (100, 1, 2, 3):
        histogram.update(value)
    assert (histogram.get_mean(), histogram.get_min(), histogram.get_max()) == (2, 1, 3)
    assert group.get_sub_group("action", "run") is group.get_sub_group("action", "run")
    group.get_sub_group("action", "run").get_counter("n").inc()
    assert group.values() == {"c": 3, "g": 1.5, "h": 2, "action.run.n": 1}


def test_a_name_of_another_kind_works_is_not_shown_and_is_warned_of_once(caplog):
    group = MemoryMetricGroup().get_sub_group("a", "b")
    group.get_counter("x").inc(2)
    other = group.get_gauge("x")
    other.update(5)
    assert group.get_gauge("x") is other and other.get_value() == 5
    assert group.get_counter("x").get_count() == 2
    assert group.values() == {"a.b.x": 2}
    assert [record.getMessage() for record in caplog.records] == [
        "The metric 'a.b.x' is a counter already: the gauge of this name that was asked for besides counts, and is not shown; "
        "give it another name"
    ]


def test_quantiles_are_of_the_values_in_the_window():
    histogram = MemoryMetricGroup().get_histogram("h", 4)
    assert histogram.quantiles((0.5, 1.0)) == [0.0, 0.0]
    for value in (100, 4, 1, 3, 2):
        histogram.update(value)
    assert histogram.quantiles((0.0, 0.5, 1.0)) == [1, 2.5, 4]
    assert histogram.get_count() == 5


def test_a_meter_is_a_rate_over_the_last_minute():
    now = [1000.0]
    meter = MemoryMeter(clock=lambda: now[0])
    assert meter.get_rate() == 0
    for _ in range(10):
        meter.mark(3)
        now[0] += 1
    assert meter.get_rate() == pytest.approx(3)
    now[0] += 300
    assert meter.get_rate() == 0
    meter.mark()
    now[0] += 1
    assert meter.get_rate() == pytest.approx(1)


def test_wrong_uses_are_refused():
    group = MemoryMetricGroup()
    with pytest.raises(ValueError, match="'='"):
        group.get_sub_group("a=b")
    with pytest.raises(ValueError, match="at least one value"):
        group.get_histogram("y", 0)
    with pytest.raises(ValueError, match="1,000,000 at most, not 3,000,000,000"):
        group.get_histogram("y", 3_000_000_000)
    with pytest.raises(TypeError, match=r"a number of values, not 2\.5 of type 'float'"):
        group.get_histogram("y", 2.5)
