"""Whether what was measured again and again stays the same, or grows.

The slope is that of Theil and Sen: the median of the slopes of all pairs of samples. A third of the samples may be anything,
as with a compiler that was at work meanwhile, without moving it far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

# Fewer say nothing about a slope.
FEWEST = 6


@dataclass(frozen=True)
class Limit:
    """How much something may grow over the whole measurement: ``share`` of where it was, and at least ``least``."""

    least: float
    share: float = 0.0

    def of(self, level: float) -> float:
        """The limit, where that level was."""
        return max(self.least, self.share * level)


def growth(times: Sequence[float], values: Sequence[float]) -> float:
    """How much it has grown from the first sample to the last, by its slope."""
    slopes = [(b - a) / (t - s) for (s, a), (t, b) in combinations(zip(times, values, strict=True), 2) if t > s]
    return median(slopes) * (times[-1] - times[0])


def problem(times: Sequence[float], values: Sequence[float], limit: Limit) -> str:
    """What is wrong with these samples; empty if nothing is."""
    if len(values) < FEWEST:
        return f"{len(values)} samples say nothing, at least {FEWEST} are needed"
    grown, allowed = growth(times, values), limit.of(median(values))
    if grown <= allowed:
        return ""
    return f"grew by {grown:,.0f}, {allowed:,.0f} are allowed; the samples: {', '.join(f'{value:,.0f}' for value in values)}"


def finds_a_leak(times: Sequence[float], values: Sequence[float], limit: Limit) -> bool:
    """Whether a leak of twice the limit, on top of these very samples with all their noise, would be found. What shrinks hides as much more."""
    leak = 2 * limit.of(median(values)) - min(0.0, growth(times, values))
    span = times[-1] - times[0]
    return problem(times, [value + leak * (time - times[0]) / span for time, value in zip(times, values, strict=True)], limit) != ""
