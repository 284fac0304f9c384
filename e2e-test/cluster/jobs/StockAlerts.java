package jobs;

import java.math.BigDecimal;
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
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** A bounded job with one agent: says when the price of a stock falls or reaches its highest, by conditions. */
public final class StockAlerts {
    private StockAlerts() {}

    /** One line of the data: the monthly price of a stock. */
    public static final class Quote {
        public String symbol;
        public String month;
        public long cents;

        public Quote() {}

        static Quote parse(final String line) {
            final String[] columns = line.split(",");
            final Quote quote = new Quote();
            quote.symbol = columns[0];
            quote.month = columns[1];
            quote.cents = new BigDecimal(columns[2]).movePointRight(2).longValue();
            return quote;
        }
    }

    /** Remembers last and highest price and the number of falls of its stock. */
    public static final class StockAgent extends Agent {
        @Action(EventType.InputEvent)
        public static void observe(final Event event, final RunnerContext context) throws Exception {
            final Quote quote = (Quote) InputEvent.fromEvent(event).getInput();
            final MemoryObject memory = context.getShortTermMemory();
            final long highest = Memory.number(memory, "price.highest");
            if (memory.isExist("price.last")) {
                final long last = Memory.number(memory, "price.last");
                final long change = (quote.cents - last) * 1000 / last;
                context.sendEvent(
                        new Event(
                                "change",
                                Map.of(
                                        "month", quote.month,
                                        "symbol", quote.symbol,
                                        "permille", change,
                                        "price", Map.of("now", quote.cents, "highest", highest))));
            }
            memory.set("price.last", quote.cents);
            memory.set("price.highest", Math.max(highest, quote.cents));
        }

        @Action("type == 'change' && permille <= -150")
        public static void fall(final Event event, final RunnerContext context) throws Exception {
            final MemoryObject memory = context.getShortTermMemory();
            final long falls = Memory.number(memory, "falls") + 1;
            memory.set("falls", falls);
            context.getSensoryMemory().set("what", "fall " + falls);
            context.sendEvent(new Event("alert", event.getAttributes()));
        }

        @Action("type == 'change' && price.now > price.highest && !(symbol in ['MSFT', 'IBM'])")
        public static void highest(final Event event, final RunnerContext context) throws Exception {
            context.getSensoryMemory().set("what", "highest");
            context.sendEvent(new Event("alert", event.getAttributes()));
        }

        @Action("alert")
        public static void report(final Event event, final RunnerContext context) throws Exception {
            final MemoryObject memory = context.getShortTermMemory();
            context.sendEvent(
                    new OutputEvent(
                            String.join(
                                    ",",
                                    String.valueOf(event.getAttr("symbol")),
                                    String.valueOf(event.getAttr("month")),
                                    String.valueOf(context.getSensoryMemory().get("what").getValue()),
                                    String.valueOf(event.getAttr("permille")),
                                    String.valueOf(Memory.number(memory, "price.last")),
                                    String.valueOf(Memory.number(memory, "price.highest")))));
        }
    }

    /** Arguments: {@code --data FILE --out DIRECTORY [--parallelism N]}. */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(arguments.number("parallelism", 2));
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        final DataStream<Quote> quotes = Files.read(env, arguments.text("data")).map(Quote::parse).setParallelism(1);
        Files.write(
                agents.fromDataStream(Files.spread(quotes, quote -> quote.symbol), quote -> quote.symbol)
                        .apply(new StockAgent())
                        .toDataStream(),
                arguments.text("out"));
        agents.execute("stock alerts");
    }
}
