"""A bounded job whose agent leaves dead letters, read as a stream and as a table. Arguments: ``--data FILE --out DIRECTORY``."""

from job_files import arguments, environment, write
from pyflink.common.typeinfo import Types
from pyflink.table import StreamTableEnvironment
from refused_agent import RefusingAgent
from stock_agent import parse_quote

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.examples.text_files import read_lines

given = arguments()
env = environment(given.parallelism)
tables = StreamTableEnvironment.create(env)
agents = AgentsExecutionEnvironment.get_execution_environment(env, tables)
quotes = read_lines(env, given.data, "symbol,").map(parse_quote).set_parallelism(1)
builder = agents.from_datastream(quotes, lambda quote: quote["symbol"]).apply(RefusingAgent())
letters = builder.get_dead_letters().map(
    lambda letter: ",".join(
        str(letter[name]) for name in ("action", "attempts", "key", "error_type", "error_message")
    ) + f",{letter['input']['cents']}",
    output_type=Types.STRING(),
)
columns = tables.sql_query(f"SELECT `action`, attempts, `key`, errorType, errorMessage FROM {builder.dead_letters_to_table()}")
rows = tables.to_data_stream(columns).map(lambda row: ",".join(str(value) for value in row), output_type=Types.STRING())
write(builder.to_datastream(Types.STRING()), f"{given.out}/taken")
write(letters, f"{given.out}/letters")
write(rows, f"{given.out}/rows")
agents.execute("refused quotes")
