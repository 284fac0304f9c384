"""Records and key selectors that cannot be taken. Arguments: ``--keys key|record|selector --out DIRECTORY``."""

import threading

from job_files import arguments, environment, write
from probe_agents import EchoAgent
from pyflink.common.typeinfo import Types

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

given = arguments()
env = environment(1)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
numbers = env.from_collection([1, 2], type_info=Types.INT())
lock = threading.Lock()
if given.keys == "selector":
    builder = agents.from_datastream(numbers, lambda number: (number, lock)[0])
elif given.keys == "key":
    builder = agents.from_datastream(numbers, lambda number: {number})
else:
    builder = agents.from_datastream(
        numbers.map(lambda number: {"items": [number, {"when": object}]}), lambda record: "one"
    )
write(builder.apply(EchoAgent()).to_datastream(Types.STRING()), given.out)
agents.execute("wrong records")
