"""A bounded job with one agent. Arguments: ``--data FILE --out DIRECTORY [--parallelism N]``."""

from job_files import arguments, environment, spread, write
from pyflink.common.typeinfo import Types
from stock_agent import StockAgent, parse_quote

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.examples.text_files import read_lines

given = arguments()
env = environment(given.parallelism)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
quotes = read_lines(env, given.data, "symbol,").map(parse_quote).set_parallelism(1)
stream = spread(quotes, "symbol")
write(
    agents.from_datastream(stream, lambda quote: quote["symbol"]).apply(StockAgent()).to_datastream(Types.STRING()),
    given.out,
)
agents.execute("stock alerts")
