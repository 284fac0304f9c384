"""An agent whose model and tool are in Java, ``PriceWords.java``. Arguments: ``--data FILE --out DIRECTORY [--parallelism N]``."""

from __future__ import annotations

from job_files import arguments, environment, spread, write
from pyflink.common.typeinfo import Types
from words_agent import WordsAgent, parse_quote

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.examples.text_files import read_lines

given = arguments()
env = environment(given.parallelism)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
quotes = read_lines(env, given.data, "symbol,").map(parse_quote).set_parallelism(1)
words = agents.from_datastream(spread(quotes, "symbol"), lambda quote: quote["symbol"]).apply(WordsAgent())
write(words.to_datastream(Types.STRING()), given.out)
agents.execute("Python with a model in Java")
