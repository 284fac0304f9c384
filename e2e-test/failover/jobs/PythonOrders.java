package jobs;

import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.PythonFunction;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * {@link Orders} with its actions in Python, {@code orders_agent.py}, and all else in Java: operators of PyFlink's do not survive
 * every restart (docs/long-runs.md). Inputs are texts, {@code run@key}; keys have the same types.
 */
public final class PythonOrders {
    private PythonOrders() {}

    /** Whose actions all are in Python. */
    public static final class OrderAgent extends Agent {
        @Action(value = EventType.InputEvent, target = @PythonFunction(module = "orders_agent", qualname = "receive"))
        public static void receive(final Event event, final RunnerContext context) {
            throw inPython();
        }

        @Action(value = "reserved", target = @PythonFunction(module = "orders_agent", qualname = "settle"))
        public static void settle(final Event event, final RunnerContext context) {
            throw inPython();
        }

        @Action(value = "audited", target = @PythonFunction(module = "orders_agent", qualname = "audit"))
        public static void audit(final Event event, final RunnerContext context) {
            throw inPython();
        }

        private static IllegalStateException inPython() {
            return new IllegalStateException("the Python function runs in its place");
        }
    }

    /** A key of two parts. */
    static final class Place implements KeySelector<String, Tuple2<String, Integer>> {
        private static final long serialVersionUID = 1L;

        @Override
        public Tuple2<String, Integer> getKey(final String order) {
            return Tuple2.of("shop", (int) keyOf(order));
        }
    }

    private static long keyOf(final String order) {
        return Long.parseLong(order.substring(order.indexOf('@') + 1));
    }

    private static String customerOf(final String order) {
        return "käufer " + keyOf(order);
    }

    private static DataStream<String> orders(final DataStream<Long> numbers, final int branch, final String name, final int keys) {
        return numbers.filter(number -> number % Orders.BRANCHES == branch)
                .setParallelism(1)
                .map(number -> name + "/" + number + "@" + number / Orders.BRANCHES % keys)
                .returns(Types.STRING)
                .setParallelism(1);
    }

    /** Arguments: those of {@link Orders}. */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final int keys = arguments.number("keys", 1);
        final StreamExecutionEnvironment env = Orders.environment(arguments);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        agents.getConfig().setStr("orders.ledger", arguments.text("ledger"));
        final DataStream<Long> numbers = Orders.numbers(env, arguments);
        final DataStream<String> names = orders(numbers, 0, "name", keys);
        final DataStream<String> accounts = orders(numbers, 1, "account", keys);
        final DataStream<String> places = orders(numbers, 2, "place", keys);
        final OrderAgent agent = new OrderAgent();
        final DataStream<Object> outputs =
                agents.fromDataStream(Files.spread(names, PythonOrders::customerOf), PythonOrders::customerOf)
                        .apply(agent)
                        .toDataStream()
                        .union(
                                agents.fromDataStream(Files.spread(accounts, PythonOrders::keyOf), PythonOrders::keyOf)
                                        .apply(agent)
                                        .toDataStream(),
                                agents.fromDataStream(Files.spread(places, new Place()), new Place()).apply(agent).toDataStream());
        Orders.write(outputs, arguments);
        agents.execute("orders");
    }
}
