#!/usr/bin/env python3
"""Runs ``scripts/demo`` and compares what the agents said with what the data says.

The expected remarks are worked out here a second time, in a plain loop over the files, without
agents. The last line is ``N passed, N failed``; the exit status is 1 if anything failed.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KINDS = (
    ("wettest", "precipitation", "mm of rain", 1),
    ("warmest", "temp_max", "°C", 1),
    ("coldest", "temp_min", "°C", -1),
    ("windiest", "wind", "m/s of wind", 1),
)


def weather(path: Path) -> list[str]:
    """Works out the remarks on the days of a file."""
    records: dict[tuple[str, str], tuple[float, str]] = {}
    first_year: dict[str, str] = {}
    heavy: dict[str, int] = defaultdict(int)
    remarks = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            day = datetime.strptime(row["date"], "%Y/%m/%d")
            month = day.strftime("%B")
            first_year.setdefault(month, row["date"][:4])
            reasons = []
            rain = float(row["precipitation"])
            if rain >= 30:
                heavy[month] += 1
                reasons.append(f"heavy rain, {rain:.1f} mm (no. {heavy[month]} of the {month} days with 30 mm or more)")
            for word, column, unit, sign in KINDS:
                value = float(row[column])
                before, since = records.get((month, word), (None, None))
                if before is not None and (value - before) * sign <= 0:
                    continue
                records[month, word] = (value, row["date"])
                if before is not None and row["date"][:4] != first_year[month] and (value - before) * sign >= 1:
                    reasons.append(
                        f"the {word} {month} day so far, {value:.1f} {unit} (before: {before:.1f} on {since})")
            if reasons:
                remarks.append(f"{row['date']}: {'; '.join(sorted(reasons))}")
    return remarks


def market(path: Path) -> list[str]:
    """Works out the months of a file in which nearly all companies moved together."""
    last: dict[str, float] = {}
    months: dict[str, dict[str, float]] = defaultdict(dict)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            month = datetime.strptime(row["date"], "%b %d %Y").strftime("%Y-%m")
            price = float(row["price"])
            if row["symbol"] in last:
                months[month][row["symbol"]] = 100 * (price / last[row["symbol"]] - 1)
            last[row["symbol"]] = price
    remarks = []
    for month, moves in months.items():
        each = ", ".join(f"{company} {moves[company]:+.1f} %" for company in sorted(moves))
        for what, count, verb in (
            ("bad", sum(move <= -5 for move in moves.values()), "lost"),
            ("good", sum(move >= 5 for move in moves.values()), "gained"),
        ):
            if count >= 4:
                remarks.append(f"{month}: a {what} month for all, {count} companies {verb} 5 % or more ({each})")
    return remarks


VERDICT = re.compile(r"(\w+): (?:good|bad), ([1-5]) of 5 \(so far ([\d.]+) in (\d+)\)  \".+\"")
NO_MODEL = "No model is there"


def reviews(lines: list[str]) -> str:
    """Says what is wrong with the verdicts on reviews: what they are is the model's affair; empty if nothing is."""
    stars: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        found = VERDICT.fullmatch(line)
        if found is None:
            return f"no verdict: {line}"
        given = stars[found[1]]
        given.append(int(found[2]))
        if (f"{sum(given) / len(given):.1f}", str(len(given))) != (found[3], found[4]):
            return f"the average is {given}: {line}"
    counts = {product: len(given) for product, given in stars.items()}
    return "" if counts == {"kettle": 3, "lamp": 3, "tent": 2} else f"reviews of {counts}"


def without_model() -> bool:
    """Whether the part that asks a model says plainly that there is none, and has not failed."""
    with tempfile.TemporaryDirectory() as folder:
        none = Path(folder, "real-model")
        none.write_text("#!/bin/sh\nexit 3\n", encoding="ascii")
        none.chmod(0o755)
        run = subprocess.run([str(ROOT / "scripts" / "demo-model")], env={**os.environ, "REAL_MODEL": str(none)}, text=True,
                             capture_output=True, check=False)
    return run.returncode == 0 and NO_MODEL in run.stdout and not (ROOT / "target" / "demo" / "reviews.txt").exists()


def main() -> int:
    """Runs the demo and all comparisons; returns the exit status."""
    absent = without_model()
    for name in ("weather.txt", "weather-python.txt", "market.txt", "reviews.txt"):
        (ROOT / "target" / "demo" / name).unlink(missing_ok=True)
    run = subprocess.run([str(ROOT / "scripts" / "demo")], cwd=ROOT, text=True, encoding="utf-8",
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(run.stdout)
    checks = [
        ("the demo ends well", run.returncode == 0),
        ("nothing is logged as an error", "ERROR" not in run.stdout and "Exception" not in run.stdout),
        ("without a model it says so, and goes on", absent),
    ]
    said = ROOT / "target" / "demo" / "reviews.txt"
    wrong = reviews(said.read_text(encoding="utf-8").splitlines()) if said.is_file() else "none, though there is a model"
    if NO_MODEL in run.stdout:
        print("there is no model on this machine")
    else:
        checks.append((f"reviews.txt has the model's verdicts{': ' if wrong else ''}{wrong}", not wrong))
    for name, expected in (
        ("weather.txt", weather(ROOT / "target" / "data" / "seattle-weather.csv")),
        ("weather-python.txt", weather(ROOT / "target" / "data" / "seattle-weather.csv")),
        ("market.txt", market(ROOT / "target" / "data" / "stocks.csv")),
    ):
        path = ROOT / "target" / "demo" / name
        said = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        same = sorted(said) == sorted(expected)
        checks.append((f"{name} is what the data says: {len(expected)} remarks", same))
        if not same:
            print(f"{name}: only said: {sorted(set(said) - set(expected))[:5]}")
            print(f"{name}: not said:  {sorted(set(expected) - set(said))[:5]}")
    failed = 0
    for what, good in checks:
        print(f"{'ok' if good else 'failed':<7} {what}")
        failed += not good
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
