package jobs;

import java.util.Map;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;

/** A bounded job from SQL to SQL: an agent adds up the rain of a kind of weather. */
public final class TableJob {
    private TableJob() {}

    /** Gives for each wet day the number and the rain of the wet days of its weather up to it. */
    public static final class RainAgent extends Agent {
        @Action(EventType.InputEvent)
        public static void add(final Event event, final RunnerContext context) throws Exception {
            final Row day = (Row) InputEvent.fromEvent(event).getInput();
            final MemoryObject memory = context.getShortTermMemory();
            final long days = Memory.number(memory, "days") + 1;
            final long tenths = Memory.number(memory, "tenths") + Math.round((Double) day.getField("precipitation") * 10);
            memory.set("days", days);
            memory.set("tenths", tenths);
            context.sendEvent(
                    new OutputEvent(Map.of("weather", day.getField("weather"), "days", days, "tenths", tenths)));
        }
    }

    /** Arguments: {@code --data FILE --out DIRECTORY [--parallelism N]}. */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(arguments.number("parallelism", 1));
        final StreamTableEnvironment tables = StreamTableEnvironment.create(env);
        tables.executeSql(
                "CREATE TABLE days (`date` STRING, precipitation DOUBLE, temp_max DOUBLE, temp_min DOUBLE, wind DOUBLE,"
                        + " weather STRING) WITH ('connector' = 'filesystem', 'format' = 'csv',"
                        + " 'csv.ignore-parse-errors' = 'true', 'path' = '"
                        + arguments.text("data")
                        + "')");
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env, tables);
        final Table sums =
                agents.fromTable(
                                tables.sqlQuery("SELECT weather, precipitation FROM days WHERE precipitation > 0"),
                                row -> (String) ((Row) row).getField("weather"))
                        .apply(new RainAgent())
                        .toTable(
                                Schema.newBuilder()
                                        .column("weather", DataTypes.STRING())
                                        .column("days", DataTypes.BIGINT())
                                        .column("tenths", DataTypes.BIGINT())
                                        .build());
        Files.write(
                tables.toDataStream(tables.sqlQuery("SELECT UPPER(weather), days, tenths FROM " + sums))
                        .map(row -> (Object) (row.getField(0) + "," + row.getField(1) + "," + row.getField(2))),
                arguments.text("out"));
        agents.execute("rain");
    }
}
