package bench;

import java.util.HashMap;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.plan.AgentPlan;
import org.apache.flink.agents.runtime.operator.AgentOperatorFactory;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;

/**
 * The agent operator alone, in Flink's test harness: real operator, heap state, user code; no source, network, sink or other
 * thread: {@code Operator [rounds [hop1|chain5]]}. What a job adds to it is Flink's own.
 */
public final class Operator {
    private static final int KEYS = 1000;
    private static final String BODY = "x".repeat(100);

    private Operator() {}

    /** One action, one output. */
    public static final class Hop1 extends Agent {
        @Action(InputEvent.EVENT_TYPE)
        public static void a0(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent(InputEvent.fromEvent(event).getInput()));
        }
    }

    /** Six actions over five events, each with a get and a set of short-term memory. */
    public static final class Chain5 extends Agent {
        private static void count(final RunnerContext context, final String path) throws Exception {
            final MemoryObject memory = context.getShortTermMemory();
            final MemoryObject old = memory.get(path);
            memory.set(path, old == null ? 1L : (Long) old.getValue() + 1);
        }

        private static void hop(final Event event, final RunnerContext context, final String path, final String next)
                throws Exception {
            count(context, path);
            final Map<String, Object> attributes = new HashMap<>();
            attributes.put("id", event.getAttr("id"));
            attributes.put("t0", event.getAttr("t0"));
            attributes.put("body", event.getAttr("body"));
            context.sendEvent(new Event(next, attributes));
        }

        @Action(InputEvent.EVENT_TYPE)
        public static void a0(final Event event, final RunnerContext context) throws Exception {
            final String[] record = (String[]) InputEvent.fromEvent(event).getInput();
            count(context, "c0");
            final Map<String, Object> attributes = new HashMap<>();
            attributes.put("id", 7L);
            attributes.put("t0", 8L);
            attributes.put("body", record[1]);
            context.sendEvent(new Event("E1", attributes));
        }

        @Action("E1")
        public static void a1(final Event event, final RunnerContext context) throws Exception {
            hop(event, context, "c1", "E2");
        }

        @Action("E2")
        public static void a2(final Event event, final RunnerContext context) throws Exception {
            hop(event, context, "c2", "E3");
        }

        @Action("E3")
        public static void a3(final Event event, final RunnerContext context) throws Exception {
            hop(event, context, "c3", "E4");
        }

        @Action("E4")
        public static void a4(final Event event, final RunnerContext context) throws Exception {
            hop(event, context, "c4", "E5");
        }

        @Action("E5")
        public static void a5(final Event event, final RunnerContext context) throws Exception {
            count(context, "c5");
            context.sendEvent(new OutputEvent(event.getAttr("body")));
        }
    }

    private static void run(final Meter meter, final String name, final Agent agent, final int count) throws Exception {
        final AgentConfiguration config = new AgentConfiguration(Map.of("event-log.level", "OFF"));
        final byte[] plan = AgentPlan.compile(agent, null, config).toJson();
        final String[][] records = new String[KEYS][];
        for (int i = 0; i < KEYS; i++) {
            records[i] = new String[] {"k" + i, BODY};
        }
        try (KeyedOneInputStreamOperatorTestHarness<String, String[], Object> harness =
                new KeyedOneInputStreamOperatorTestHarness<>(
                        new AgentOperatorFactory<>(name, plan, TypeInformation.of(String[].class)),
                        record -> record[0],
                        Types.STRING)) {
            harness.open();
            meter.measure("operator_" + name, count, 1, null, times -> {
                for (int i = 0; i < times; i++) {
                    harness.processElement(new StreamRecord<>(records[i % KEYS], i));
                }
                final int outputs = harness.getOutput().size();
                if (outputs != times) {
                    throw new IllegalStateException(outputs + " outputs of " + times + " records");
                }
                harness.getOutput().clear();
            });
        }
    }

    public static void main(final String[] args) throws Exception {
        final Meter meter = new Meter(args.length > 0 ? Integer.parseInt(args[0]) : 30);
        final String only = args.length > 1 ? args[1] : "";
        if (!only.equals("chain5")) {
            run(meter, "hop1", new Hop1(), 50_000);
        }
        if (!only.equals("hop1")) {
            run(meter, "chain5", new Chain5(), 20_000);
        }
    }
}
