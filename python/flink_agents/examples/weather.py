"""The weather agent in this process, without Flink and without a JVM: for tests, tools and trying out.

python -m flink_agents.examples.weather [seattle-weather.csv]
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.examples.data import find_data
from flink_agents.examples.weather_agent import WeatherAgent, calendar_month, parse_day

if TYPE_CHECKING:
    from pathlib import Path


def remarks(file: Path) -> list[str]:
    """Give the days of a file to the agent and return what it says."""
    days = [parse_day(line) for line in file.read_text(encoding="utf-8").splitlines()[1:]]
    env = AgentsExecutionEnvironment.get_execution_environment()
    outputs = (
        env.from_list([{"key": calendar_month(day), "value": day} for day in days]).apply(WeatherAgent()).to_list()
    )
    env.execute()
    return [f"{remark['date']}: {remark['reasons']}" for output in outputs for remark in output.values()]


if __name__ == "__main__":
    print("\n".join(sorted(remarks(find_data("seattle-weather.csv", *sys.argv[1:2])))))
