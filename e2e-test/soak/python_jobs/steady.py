"""The job of ``steady_agent.py``, whose inputs are those of ``Steady.java``.

Arguments: ``--keys N --rate N [--parallelism N]``, and the jar with the class ``Steady`` as ``--jarfile``.
"""

import argparse
import sys

from pyflink.common import WatermarkStrategy
from pyflink.common.typeinfo import Types
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors import Sink, Source
from pyflink.java_gateway import get_gateway
from steady_agent import SteadyAgent

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

parser = argparse.ArgumentParser()
for name in ("keys", "rate", "parallelism"):
    parser.add_argument(f"--{name}", type=int, default=1)
given = parser.parse_args(sys.argv[1:])


def key_of(text: str) -> str:
    """The key of an input."""
    return text.partition("/")[0]


env = StreamExecutionEnvironment.get_execution_environment()
env.set_parallelism(given.parallelism)
env.set_max_parallelism(64)
env.enable_checkpointing(2000)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
jvm = get_gateway().jvm
source = Source(jvm.jobs.Steady.source(given.keys, given.rate))
inputs = env.from_source(source, WatermarkStrategy.no_watermarks(), "inputs", Types.STRING()).set_parallelism(1)
spread = inputs.key_by(key_of, key_type=Types.STRING()).map(lambda text: text, output_type=Types.STRING())
told = agents.from_datastream(spread, key_of).apply(SteadyAgent()).to_datastream(Types.STRING())
told.sink_to(Sink(jvm.org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink()))
agents.execute("steady in Python")
