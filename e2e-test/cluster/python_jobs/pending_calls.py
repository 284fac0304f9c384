"""Every input waits for durable calls: the twin of ``PendingCalls.java``.

Arguments: ``--directory DIRECTORY --out DIRECTORY --count N --keys N --first N --release FILE [--parallelism N]``. After
every start some inputs come at a steady rate, then only a few a second; once the file exists, all as fast as they can.
"""

import os
import time

from job_files import arguments, environment, write
from pending_agent import AskingAgent
from pyflink.common import WatermarkStrategy
from pyflink.common.typeinfo import Types
from pyflink.datastream import MapFunction
from pyflink.datastream.connectors.number_seq import NumberSequenceSource

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

given = arguments()
KEYS, FIRST, RELEASE = int(given.keys), given.first, given.release


class Throttled(MapFunction):
    """Gives numbers their keys, no faster than the test needs."""

    def __init__(self) -> None:
        self.count = 0

    def map(self, number: int) -> str:
        if not os.path.exists(RELEASE):
            self.count += 1
            time.sleep(1 / 150 if self.count <= FIRST else 0.2)
        return f"k{number % KEYS}/{number}"


def key_of(text: str) -> str:
    """The key of an input."""
    return text.partition("/")[0]


env = environment(given.parallelism)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
agents.get_config().set_str("pending.directory", given.directory)
agents.get_config().set_int("pending.keys", KEYS)
inputs = (
    env.from_source(NumberSequenceSource(0, given.count - 1), WatermarkStrategy.no_watermarks(), "numbers").set_parallelism(1)
    .map(Throttled(), output_type=Types.STRING()).set_parallelism(1)
)
spread = inputs.key_by(key_of, key_type=Types.STRING()).map(lambda text: text, output_type=Types.STRING())
write(agents.from_datastream(spread, key_of).apply(AskingAgent()).to_datastream(Types.STRING()), given.out)
agents.execute("pending calls")
