"""One agent in a Flink job: Seattle's weather, day by day, and a remark on each day out of the ordinary.

    flink-agents flink run --python weather_job.py [seattle-weather.csv [output directory]]

Without a directory the remarks are printed, on a cluster into the output of the TaskManager.
"""

from __future__ import annotations

import sys

from pyflink.common.typeinfo import Types
from pyflink.datastream import StreamExecutionEnvironment

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.examples.data import find_data
from flink_agents.examples.text_files import read_lines, write_lines
from flink_agents.examples.weather_agent import WeatherAgent, calendar_month, parse_day


def main(arguments: list[str]) -> None:
    """Run the job."""
    env = StreamExecutionEnvironment.get_execution_environment()
    agents = AgentsExecutionEnvironment.get_execution_environment(env)
    # One subtask up to the keys: with more, the days of a month would overtake one another.
    days = read_lines(env, find_data("seattle-weather.csv", *arguments[:1]), "date,").map(parse_day).set_parallelism(1)
    remarks = (
        agents.from_datastream(days, calendar_month)
        .apply(WeatherAgent())
        .to_datastream()
        .map(lambda remark: f"{remark['date']}: {remark['reasons']}", output_type=Types.STRING())
    )
    write_lines(remarks, *arguments[1:2])
    agents.execute("Seattle weather")


if __name__ == "__main__":
    main(sys.argv[1:])
