package jobs;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.apache.flink.agents.api.AgentBuilder;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.AsyncDurableCallable;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * An agent under a load that stays the same and does not end: memory of both kinds, conditions, durable calls that hold a
 * thread and such that hold none, side by side and alone, actions that fail, are tried again and end as dead letters, metrics of
 * its own. Its twin is {@code steady.py}.
 */
public final class Steady {
    private static final int ROUND = 500;
    private static final String MOMENT = "steady.moment";

    private Steady() {}

    /** Remembers, asks, and fails now and then. */
    public static final class SteadyAgent extends Agent {
        @Action(EventType.InputEvent)
        public static void take(final Event event, final RunnerContext context) throws Exception {
            final String input = (String) InputEvent.fromEvent(event).getInput();
            final long number = Long.parseLong(input.substring(input.indexOf('/') + 1));
            final MemoryObject memory = context.getShortTermMemory();
            final long count = Memory.number(memory, "count.of.inputs") + 1;
            memory.set("count.of.inputs", count);
            context.getSensoryMemory().set("input", input);
            final int moment = context.getConfig().getInt(MOMENT, 0);
            final String answer;
            switch ((int) (number % 3)) {
                case 0:
                    answer = context.durableExecuteAsync(new Blocking(number, moment));
                    break;
                case 1:
                    answer = context.durableExecuteAsync(new ByStage(number, moment));
                    break;
                default:
                    answer = String.join("+", context.durableExecuteAllAsync(List.of(new Blocking(number, moment), new ByStage(number, moment)), true));
            }
            context.getActionMetricGroup().getHistogram("answerLength").update(answer.length());
            context.sendEvent(new Event("taken", Map.of("answer", answer, "count", count, "place", number % ROUND)));
        }

        @Action("type == 'taken' && place > 0")
        public static void tell(final Event event, final RunnerContext context) throws Exception {
            context.getActionMetricGroup().getCounter("told").inc();
            context.sendEvent(new OutputEvent(context.getSensoryMemory().get("input").getValue() + "=" + event.getAttr("answer")));
        }

        @Action("type == 'taken' && place == 0")
        public static void refuse(final Event event, final RunnerContext context) {
            throw new IllegalStateException("refused on purpose: " + event.getAttr("count"));
        }
    }

    /** A call that holds a thread for a moment. */
    private static final class Blocking implements DurableCallable<String> {
        private final long number;
        private final int moment;

        private Blocking(final long number, final int moment) {
            this.number = number;
            this.moment = moment;
        }

        @Override
        public String getId() {
            return "blocking";
        }

        @Override
        public Class<String> getResultClass() {
            return String.class;
        }

        @Override
        public Object arguments() {
            return number;
        }

        @Override
        public String call() throws Exception {
            Thread.sleep(moment);
            return "b" + number;
        }
    }

    /** A call that holds none. */
    private static final class ByStage implements AsyncDurableCallable<String> {
        private final long number;
        private final int moment;

        private ByStage(final long number, final int moment) {
            this.number = number;
            this.moment = moment;
        }

        @Override
        public String getId() {
            return "by-stage";
        }

        @Override
        public Class<String> getResultClass() {
            return String.class;
        }

        @Override
        public Object arguments() {
            return number;
        }

        @Override
        public CompletionStage<String> callAsync() {
            return CompletableFuture.supplyAsync(() -> "s" + number, CompletableFuture.delayedExecutor(moment, TimeUnit.MILLISECONDS));
        }
    }

    /**
     * What both languages take in: {@code key/number}, without an end.
     *
     * @param keys that take turns
     * @param rate records a second
     */
    public static DataGeneratorSource<String> source(final int keys, final int rate) {
        return new DataGeneratorSource<>(
                new PendingInputs.Input(keys), Long.MAX_VALUE, RateLimiterStrategy.perSecond(rate), Types.STRING);
    }

    /** Arguments: {@code --keys N --rate N [--parallelism N] [--moment MILLISECONDS]}, how long calls take. */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(arguments.number("parallelism", 1));
        env.setMaxParallelism(64);
        env.enableCheckpointing(Duration.ofSeconds(2).toMillis());
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        agents.getConfig().setInt(MOMENT, arguments.number("moment", 2));
        final DataStream<String> inputs = env.fromSource(
                        source(arguments.number("keys", 1), arguments.number("rate", 1)), WatermarkStrategy.noWatermarks(), "inputs")
                .setParallelism(1);
        final AgentBuilder agent = agents.fromDataStream(Files.spread(inputs, Steady::keyOf), Steady::keyOf).apply(new SteadyAgent());
        agent.toDataStream().sinkTo(new DiscardingSink<>());
        agent.getDeadLetters().sinkTo(new DiscardingSink<>());
        agents.execute("steady");
    }

    private static String keyOf(final String input) {
        return input.substring(0, input.indexOf('/'));
    }
}
