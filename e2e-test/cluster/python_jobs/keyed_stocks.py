"""The same from a keyed stream, whose keys the agent takes. Arguments: ``--data FILE --out DIRECTORY [--parallelism N]``."""

from job_files import arguments, environment, write
from pyflink.common.typeinfo import Types
from stock_agent import StockAgent, parse_quote

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.examples.text_files import read_lines

given = arguments()
env = environment(given.parallelism)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
quotes = read_lines(env, given.data, "symbol,").map(parse_quote).set_parallelism(1)
keyed = quotes.key_by(lambda quote: quote["symbol"])
write(agents.from_datastream(keyed).apply(StockAgent()).to_datastream(Types.STRING()), given.out)
agents.execute("stock alerts of a keyed stream")
