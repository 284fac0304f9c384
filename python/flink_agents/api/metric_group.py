"""Metrics. Asking twice for the same name gives the same metric."""

from __future__ import annotations

from abc import ABC, abstractmethod


class MetricGroup(ABC):
    """A group of metrics."""

    @abstractmethod
    def get_sub_group(self, name: str, value: str | None = None) -> MetricGroup:
        """Return a group below this one; with a value, one whose name and value reporters show as a label.

        Raises
        ------
        ValueError
            If the name has a ``=``.
        """

    @abstractmethod
    def get_counter(self, name: str) -> Counter:
        """Return a counter."""

    @abstractmethod
    def get_meter(self, name: str) -> Meter:
        """Return a meter: how often something happens in a second, over the last minute."""

    @abstractmethod
    def get_gauge(self, name: str) -> Gauge:
        """Return a gauge: the last value."""

    @abstractmethod
    def get_histogram(self, name: str, window_size: int = 100) -> Histogram:
        """Return a histogram over the last ``window_size`` values."""


class Counter(ABC):
    """A count."""

    @abstractmethod
    def inc(self, n: int = 1) -> None:
        """Add."""

    @abstractmethod
    def dec(self, n: int = 1) -> None:
        """Subtract."""

    @abstractmethod
    def get_count(self) -> int:
        """Return the count."""


class Meter(ABC):
    """A rate."""

    @abstractmethod
    def mark(self, n: int = 1) -> None:
        """Tell that something happened ``n`` times."""

    @abstractmethod
    def get_rate(self) -> float:
        """Return how often a second."""


class Histogram(ABC):
    """A distribution of whole numbers."""

    @abstractmethod
    def update(self, value: int) -> None:
        """Add a value."""

    @abstractmethod
    def get_mean(self) -> float:
        """Return the mean, 0 if there is no value."""

    @abstractmethod
    def get_max(self) -> int:
        """Return the largest value, 0 if there is none."""

    @abstractmethod
    def get_min(self) -> int:
        """Return the smallest value, 0 if there is none."""


class Gauge(ABC):
    """A value that changes."""

    @abstractmethod
    def update(self, value: float) -> None:
        """Set the value."""

    @abstractmethod
    def get_value(self) -> float:
        """Return the value, 0 if none was set."""
