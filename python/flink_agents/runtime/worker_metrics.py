"""Metrics of a worker: counted here, kept by Flink.

Changes pile up and are sent with the next batch, so that counting costs no more than adding, and may be done by any thread.
"""

from __future__ import annotations

import threading
from typing import Any

from flink_agents.runtime.metrics import MemoryCounter, MemoryGauge, MemoryHistogram, MemoryMeter, MemoryMetricGroup


class WorkerMetrics:
    """All metrics of a worker.

    *Owned state*: the groups below :attr:`root`, and changes that were not sent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, str, str], int] = {}
        self._lasts: dict[tuple[str, str], float] = {}
        self._samples: list[tuple[str, str, int]] = []
        self._latest: dict[tuple[str, str], int] = {}
        self.root = WorkerMetricGroup(self)

    def add(self, group: str, name: str, change: str, by: int) -> None:
        """Note that a count or meter changed."""
        what = (group, name, change)
        with self._lock:
            self._sums[what] = self._sums.get(what, 0) + by

    def last(self, group: str, name: str, value: float) -> None:
        """Note the value of a gauge."""
        with self._lock:
            self._lasts[group, name] = value

    def sample(self, group: str, name: str, value: int) -> None:
        """Note a value of a histogram."""
        with self._lock:
            self._samples.append((group, name, value))

    def latest(self, group: str, name: str, value: int) -> None:
        """Note a value of a histogram for which one a batch is enough."""
        with self._lock:
            self._latest[group, name] = value

    def send(self, link: Any) -> None:
        """Hand all changes over to a link."""
        if not (self._sums or self._lasts or self._samples or self._latest):
            return
        with self._lock:
            sums, self._sums = self._sums, {}
            lasts, self._lasts = self._lasts, {}
            samples, self._samples = self._samples, []
            latest, self._latest = self._latest, {}
        for (group, name, change), by in sums.items():
            link.metric(group, name, change, by)
        for (group, name), value in lasts.items():
            link.metric(group, name, "gauge", value)
        for group, name, value in samples:
            link.metric(group, name, "sample", value)
        for (group, name), value in latest.items():
            link.metric(group, name, "sample", value)


class WorkerMetricGroup(MemoryMetricGroup):
    """A group whose metrics tell :class:`WorkerMetrics` of every change."""

    def __init__(self, metrics: WorkerMetrics, scope: tuple[tuple[str, ...], ...] = (), path: str = "") -> None:
        super().__init__(scope)
        self._all = metrics
        # Names of the groups, each with a line feed behind it; a name and its value have a tab between them.
        self._path = path

    def get_sub_group(self, name: str, value: str | None = None) -> WorkerMetricGroup:
        group = self._groups.get((name, value))
        if group is None:
            # Refuses bad names.
            plain = super().get_sub_group(name, value)
            step = name if value is None else f"{name}\t{value}"
            group = self._groups[name, value] = WorkerMetricGroup(self._all, plain.scope, f"{self._path}{step}\n")
        return group

    def get_counter(self, name: str) -> MemoryCounter:
        return self._metric(name, MemoryCounter, (), lambda: WorkerCounter(self._all, self._path, name))

    def get_meter(self, name: str) -> MemoryMeter:
        return self._metric(name, MemoryMeter, (), lambda: WorkerMeter(self._all, self._path, name))

    def get_gauge(self, name: str) -> MemoryGauge:
        return self._metric(name, MemoryGauge, (), lambda: WorkerGauge(self._all, self._path, name))

    def get_histogram(self, name: str, window_size: int = 100) -> MemoryHistogram:
        return self._metric(
            name, MemoryHistogram, (window_size,), lambda width: WorkerHistogram(self._all, self._path, name, width)
        )

    def get_sampled_histogram(self, name: str) -> MemoryHistogram:
        return self._metric(
            name, MemoryHistogram, (100,), lambda width: SampledHistogram(self._all, self._path, name, width)
        )


class WorkerCounter(MemoryCounter):
    """A count that Flink keeps too."""

    __slots__ = ("_told",)

    def __init__(self, metrics: WorkerMetrics, path: str, name: str) -> None:
        super().__init__()
        self._told = (metrics, path, name)

    def inc(self, n: int = 1) -> None:
        super().inc(n)
        metrics, path, name = self._told
        metrics.add(path, name, "count", n)

    def dec(self, n: int = 1) -> None:
        super().dec(n)
        metrics, path, name = self._told
        metrics.add(path, name, "count", -n)


class WorkerMeter(MemoryMeter):
    """A rate that Flink keeps too."""

    __slots__ = ("_told",)

    def __init__(self, metrics: WorkerMetrics, path: str, name: str) -> None:
        super().__init__()
        self._told = (metrics, path, name)

    def mark(self, n: int = 1) -> None:
        super().mark(n)
        metrics, path, name = self._told
        metrics.add(path, name, "mark", n)


class WorkerGauge(MemoryGauge):
    """A value that Flink keeps too."""

    __slots__ = ("_told",)

    def __init__(self, metrics: WorkerMetrics, path: str, name: str) -> None:
        super().__init__()
        self._told = (metrics, path, name)

    def update(self, value: float) -> None:
        super().update(value)
        metrics, path, name = self._told
        metrics.last(path, name, self._value)


class WorkerHistogram(MemoryHistogram):
    """Values that Flink keeps too, as many of the last as here."""

    __slots__ = ("_told",)

    def __init__(self, metrics: WorkerMetrics, path: str, name: str, window_size: int) -> None:
        super().__init__(window_size)
        # The size of the window goes along with the name: names are told once.
        self._told = (metrics, path, f"{name}\n{window_size}")

    def update(self, value: int) -> None:
        super().update(value)
        metrics, path, name = self._told
        metrics.sample(path, name, self._values[-1])


class SampledHistogram(WorkerHistogram):
    """Values of which Flink keeps one a batch: telling each would cost more than measuring it."""

    __slots__ = ()

    def update(self, value: int) -> None:
        MemoryHistogram.update(self, value)
        metrics, path, name = self._told
        metrics.latest(path, name, self._values[-1])
