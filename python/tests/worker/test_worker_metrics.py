"""Metrics of a worker: what is told of them, and when."""

import threading
from decimal import Decimal

import pytest

from flink_agents.runtime.worker_metrics import WorkerMetrics


class Told:
    def __init__(self):
        self.changes = []

    def metric(self, group, name, change, value):
        self.changes.append((group, name, change, value))


def told(metrics):
    link = Told()
    metrics.send(link)
    return link.changes


def test_changes_are_told_once_and_counts_come_together():
    metrics = WorkerMetrics()
    counter = metrics.root.get_sub_group("action", "mine").get_counter("seen")
    counter.inc()
    counter.inc(3)
    counter.dec(2)
    assert counter.get_count() == 2
    assert told(metrics) == [("action\tmine\n", "seen", "count", 2)]
    assert told(metrics) == []


def test_every_kind_of_metric_is_told():
    metrics = WorkerMetrics()
    group = metrics.root.get_sub_group("a").get_sub_group("b")
    group.get_meter("rate").mark(5)
    group.get_gauge("level").update(1)
    group.get_gauge("level").update(2.5)
    group.get_histogram("sizes").update(7)
    group.get_histogram("sizes").update(9)
    assert told(metrics) == [
        ("a\nb\n", "rate", "mark", 5),
        ("a\nb\n", "level", "gauge", 2.5),
        ("a\nb\n", "sizes\n100", "sample", 7),
        ("a\nb\n", "sizes\n100", "sample", 9),
    ]
    assert group.get_histogram("sizes").get_max() == 9


def test_the_window_of_a_histogram_is_told_with_its_name():
    metrics = WorkerMetrics()
    metrics.root.get_histogram("sizes", window_size=250).update(7)
    # The first who asks decides.
    metrics.root.get_histogram("sizes").update(8)
    assert told(metrics) == [("", "sizes\n250", "sample", 7), ("", "sizes\n250", "sample", 8)]


@pytest.mark.parametrize("kind", ["gauge", "histogram"])
def test_what_is_no_number_is_refused_where_it_is_told(kind):
    metrics = WorkerMetrics()
    metric = getattr(metrics.root, f"get_{kind}")("m")
    with pytest.raises(TypeError, match=f"A {kind} takes numbers, not 'much' of type 'str'"):
        metric.update("much")
    assert told(metrics) == []


def test_numbers_of_any_kind_become_what_java_holds():
    metrics = WorkerMetrics()
    gauge = metrics.root.get_gauge("m")
    gauge.update(Decimal("1.5"))
    assert gauge.get_value() == 1.5
    with pytest.raises(ValueError, match="numbers of up to 64 bits, not one of 65"):
        gauge.update(1 << 64)
    assert told(metrics) == [("", "m", "gauge", 1.5)]


def test_asking_twice_gives_the_same_metric_and_another_kind_is_not_told():
    metrics = WorkerMetrics()
    group = metrics.root
    assert group.get_counter("x") is group.get_counter("x")
    group.get_gauge("x").update(3)
    assert group.get_gauge("x").get_value() == 3
    assert told(metrics) == []
    assert group.get_sub_group("k", "v") is group.get_sub_group("k", "v")
    with pytest.raises(ValueError, match="="):
        group.get_sub_group("a=b")


def test_of_a_sampled_histogram_the_last_value_of_a_batch_is_told():
    metrics = WorkerMetrics()
    histogram = metrics.root.get_sampled_histogram("took")
    assert metrics.root.get_histogram("took") is histogram
    for value in (5, 6, 7):
        histogram.update(value)
    assert told(metrics) == [("", "took\n100", "sample", 7)]
    assert told(metrics) == []
    assert histogram.get_count() == 3


def test_threads_may_count_while_changes_are_sent():
    metrics = WorkerMetrics()
    counter = metrics.root.get_counter("n")
    threads = [threading.Thread(target=lambda: [counter.inc() for _ in range(1000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    sum_ = 0
    while any(thread.is_alive() for thread in threads):
        sum_ += sum(change[3] for change in told(metrics))
    sum_ += sum(change[3] for change in told(metrics))
    assert sum_ == 4000
