"""What the jobs must write, computed from the same data without them."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from decimal import ROUND_DOWN, Decimal
from pathlib import Path


def rows(file: Path) -> list[list[str]]:
    """The lines of a CSV file as columns, without the first line."""
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.reader(text))[1:]


def divide(a: int, b: int) -> int:
    """Division as Java has it: towards zero."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def as_long(number: int) -> int:
    """The number that is left of it in 64 bits."""
    return (number + 2**63) % 2**64 - 2**63


def java_hash(text: str) -> int:
    """``String.hashCode`` of ASCII text."""
    result = 0
    for char in text:
        result = (result * 31 + ord(char)) % 2**32
    return result - 2**32 if result >= 2**31 else result


def read_output(folder: Path) -> list[str]:
    """All lines of the files that are committed: those whose names do not begin with a dot or an underscore."""
    lines: list[str] = []
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.name.startswith((".", "_")):
            lines += file.read_text(encoding="utf-8").splitlines()
    return lines


def stock_alerts(file: Path) -> list[str]:
    """What ``StockAlerts`` writes, in any order."""
    last: dict[str, int] = {}
    highest: dict[str, int] = defaultdict(int)
    falls: dict[str, int] = defaultdict(int)
    lines = []
    for symbol, month, price in rows(file):
        cents = int(Decimal(price) * 100)
        before, peak = last.get(symbol), highest[symbol]
        last[symbol], highest[symbol] = cents, max(peak, cents)
        if before is None:
            continue
        permille = divide((cents - before) * 1000, before)
        if permille <= -150:
            falls[symbol] += 1
            lines.append(f"{symbol},{month},fall {falls[symbol]},{permille},{cents},{highest[symbol]}")
        if cents > peak and symbol not in ("MSFT", "IBM"):
            lines.append(f"{symbol},{month},highest,{permille},{cents},{highest[symbol]}")
    return lines


def rain(file: Path) -> list[str]:
    """What ``TableJob`` writes, in any order."""
    days: dict[str, int] = defaultdict(int)
    tenths: dict[str, int] = defaultdict(int)
    lines = []
    for row in rows(file):
        amount, weather = int(Decimal(row[1]) * 10), row[5]
        if amount > 0:
            days[weather] += 1
            tenths[weather] += amount
            lines.append(f"{weather.upper()},{days[weather]},{tenths[weather]}")
    return lines


def airports(file: Path) -> list[tuple[str, str, int]]:
    """Code, state and latitude in millionths of a degree of every airport."""
    return [(row[0], row[-4], int((Decimal(row[-2]) * 1_000_000).to_integral_value(ROUND_DOWN))) for row in rows(file)]


def check_airport_bands(file: Path, lines: list[str]) -> str:
    """Says what is wrong with the output of ``AirportBands``; empty if nothing is.

    Which band hears of which state first depends on the timing of the subtasks: what was told and the totals do not.
    """
    seen: dict[str, int] = defaultdict(int)
    told: Counter[tuple[int, str, int]] = Counter()
    for _, state, latitude in airports(file):
        seen[state] += 1
        if seen[state] % 5 == 0:
            told[latitude // 10_000_000, state, seen[state]] += 1
    found: Counter[tuple[int, str, int]] = Counter()
    running: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
    for line in lines:
        band, number, total, state, count = line.split(",")
        found[int(band), state, int(count)] += 1
        if int(number) in running[int(band)]:
            return f"band {band} has number {number} twice"
        running[int(band)][int(number)] = (int(total), int(count))
    if found != told:
        return f"told wrongly: missing {list((told - found).items())[:5]}, too many {list((found - told).items())[:5]}"
    for band, by_number in running.items():
        total = 0
        for number in range(1, len(by_number) + 1):
            if number not in by_number:
                return f"band {band} lacks number {number}"
            total += by_number[number][1]
            if by_number[number][0] != total:
                return f"band {band} remembers {by_number[number][0]} after {number} additions, expected {total}"
    return ""


def airport_walk(file: Path, count: int) -> list[str]:
    """What ``AirportWalk`` writes for the first ``count`` inputs, in the order of the inputs."""
    data = airports(file)
    ended: dict[str, int] = defaultdict(int)
    trace: dict[str, int] = defaultdict(int)
    north: dict[str, int] = {}
    lines = []
    for number in range(count):
        code, state, latitude = data[number % len(data)]
        ended[state] += 1
        trace[state] = as_long(trace[state] * 31 + java_hash(code))
        north[state] = max(north.get(state, latitude), latitude)
        lines.append(f"{state},{code},{ended[state]},{ended[state]},{trace[state]},{north[state]}")
    return lines


def difference(expected: list[str], found: list[str]) -> str:
    """Says how two bags of lines differ; empty if they do not."""
    missing, extra = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    if not missing and not extra:
        return ""
    return (f"{len(expected)} lines expected, {len(found)} found; missing {sum(missing.values())}, such as"
            f" {sorted(missing)[:3]}; too many {sum(extra.values())}, such as {sorted(extra)[:3]}")
