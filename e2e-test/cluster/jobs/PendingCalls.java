package jobs;

import java.util.List;
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
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Every input waits for durable calls, which end when the test lets them. Its twin is {@code pending_calls.py}. */
public final class PendingCalls {
    private PendingCalls() {}

    /** Asks for each input {@code key/number}: by a blocking call, by a stage, by both side by side, in turns. */
    public static final class AskingAgent extends Agent {
        @Action(EventType.InputEvent)
        public static void ask(final Event event, final RunnerContext context) throws Exception {
            final String input = (String) InputEvent.fromEvent(event).getInput();
            final long number = Long.parseLong(input.substring(input.indexOf('/') + 1));
            final Ledger ledger = new Ledger(context.getConfig().getStr("pending.directory", null));
            ledger.note("first-line", String.valueOf(number));
            final MemoryObject memory = context.getShortTermMemory();
            final long count = Memory.number(memory, "count") + 1;
            memory.set("count", count);
            final Question blocking = new Question(ledger, number, 0);
            final int keys = context.getConfig().getInt("pending.keys", 1);
            final String answer;
            switch ((int) ((number + number / keys) % 3)) {
                case 0:
                    answer = context.durableExecuteAsync(blocking);
                    break;
                case 1:
                    answer = context.durableExecuteAsync(new Question.ByStage(ledger, number, 0));
                    break;
                default:
                    answer = String.join("+", context.durableExecuteAllAsync(
                            List.of(blocking, new Question.ByStage(ledger, number, 1)), true));
            }
            context.sendEvent(new Event("answered", Map.of("answer", input + "#" + count + "=" + answer)));
        }

        @Action("answered")
        public static void answered(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent(event.getAttr("answer")));
        }
    }

    /**
     * Arguments: {@code --directory DIRECTORY --out DIRECTORY --count N --keys N --first N --release FILE [--parallelism N]},
     * see {@link Ledger} and {@link Throttle}.
     */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final int keys = arguments.number("keys", 1);
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(arguments.number("parallelism", 1));
        env.setMaxParallelism(64);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        agents.getConfig().setStr("pending.directory", arguments.text("directory"));
        agents.getConfig().setInt("pending.keys", keys);
        final DataStream<String> inputs = env.fromSource(
                        PendingInputs.source(
                                keys, arguments.number("count", 0), arguments.number("first", 0), arguments.text("release")),
                        WatermarkStrategy.noWatermarks(),
                        "inputs")
                .setParallelism(1);
        Files.write(
                agents.fromDataStream(Files.spread(inputs, PendingCalls::keyOf), PendingCalls::keyOf)
                        .apply(new AskingAgent())
                        .toDataStream(),
                arguments.text("out"));
        agents.execute("pending calls");
    }

    private static String keyOf(final String input) {
        return input.substring(0, input.indexOf('/'));
    }
}
