"""What every scenario of the cluster test has at hand."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import expected
from checks import Suite
from cluster import Cluster
from job_jars import Jars


@dataclass
class Context:
    """One scenario's surroundings."""

    suite: Suite
    cluster: Cluster
    jars: Jars
    data: Path
    long: bool
    variant: str = ""

    def out(self) -> Path:
        """A new directory for outputs."""
        folder = self.cluster.base / "out"
        folder.mkdir(exist_ok=True)
        return folder / f"{len(list(folder.iterdir()))}-{time.monotonic_ns()}"

    def stocks(self) -> Path:
        """Monthly prices of stocks."""
        return self.data / "stocks.csv"

    def airports(self) -> Path:
        """Airports of the United States."""
        return self.data / "airports.csv"

    def finished(self, job: str, seconds: float = 120) -> None:
        """Waits until a job has finished, which counts as a check."""
        self.cluster.rest.await_state(job, "FINISHED", seconds)
        self.suite.check("the job finished")

    def check_stocks(self, out: Path) -> None:
        """Checks what ``StockAlerts`` wrote."""
        lines = expected.stock_alerts(self.stocks())
        self.suite.same_lines(f"{len(lines)} alerts, as computed without Flink", lines, out)

    def check_bands(self, out: Path) -> None:
        """Checks what ``AirportBands`` wrote."""
        lines = expected.read_output(out)
        problem = expected.check_airport_bands(self.airports(), lines)
        self.suite.check(f"{len(lines)} lines of two agents in a row", problem)
