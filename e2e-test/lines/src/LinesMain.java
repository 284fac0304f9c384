import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.CloseableIterator;

/** A user's job: memory, a condition, checkpoints, one failure on the way. Compiled once, run on every Flink line. */
public final class LinesMain {
    private static final int KEYS = 4;
    private static final int RECORDS = 200;

    private LinesMain() {}

    /** Sums the numbers of a key; even ones take a way of their own. */
    public static final class Sums extends Agent {
        static final AtomicInteger UNTIL_FAILURE = new AtomicInteger(RECORDS / 2);

        @Action(EventType.InputEvent)
        public static void add(final Event event, final RunnerContext context) throws Exception {
            if (UNTIL_FAILURE.decrementAndGet() == 0) {
                throw new IllegalStateException("once, on purpose");
            }
            final long number = (Long) InputEvent.fromEvent(event).getInput();
            final MemoryObject memory = context.getShortTermMemory();
            final long sum = (memory.isExist("of.all") ? (Long) memory.get("of.all").getValue() : 0) + number;
            memory.set("of.all", sum);
            context.getSensoryMemory().set("number", number);
            context.sendEvent(new Event("added", Map.of("number", number, "sum", sum)));
        }

        @Action("type == 'added' && number % 2 == 0")
        public static void even(final Event event, final RunnerContext context) throws Exception {
            send(event, context, "even");
        }

        @Action("type == 'added' && number % 2 != 0")
        public static void odd(final Event event, final RunnerContext context) throws Exception {
            send(event, context, "odd");
        }

        private static void send(final Event event, final RunnerContext context, final String kind) throws Exception {
            context.sendEvent(
                    new OutputEvent(
                            kind + " " + context.getSensoryMemory().get("number").getValue() + " " + event.getAttr("sum")));
        }
    }

    /** Runs the job and compares what came out with sums made here. */
    @SuppressWarnings("try")
    public static void main(final String[] arguments) throws Exception {
        final Configuration config = new Configuration();
        config.setString("restart-strategy.type", "fixed-delay");
        config.setString("restart-strategy.fixed-delay.attempts", "3");
        config.setString("restart-strategy.fixed-delay.delay", "10 ms");
        config.setString("execution.checkpointing.interval", "50 ms");
        config.setString("rest.bind-port", "0");
        final StreamExecutionEnvironment flink = StreamExecutionEnvironment.getExecutionEnvironment(config);
        flink.setParallelism(2);
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        final List<String> outputs = new ArrayList<>();
        try (CloseableIterator<Object> results =
                env.fromDataStream(
                                flink.fromSequence(0, RECORDS - 1).setParallelism(1)
                                        .keyBy(number -> number % KEYS, Types.LONG)
                                        .map(number -> number)
                                        .returns(Types.LONG),
                                number -> number % KEYS)
                        .apply(new Sums())
                        .toDataStream()
                        .executeAndCollect()) {
            results.forEachRemaining(output -> outputs.add((String) output));
        }
        final List<String> expected = new ArrayList<>();
        final long[] sums = new long[KEYS];
        for (long number = 0; number < RECORDS; number++) {
            sums[(int) (number % KEYS)] += number;
            expected.add((number % 2 == 0 ? "even " : "odd ") + number + " " + sums[(int) (number % KEYS)]);
        }
        outputs.sort(null);
        expected.sort(null);
        if (!outputs.equals(expected)) {
            throw new IllegalStateException("outputs differ:\n" + outputs + "\n" + expected);
        }
        if (Sums.UNTIL_FAILURE.get() >= 0) {
            throw new IllegalStateException("the failure on purpose did not happen");
        }
        System.out.println(
                "OK Flink " + EnvironmentInformation.getVersion() + " Java " + System.getProperty("java.version"));
        // Threads of Flink that are still busy ending must not keep the process.
        System.exit(0);
    }
}
