"""What the examples of ``java/examples`` must write, computed from the same data without them."""

from __future__ import annotations

import calendar
import time
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from expected import rows


def one_digit(number: float) -> str:
    """A number with one digit after the point, rounded as Java's formats do."""
    return str(Decimal(repr(number)).quantize(Decimal("0.1"), ROUND_HALF_UP))


def market(file: Path) -> list[str]:
    """What ``MarketJob`` writes, in any order."""
    last: dict[str, float] = {}
    moves: dict[str, dict[str, float]] = defaultdict(dict)
    for company, date, price in rows(file):
        month = time.strftime("%Y-%m", time.strptime(date, "%b %d %Y"))
        if company in last:
            moves[month][company] = 100 * (float(price) / last[company] - 1)
        last[company] = float(price)
    lines = []
    for month, by_company in moves.items():
        if len(by_company) < (4 if month < "2004-09" else 5):
            continue
        fell = sum(percent <= -5 for percent in by_company.values())
        rose = sum(percent >= 5 for percent in by_company.values())
        each = ", ".join(sorted(f"{c} {'' if p < 0 else '+'}{one_digit(p)} %" for c, p in by_company.items()))
        if fell >= 4:
            lines.append(f"{month}: a bad month for all, {fell} companies lost 5 % or more ({each})")
        if rose >= 4:
            lines.append(f"{month}: a good month for all, {rose} companies gained 5 % or more ({each})")
    return lines


def weather(file: Path) -> list[str]:
    """What ``WeatherJob`` writes, in any order."""
    kinds = (("wettest", 1, 1, "mm of rain"), ("warmest", 2, 1, "°C"), ("coldest", 3, -1, "°C"),
             ("windiest", 4, 1, "m/s of wind"))
    first_year: dict[str, str] = {}
    records: dict[tuple[str, str], tuple[float, str]] = {}
    heavy: dict[str, int] = defaultdict(int)
    lines = []
    for row in rows(file):
        date, reasons = row[0], []
        month = date[5:7]
        name = calendar.month_name[int(month)]
        learning = first_year.setdefault(month, date[:4]) == date[:4]
        for word, column, sign, unit in kinds:
            value = float(row[column])
            if (month, word) not in records:
                records[month, word] = (value, date)
                continue
            before, since = records[month, word]
            if (value - before) * sign > 0:
                records[month, word] = (value, date)
                if not learning and (value - before) * sign >= 1:
                    reasons.append(f"the {word} {name} day so far, {one_digit(value)} {unit}"
                                   f" (before: {one_digit(before)} on {since})")
        if float(row[1]) >= 30:
            heavy[month] += 1
            reasons.append(f"heavy rain, {one_digit(float(row[1]))} mm (no. {heavy[month]} of the {name} days"
                           " with 30 mm or more)")
        if reasons:
            lines.append(f"{date}: {'; '.join(sorted(reasons))}")
    return lines
