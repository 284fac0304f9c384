"""A bounded job from SQL over an agent to SQL. Arguments: ``--data FILE --out DIRECTORY``."""

from job_files import arguments, environment, write
from pyflink.common.typeinfo import ExternalTypeInfo, Types
from pyflink.table import DataTypes, Schema, StreamTableEnvironment
from rain_agent import RainAgent

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

given = arguments()
env = environment(given.parallelism)
tables = StreamTableEnvironment.create(env)
tables.execute_sql(
    "CREATE TABLE days (`date` STRING, precipitation DOUBLE, temp_max DOUBLE, temp_min DOUBLE, wind DOUBLE,"
    " weather STRING) WITH ('connector' = 'filesystem', 'format' = 'csv', 'csv.ignore-parse-errors' = 'true',"
    f" 'path' = '{given.data}')"
)
agents = AgentsExecutionEnvironment.get_execution_environment(env, tables)
sums = (
    agents.from_table(
        tables.sql_query("SELECT weather, precipitation FROM days WHERE precipitation > 0"), lambda row: row["weather"]
    )
    .apply(RainAgent())
    .to_table(
        Schema.new_builder()
        .column("weather", DataTypes.STRING())
        .column("days", DataTypes.BIGINT())
        .column("tenths", DataTypes.BIGINT())
        .build(),
        ExternalTypeInfo(
            Types.ROW_NAMED(["weather", "days", "tenths"], [Types.STRING(), Types.LONG(), Types.LONG()])
        ),
    )
)
rows = tables.sql_query(f"SELECT UPPER(weather) AS weather, days, tenths FROM {sums}")
lines = tables.to_data_stream(rows).map(
    lambda row: f"{row['weather']},{row['days']},{row['tenths']}", output_type=Types.STRING()
)
write(lines, given.out)
agents.execute("rain")
