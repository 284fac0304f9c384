"""The metrics of a run without Flink: what the core has counted beside what actions count, as a snapshot and as a page."""

from __future__ import annotations

import json
import logging
import math
import time
from typing import TYPE_CHECKING, Any

from flink_agents import _core
from flink_agents.runtime.metrics import MemoryCounter, MemoryHistogram, MemoryMetricGroup, dotted

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

# Those of Flink's Prometheus reporter.
_QUANTILES = (0.5, 0.75, 0.95, 0.98, 0.99, 0.999)
# A page is not asked for more often.
_PUBLISH_SECONDS = 1.0


class MetricsSnapshot:
    """What the metrics of an agent showed at a moment. It does not change any more.

    Names are described in ``docs/operations/metrics.md``.
    """

    def __init__(self, agent: str, metrics: Iterable[tuple[tuple[tuple[str, ...], ...], str, Any]]) -> None:
        self._agent = agent
        self._values: dict[str, float] = {}
        self._metrics: list[dict[str, Any]] = []
        for scope, name, metric in metrics:
            self._values[dotted(scope, name)] = metric.value()
            self._metrics.append({"scope": scope, "name": name, "kind": metric.KIND, **_shown(metric)})

    @property
    def agent(self) -> str:
        """Name of the agent."""
        return self._agent

    def values(self) -> dict[str, float]:
        """Return counts, rates, last values and means by dotted name, ``action.<name>.numOfActionsExecuted`` for instance."""
        return dict(self._values)

    def to_prometheus(self) -> str:
        """Return the text page that Prometheus reads."""
        return _core.metrics_page(self.to_json())

    def to_json(self) -> str:
        """Return all that is known of the metrics: a list of one agent with its metrics."""
        return json.dumps([{"agent": self._agent, "metrics": self._metrics}])


def _shown(metric: Any) -> dict[str, Any]:
    if metric.KIND == "counter":
        return {"count": metric.get_count()}
    if metric.KIND == "meter":
        return {"count": metric.get_count(), "rate": metric.get_rate()}
    if metric.KIND == "gauge":
        value = metric.get_value()
        # JSON has no others.
        return {"value": value if math.isfinite(value) else None}
    quantiles = metric.quantiles(_QUANTILES)
    return {
        "count": metric.get_count(),
        "quantiles": {str(quantile): value for quantile, value in zip(_QUANTILES, quantiles, strict=True)},
    }


class _PerSecond:
    """How often a second, since the run began."""

    KIND = "meter"

    def __init__(self, counter: MemoryCounter, began: float) -> None:
        self._counter = counter
        self._began = began

    def mark(self, n: int = 1) -> None:
        self._counter.inc(n)

    def get_count(self) -> int:
        return self._counter.get_count()

    def get_rate(self) -> float:
        return self._counter.get_count() / max(1e-9, time.monotonic() - self._began)

    value = get_rate


class LocalMetrics:
    """The metrics of one run.

    Parameters
    ----------
    core
        Tells by ``figures`` what it has counted.
    group
        What actions see.
    shown
        Actions that have metrics although they have not run.
    port
        Where the page is served; None: nowhere.

    Raises
    ------
    OSError
        If the port cannot be had.
    """

    def __init__(
        self, agent: str, core: _core.Local, group: MemoryMetricGroup, shown: Iterable[str], port: int | None
    ) -> None:
        self._agent = agent
        self._core = core
        self._names = core.actions
        self._group = group
        self._began = time.monotonic()
        self._counted: dict[str, MemoryCounter] = {}
        # What the core has told of each: users may count there, too.
        self._told: dict[MemoryCounter, int] = {}
        self._actions: dict[str, tuple[MemoryCounter, MemoryHistogram]] = {}
        self._per_second("numOfActionsExecuted", group)
        for name in shown:
            self._of_action(name)
        group.get_counter("numOfLateCallResults")
        self.last = MetricsSnapshot(agent, ())
        self._next = 0.0
        self._server = None if port is None else _core.MetricsServer(port)
        if self._server is not None:
            logger.info("Agent '%s' shows its metrics at http://127.0.0.1:%d/metrics", agent, self._server.port)

    def _of_action(self, name: str) -> tuple[MemoryCounter, MemoryHistogram]:
        metrics = self._actions.get(name)
        if metrics is None:
            group = self._group.get_sub_group("action", name)
            executed = self._per_second("numOfActionsExecuted", group)
            metrics = self._actions[name] = (executed, group.get_histogram("actionLatencyUs"))
        return metrics

    def _per_second(self, name: str, group: MemoryMetricGroup) -> MemoryCounter:
        counter = group.get_counter(name)
        group.show(f"{name}PerSec", _PerSecond(counter, self._began))
        return counter

    @property
    def port(self) -> int | None:
        """Where the page is served."""
        return None if self._server is None else self._server.port

    def progress(self) -> None:
        """Show how far the run has come, if that was not shown a moment ago. In the run's thread, between actions."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PUBLISH_SECONDS
            self.take()

    def take(self) -> MetricsSnapshot:
        """Show how far the run has come."""
        figures = self._core.figures()
        executed, took = figures.pop("executed"), figures.pop("took")
        self._set(self._group.get_counter("numOfActionsExecuted"), sum(executed))
        for name, count, micros in zip(self._names, executed, took, strict=True):
            if count == 0:
                continue
            counter, latency = self._of_action(name)
            self._set(counter, count)
            for value in micros:
                latency.update(value)
        for name, value in figures.items():
            if name == "storeLatencyMs":
                self._group.get_histogram(name).update(value)
            elif name.startswith(("numOfRuns", "numOfPending", "numOfSuspended", "numOfHeld", "numOfUnack", "journal")):
                self._group.get_gauge(name).update(value)
            elif name.startswith(("eventLog", "otlp")):
                self._set(self._group.get_counter(name), value)
            else:
                counter = self._counted.get(name)
                if counter is None:
                    counter = self._counted[name] = self._per_second(name, self._group)
                self._set(counter, value)
        self.last = MetricsSnapshot(self._agent, self._group.all())
        if self._server is not None:
            self._server.publish(self.last.to_json())
        return self.last

    def _set(self, counter: MemoryCounter, count: int) -> None:
        counter.inc(count - self._told.get(counter, 0))
        self._told[counter] = count

    def close(self) -> None:
        """End the page."""
        if self._server is not None:
            self._server.close()
