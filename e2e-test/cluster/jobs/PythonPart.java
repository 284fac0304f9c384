package jobs;

import java.util.Map;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.PythonFunction;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** An agent in Java with an action in Python between two of Java; they share the memory of the key. */
public final class PythonPart {
    private PythonPart() {}

    /** Finds high prices, has them described, and says every tenth. */
    public static final class PartAgent extends Agent {
        @Action(EventType.InputEvent)
        public static void read(final Event event, final RunnerContext context) throws Exception {
            final StockAlerts.Quote quote = (StockAlerts.Quote) InputEvent.fromEvent(event).getInput();
            context.sendEvent(
                    new Event("quote", Map.of("symbol", quote.symbol, "month", quote.month, "cents", quote.cents)));
        }

        @Action(
                value = "type == 'quote' && cents > 20000",
                target = @PythonFunction(module = "price_words", qualname = "describe"))
        public static void describe(final Event event, final RunnerContext context) {
            throw new IllegalStateException("the Python function runs in its place");
        }

        @Action("described")
        public static void tell(final Event event, final RunnerContext context) throws Exception {
            final long number = ((Number) event.getAttr("number")).longValue();
            final long remembered = ((Number) context.getShortTermMemory().get("high").getValue()).longValue();
            if (number % 10 == 0) {
                context.sendEvent(new OutputEvent("Java heard of " + number + " and remembers " + remembered));
            }
        }
    }

    /** Arguments: {@code --data FILE --out DIRECTORY}. */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(arguments.number("parallelism", 1));
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        final DataStream<StockAlerts.Quote> quotes =
                Files.read(env, arguments.text("data")).map(StockAlerts.Quote::parse).setParallelism(1);
        Files.write(
                agents.fromDataStream(quotes, quote -> quote.symbol).apply(new PartAgent()).toDataStream(),
                arguments.text("out"));
        agents.execute("Java with a Python part");
    }
}
