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
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Three agents over the numbers of a source, with keys of different types, whose durable calls leave entries in the test's
 * ledger. A run has three actions: {@code receive}, and after it {@code settle} and {@code audit} side by side. What they send
 * out has every receipt that the ledger gave, and what the key remembers.
 */
public final class Orders {
    private Orders() {}

    /** Works off orders, whatever their type. */
    public static final class OrderAgent extends Agent {
        /** One call that blocks. */
        @Action(EventType.InputEvent)
        public static void receive(final Event event, final RunnerContext context) throws Exception {
            final String run = nameOf(InputEvent.fromEvent(event).getInput());
            final String receipt = context.durableExecute(new LedgerCall(ledger(context), run, "reserve"));
            final MemoryObject memory = context.getShortTermMemory();
            final long count = Memory.number(memory, "count") + 1;
            memory.set("count", count);
            context.sendEvent(new Event("reserved", Map.of("run", run, "receipt", receipt, "count", count)));
            context.sendEvent(new Event("audited", Map.of("run", run)));
        }

        /** A call, every second one with a reconciler, that is refused now and then; then two side by side. */
        @Action("reserved")
        public static void settle(final Event event, final RunnerContext context) throws Exception {
            final String run = (String) event.getAttr("run");
            final String ledger = ledger(context);
            String outcome = "settled";
            String receipts = (String) event.getAttr("receipt");
            try {
                receipts += "+" + context.durableExecuteAsync(
                        isReconciled(run)
                                ? new LedgerCall.Reconciled(ledger, run, "charge")
                                : new LedgerCall(ledger, run, "charge"));
                receipts += "+" + String.join("+", context.durableExecuteAllAsync(
                        List.of(new LedgerCall(ledger, run, "ship"), new LedgerCall.ByStage(ledger, run, "notify")), true));
            } catch (final Refused e) {
                outcome = "refused";
                receipts += "+" + e.receipt + "+" + context.durableExecute(new LedgerCall(ledger, run, "release"));
            }
            final MemoryObject memory = context.getShortTermMemory();
            final long trace = Memory.number(memory, "trace") * 31 + run.hashCode() + outcome.hashCode();
            final long ring = Memory.number(memory, "ring") * 31 + receipts.hashCode();
            memory.set("trace", trace);
            memory.set("ring", ring);
            context.sendEvent(new OutputEvent(
                    "settle," + run + "," + event.getAttr("count") + "," + outcome + "," + trace + "," + ring + "," + receipts));
        }

        /** A call that needs no thread. */
        @Action("audited")
        public static void audit(final Event event, final RunnerContext context) throws Exception {
            final String run = (String) event.getAttr("run");
            final String receipt = context.durableExecuteAsync(new LedgerCall.ByStage(ledger(context), run, "audit"));
            final MemoryObject memory = context.getShortTermMemory();
            final long audits = Memory.number(memory, "audits") + 1;
            memory.set("audits", audits);
            context.sendEvent(new OutputEvent("audit," + run + "," + audits + "," + receipt));
        }

        private static String ledger(final RunnerContext context) {
            return context.getConfig().getStr("orders.ledger", null);
        }
    }

    private static String nameOf(final Object input) {
        if (input instanceof Order) {
            return "account/" + ((Order) input).number;
        }
        if (input instanceof Tuple2) {
            return "place/" + ((Tuple2<?, ?>) input).f1;
        }
        return "name/" + ((String) input).substring(((String) input).indexOf('/') + 1);
    }

    private static boolean isReconciled(final String run) {
        return Long.parseLong(run.substring(run.indexOf('/') + 1)) / BRANCHES % 2 == 0;
    }

    static final int BRANCHES = 3;

    /** The shop and shelf of an order. */
    static final class Place implements KeySelector<Tuple2<Tuple2<String, Integer>, Long>, Tuple2<String, Integer>> {
        private static final long serialVersionUID = 1L;

        @Override
        public Tuple2<String, Integer> getKey(final Tuple2<Tuple2<String, Integer>, Long> order) {
            return order.f0;
        }
    }

    private static String customerOf(final String order) {
        return order.substring(0, order.indexOf('/'));
    }

    /**
     * Arguments: {@code --ledger URL --brake DIRECTORY --out DIRECTORY --count N --keys N --first N --release FILE
     * --parallelism N}, see {@link Throttle} and {@link Brake}; everything else is configured where the job is submitted.
     */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final int keys = arguments.number("keys", 1);
        final StreamExecutionEnvironment env = environment(arguments);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        agents.getConfig().setStr("orders.ledger", arguments.text("ledger"));
        final DataStream<Long> numbers = numbers(env, arguments);
        final DataStream<String> names =
                numbers.filter(number -> number % BRANCHES == 0).setParallelism(1)
                        .map(number -> "käufer " + number / BRANCHES % keys + "/" + number).returns(Types.STRING).setParallelism(1);
        final DataStream<Order> accounts =
                numbers.filter(number -> number % BRANCHES == 1).setParallelism(1)
                        .map(number -> new Order(number / BRANCHES % keys, number)).returns(Order.class).setParallelism(1);
        final DataStream<Tuple2<Tuple2<String, Integer>, Long>> places =
                numbers.filter(number -> number % BRANCHES == 2).setParallelism(1)
                        .map(number -> Tuple2.of(Tuple2.of("shop", (int) (number / BRANCHES % keys)), number))
                        .returns(Types.TUPLE(Types.TUPLE(Types.STRING, Types.INT), Types.LONG))
                        .setParallelism(1);
        final OrderAgent agent = new OrderAgent();
        final DataStream<Object> outputs =
                agents.fromDataStream(Files.spread(names, Orders::customerOf), Orders::customerOf).apply(agent).toDataStream()
                        .union(
                                agents.fromDataStream(Files.spread(accounts, order -> order.account), order -> order.account)
                                        .apply(agent)
                                        .toDataStream(),
                                agents.fromDataStream(Files.spread(places, new Place()), new Place()).apply(agent).toDataStream());
        write(outputs, arguments);
        agents.execute("orders");
    }

    /** Where the job runs. */
    static StreamExecutionEnvironment environment(final Arguments arguments) {
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(arguments.number("parallelism", 1));
        env.setMaxParallelism(64);
        return env;
    }

    /** The numbers of the orders, by one subtask. */
    static DataStream<Long> numbers(final StreamExecutionEnvironment env, final Arguments arguments) {
        final DataGeneratorSource<Long> source =
                new DataGeneratorSource<>(
                        number -> number,
                        arguments.number("count", 0),
                        new Throttle(arguments.number("first", 0), arguments.text("release")),
                        Types.LONG);
        return env.fromSource(source, WatermarkStrategy.noWatermarks(), "numbers").uid("numbers").setParallelism(1);
    }

    /** What the agents send out becomes lines. */
    static void write(final DataStream<Object> outputs, final Arguments arguments) {
        Files.write(
                outputs.map(new Brake(arguments.text("brake"))).returns(Types.GENERIC(Object.class)).uid("brake"),
                arguments.text("out"));
    }
}
