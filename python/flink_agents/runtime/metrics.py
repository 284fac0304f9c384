"""Metrics kept in memory: what actions see, without Flink and in a worker."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from flink_agents.api.metric_group import Counter, Gauge, Histogram, Meter, MetricGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

_WINDOW_SECONDS = 60
# Flink takes room for all values of a window at once.
_WIDEST = 1_000_000
_TOO_LARGE = 1 << 63


class MemoryMetricGroup(MetricGroup):
    """A group of metrics. Asking twice for the same name gives the same object.

    A name that another kind of metric has gives one that works and is not shown, with one warning: measuring must not fail a job.

    Parameters
    ----------
    scope
        The groups above and this one: their names, those with a value with that too.
    """

    def __init__(self, scope: tuple[tuple[str, ...], ...] = ()) -> None:
        self.scope = scope
        self._unshown: dict[tuple[str, str], Any] = {}
        self._groups: dict[tuple[str, str | None], MemoryMetricGroup] = {}
        self._metrics: dict[str, MemoryCounter | MemoryMeter | MemoryGauge | MemoryHistogram] = {}

    def get_sub_group(self, name: str, value: str | None = None) -> MemoryMetricGroup:
        group = self._groups.get((name, value))
        if group is None:
            _check_group(name, value)
            below = (name,) if value is None else (name, value)
            group = self._groups[(name, value)] = MemoryMetricGroup((*self.scope, below))
        return group

    def get_counter(self, name: str) -> MemoryCounter:
        return self._metric(name, MemoryCounter)

    def get_meter(self, name: str) -> MemoryMeter:
        return self._metric(name, MemoryMeter)

    def get_gauge(self, name: str) -> MemoryGauge:
        return self._metric(name, MemoryGauge)

    def get_histogram(self, name: str, window_size: int = 100) -> MemoryHistogram:
        return self._metric(name, MemoryHistogram, (window_size,))

    def get_sampled_histogram(self, name: str) -> MemoryHistogram:
        """Return a histogram of which a part of the values is enough."""
        return self.get_histogram(name)

    def values(self) -> dict[str, float]:
        """Return all counts, rates, values and means of this group and those below, by dotted name."""
        return {dotted(scope, name): metric.value() for scope, name, metric in self.all()}

    def all(self) -> Iterator[tuple[tuple[tuple[str, ...], ...], str, Any]]:
        """Yield the metrics of this group and those below, each with its groups and its name."""
        for name, metric in self._metrics.items():
            yield self.scope, name, metric
        for group in self._groups.values():
            yield from group.all()

    def show(self, name: str, metric: Any) -> None:
        """Have a metric that was made elsewhere."""
        self._metrics[name] = metric

    def _metric(
        self, name: str, plain: Any, args: tuple[Any, ...] = (), shown: Callable[..., Any] | None = None
    ) -> Any:
        metric = self._metrics.get(name)
        if metric is None:
            _check_text("a metric", name)
            metric = self._metrics[name] = plain(*args) if shown is None else shown(*args)
        elif metric.KIND != plain.KIND:
            return self._not_shown(name, metric, plain, args)
        return metric

    def _not_shown(self, name: str, shown: Any, plain: Any, args: tuple[Any, ...]) -> Any:
        metric = self._unshown.get((plain.KIND, name))
        if metric is None:
            metric = self._unshown[plain.KIND, name] = plain(*args)
            logger.warning(
                "The metric '%s' is a %s already: the %s of this name that was asked for besides counts, and is not shown; "
                "give it another name",
                dotted(self.scope, name),
                shown.KIND,
                plain.KIND,
            )
        return metric


def dotted(scope: tuple[tuple[str, ...], ...], name: str) -> str:
    """Return the name of a metric with those of its groups before it."""
    return ".".join((*(part for group in scope for part in group), name))


def _check_text(of: str, name: str) -> None:
    if not isinstance(name, str):
        msg = f"The name of {of} must be a text, not {name!r} of type '{type(name).__name__}'."
        raise TypeError(msg)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        msg = f"The name of {of} is not valid Unicode text: {name!r} has lone surrogates."
        raise ValueError(msg) from error


def _check_group(name: str, value: str | None) -> None:
    for text in (name,) if value is None else (name, value):
        _check_text("a metric group", text)
        if "\n" in text or "\t" in text:
            msg = f"The name and the value of a metric group must not have line feeds or tabs: {text!r}."
            raise ValueError(msg)
    if "=" in name:
        msg = f"The name of a metric group must not have a '=': {name!r}; give name and value as two arguments."
        raise ValueError(msg)


def _number(of: str, value: float) -> float:
    """Return a number that Java can hold; those of other packages, and decimal ones, become floats."""
    if value.__class__ is float:
        return value
    if isinstance(value, int):
        if -_TOO_LARGE <= value < _TOO_LARGE:
            return value
        msg = f"A {of} takes numbers of up to 64 bits, not one of {value.bit_length()}."
        raise ValueError(msg)
    if not hasattr(value, "__float__"):
        msg = f"A {of} takes numbers, not {value!r} of type '{type(value).__name__}'."
        raise TypeError(msg)
    return float(value)


class MemoryCounter(Counter):
    """A count."""

    KIND = "counter"
    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def inc(self, n: int = 1) -> None:
        self._count += n

    def dec(self, n: int = 1) -> None:
        self._count -= n

    def get_count(self) -> int:
        return self._count

    value = get_count


class MemoryMeter(Meter):
    """A rate over the last minute, or over the time since the first mark if that is shorter."""

    KIND = "meter"
    __slots__ = ("_clock", "_count", "_seconds")

    def __init__(self, clock=time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        # (second, count at its start)
        self._seconds: deque[tuple[int, int]] = deque()

    def mark(self, n: int = 1) -> None:
        second = int(self._clock())
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, self._count))
            self._forget(second)
        self._count += n

    def get_rate(self) -> float:
        if not self._seconds:
            return 0.0
        now = self._clock()
        self._forget(int(now))
        since, before = self._seconds[0]
        if now - since > _WINDOW_SECONDS:
            return 0.0
        return (self._count - before) / max(1.0, now - since)

    value = get_rate

    def get_count(self) -> int:
        """Return how often it has happened."""
        return self._count

    def _forget(self, second: int) -> None:
        while len(self._seconds) > 1 and self._seconds[0][0] < second - _WINDOW_SECONDS:
            self._seconds.popleft()


class MemoryGauge(Gauge):
    """The last value."""

    KIND = "gauge"
    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: float = 0

    def update(self, value: float) -> None:
        self._value = _number("gauge", value)

    def get_value(self) -> float:
        return self._value

    value = get_value


class MemoryHistogram(Histogram):
    """The last values."""

    KIND = "histogram"
    __slots__ = ("_seen", "_values")

    def __init__(self, window_size: int) -> None:
        if not isinstance(window_size, int) or isinstance(window_size, bool):
            msg = f"The window of a histogram is a number of values, not {window_size!r} of type '{type(window_size).__name__}'."
            raise TypeError(msg)
        if not 1 <= window_size <= _WIDEST:
            msg = f"The window of a histogram must hold at least one value, and {_WIDEST:,} at most, not {window_size:,}."
            raise ValueError(msg)
        self._seen = 0
        self._values: deque[int] = deque(maxlen=window_size)

    def update(self, value: int) -> None:
        self._values.append(_number("histogram", value))
        self._seen += 1

    def get_mean(self) -> float:
        return sum(self._values) / len(self._values) if self._values else 0.0

    def get_max(self) -> int:
        return max(self._values, default=0)

    def get_min(self) -> int:
        return min(self._values, default=0)

    value = get_mean

    def get_count(self) -> int:
        """Return how many values there were, those outside of the window too."""
        return self._seen

    def quantiles(self, wanted: tuple[float, ...]) -> list[float]:
        """Return quantiles of the values in the window, linear between the two nearest; 0 if there are none."""
        values = sorted(self._values)
        found = []
        for quantile in wanted:
            at = quantile * max(0, len(values) - 1)
            below = int(at)
            above = min(below + 1, len(values) - 1)
            found.append(float(values[below] + (at - below) * (values[above] - values[below])) if values else 0.0)
        return found
