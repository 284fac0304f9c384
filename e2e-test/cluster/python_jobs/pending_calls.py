"""Every input waits for durable calls: the twin of ``PendingCalls.java``, whose inputs it takes.

Arguments: ``--directory DIRECTORY --out DIRECTORY --count N --keys N --first N --release FILE [--parallelism N]``, and the
jar with ``PendingInputs`` as ``--jarfile``. A function of PyFlink's that holds inputs back would be at work whenever the job is
interrupted, which PyFlink does not always survive (docs/long-runs.md).
"""

from job_files import arguments, environment, write
from pending_agent import AskingAgent
from pyflink.common import WatermarkStrategy
from pyflink.common.typeinfo import Types
from pyflink.datastream.connectors import Source
from pyflink.java_gateway import get_gateway

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

given = arguments()
keys = int(given.keys)


def key_of(text: str) -> str:
    """The key of an input."""
    return text.partition("/")[0]


env = environment(given.parallelism)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
agents.get_config().set_str("pending.directory", given.directory)
agents.get_config().set_int("pending.keys", keys)
source = Source(get_gateway().jvm.jobs.PendingInputs.source(keys, given.count, given.first, given.release))
inputs = env.from_source(source, WatermarkStrategy.no_watermarks(), "inputs", Types.STRING()).set_parallelism(1)
spread = inputs.key_by(key_of, key_type=Types.STRING()).map(lambda text: text, output_type=Types.STRING())
write(agents.from_datastream(spread, key_of).apply(AskingAgent()).to_datastream(Types.STRING()), given.out)
agents.execute("pending calls")
