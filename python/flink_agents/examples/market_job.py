"""Two agents in a Flink job: share prices of five companies, and months in which nearly all moved together.

    flink-agents flink run --python market_job.py [stocks.csv [output directory]]

Without a directory the remarks are printed, on a cluster into the output of the TaskManager.
"""

from __future__ import annotations

import sys

from pyflink.common.typeinfo import Types
from pyflink.datastream import StreamExecutionEnvironment

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.examples.data import find_data
from flink_agents.examples.market_agents import CompanyAgent, MarketAgent, parse_price
from flink_agents.examples.text_files import read_lines, write_lines


def main(arguments: list[str]) -> None:
    """Run the job."""
    env = StreamExecutionEnvironment.get_execution_environment()
    agents = AgentsExecutionEnvironment.get_execution_environment(env)
    prices = read_lines(env, find_data("stocks.csv", *arguments[:1]), "symbol,").map(parse_price).set_parallelism(1)
    moves = agents.from_datastream(prices, lambda price: price["company"]).apply(CompanyAgent()).to_datastream()
    remarks = (
        agents.from_datastream(moves, lambda move: move["month"])
        .apply(MarketAgent())
        .to_datastream(output_type=Types.STRING())
    )
    write_lines(remarks, *arguments[1:2])
    agents.execute("Five companies")


if __name__ == "__main__":
    main(sys.argv[1:])
