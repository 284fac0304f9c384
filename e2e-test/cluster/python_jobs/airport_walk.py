"""A job for interruptions.

Arguments: ``--data FILE --out DIRECTORY --count N --steps N --release FILE --first N [--parallelism N]``. After every
start some records come at a steady rate, then only a few a second; once the file exists, all come as fast as they can,
with few steps. Checkpoints are configured where the job is submitted.
"""

import csv
import os
import time
from decimal import Decimal

from job_files import arguments, environment, spread, write
from pyflink.common import WatermarkStrategy
from pyflink.common.typeinfo import Types
from pyflink.datastream import MapFunction
from pyflink.datastream.connectors.number_seq import NumberSequenceSource
from walk_agent import WalkAgent

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

given = arguments()
with open(given.data, newline="", encoding="utf-8") as text:
    AIRPORTS = [
        {"code": row[0], "state": row[-4], "latitude": int(Decimal(row[-2]) * 1_000_000)}
        for row in list(csv.reader(text))[1:]
    ]


class Throttled(MapFunction):
    """Gives the airports by number, again and again, no faster than the test needs."""

    def __init__(self) -> None:
        self.count = 0

    def map(self, number: int) -> dict:
        released = os.path.exists(given.release)
        if not released:
            self.count += 1
            time.sleep(1 / 150 if self.count <= given.first else 0.2)
        return {**AIRPORTS[number % len(AIRPORTS)], "steps": 3 if released else given.steps}


env = environment(given.parallelism)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
source = NumberSequenceSource(0, given.count - 1)
airports = (
    env.from_source(source, WatermarkStrategy.no_watermarks(), "airports").set_parallelism(1)
    .map(Throttled()).set_parallelism(1)
)
write(
    agents.from_datastream(spread(airports, "state"), lambda airport: airport["state"])
    .apply(WalkAgent()).to_datastream(Types.STRING()),
    given.out,
)
agents.execute("airport walk")
