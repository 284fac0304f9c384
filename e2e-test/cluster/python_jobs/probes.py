"""Gives texts to an agent. Arguments: ``--agent NAME --keys A,B --out DIRECTORY [--parallelism N]``."""

import probe_agents
from job_files import arguments, environment, write
from pyflink.common.typeinfo import Types

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

given = arguments()
env = environment(given.parallelism)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
agents.get_config().set_int("set-in-code", 5)
texts = env.from_collection(given.keys.split(","), type_info=Types.STRING())
agent = getattr(probe_agents, given.agent)()
write(agents.from_datastream(texts, lambda text: text).apply(agent).to_datastream(Types.STRING()), given.out)
agents.execute(given.agent)
