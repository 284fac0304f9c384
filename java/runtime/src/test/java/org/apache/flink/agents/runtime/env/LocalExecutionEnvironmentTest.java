package org.apache.flink.agents.runtime.env;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.AgentBuilder;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventContext;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.configuration.AgentConfigOptions;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.listener.EventListener;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.junit.jupiter.api.Test;

class LocalExecutionEnvironmentTest {

    private static final ThreadLocal<List<String>> SEEN = ThreadLocal.withInitial(ArrayList::new);

    private static AgentsExecutionEnvironment environment() {
        return AgentsExecutionEnvironment.getExecutionEnvironment();
    }

    private static Map<String, Object> element(final Object key, final Object value) {
        return Map.of("key", key, "value", value);
    }

    private static List<Map<String, Object>> run(final Agent agent, final Object... elements) throws Exception {
        final AgentsExecutionEnvironment env = environment();
        final List<Map<String, Object>> outputs = env.fromList(List.of(elements)).apply(agent).toList();
        assertThat(outputs).isEmpty();
        env.execute();
        return outputs;
    }

    private static void output(final RunnerContext ctx, final Object value) {
        ctx.sendEvent(new OutputEvent(value));
    }

    private static Object input(final Event event) {
        return InputEvent.fromEvent(event).getInput();
    }

    // ---- memory

    public static class Counting extends Agent {
        @Action("_input_event")
        public static void count(final Event event, final RunnerContext ctx) throws Exception {
            final MemoryObject memory = ctx.getShortTermMemory();
            final MemoryObject known = memory.get("stats.count");
            final int count = known == null ? 1 : (Integer) known.getValue() + 1;
            memory.set("stats.count", count);
            final boolean leftOver = ctx.getSensoryMemory().isExist("seen");
            ctx.getSensoryMemory().set("seen", true);
            output(ctx, input(event) + ":" + count + ":" + leftOver);
        }
    }

    @Test
    void shortTermMemoryLivesPerKeyAndSensoryMemoryPerInput() throws Exception {
        assertThat(run(new Counting(), element("x", "a"), element("y", "b"), element("x", "c"), element("x", "d")))
                .containsExactlyInAnyOrder(
                        Map.of("x", "a:1:false"),
                        Map.of("y", "b:1:false"),
                        Map.of("x", "c:2:false"),
                        Map.of("x", "d:3:false"));
    }

    @Test
    void keysThatOnlyLookTheSameHaveMemoriesOfTheirOwn() throws Exception {
        assertThat(run(new Counting(), element(1, "a"), element(1L, "b"), element("1", "c")))
                .extracting(map -> map.values().iterator().next())
                .containsExactlyInAnyOrder("a:1:false", "b:1:false", "c:1:false");
    }

    @Test
    void anElementWithoutKeyHasItsIndexAsKey() throws Exception {
        assertThat((List<?>) run(new Counting(), Map.of("value", "a"), Map.of("v", "b"), Map.of("k", "x", "v", "c")))
                .isEqualTo(List.of(Map.of(0L, "a:1:false"), Map.of(1L, "b:1:false"), Map.of("x", "c:1:false")));
    }

    public static class KeepsList extends Agent {
        @Action("_input_event")
        public static void keep(final Event event, final RunnerContext ctx) throws Exception {
            final MemoryObject known = ctx.getShortTermMemory().get("list");
            @SuppressWarnings("unchecked")
            final List<Object> list = known == null ? new ArrayList<>() : (List<Object>) known.getValue();
            list.add(input(event));
            if (known == null) {
                ctx.getShortTermMemory().set("list", list);
            }
            output(ctx, list.size());
        }
    }

    @Test
    void aValueChangedAfterItWasReadIsNotChangedInMemory() throws Exception {
        // As on a cluster: what was read is a copy, and only set() changes memory.
        assertThat(run(new KeepsList(), element("x", 1), element("x", 2), element("x", 3)))
                .extracting(map -> map.get("x"))
                .containsExactly(1, 2, 2);
    }

    public static class StoresThread extends Agent {
        @Action("_input_event")
        public static void store(final Event event, final RunnerContext ctx) throws Exception {
            ctx.getShortTermMemory().set("worker", Map.of("thread", new Thread()));
        }
    }

    @Test
    void aValueThatCouldNotComeBackOnAClusterFailsHereAsWell() {
        assertThatThrownBy(() -> run(new StoresThread(), element("x", 1)))
                .hasStackTraceContaining("java.lang.Thread");
    }

    // ---- routing, order

    public static class Conditional extends Agent {
        @Action("type == '_input_event' && input > 10")
        public static void large(final Event event, final RunnerContext ctx) {
            output(ctx, "large " + input(event));
        }

        @Action("_input_event")
        public static void any(final Event event, final RunnerContext ctx) {
            output(ctx, "any " + input(event));
        }
    }

    @Test
    void conditionsDecideByTheCore() throws Exception {
        assertThat(run(new Conditional(), element("x", 5), element("x", 50)))
                .containsExactly(Map.of("x", "any 5"), Map.of("x", "any 50"), Map.of("x", "large 50"));
    }

    public static class LargeOnly extends Agent {
        @Action("type == '_input_event' && input > 10")
        public static void large(final Event event, final RunnerContext ctx) throws Exception {
            ctx.getShortTermMemory().set("seen", input(event));
            output(ctx, "large " + input(event));
        }
    }

    // Inputs that trigger nothing end at once, while an action of another key waits for its turn.
    @Test
    void keysWhoseInputsTriggerNothingDoNotTakeOverOthersSlots() throws Exception {
        assertThat(
                        run(
                                new LargeOnly(),
                                element("a", 11), element("b", 1), element("b", 2), element("b", 12), element("c", 3),
                                element("c", 13), element("d", 14), element("e", 15), element("a", 4), element("a", 16)))
                .containsExactlyInAnyOrder(
                        Map.of("a", "large 11"), Map.of("b", "large 12"), Map.of("c", "large 13"), Map.of("d", "large 14"),
                        Map.of("e", "large 15"), Map.of("a", "large 16"));
    }

    public static class CannotSay extends Agent {
        @Action("type == '_input_event' && input.size > 3")
        public static void large(final Event event, final RunnerContext ctx) {
            output(ctx, "large");
        }
    }

    @Test
    void aConditionThatCannotBeEvaluatedIsFalseOrFailsAsConfigured() throws Exception {
        assertThat(run(new CannotSay(), element("x", "text"), element("x", Map.of("size", 4))))
                .containsExactly(Map.of("x", "large"));
        final AgentsExecutionEnvironment env = environment();
        env.getConfig()
                .set(
                        AgentConfigOptions.CONDITION_EVALUATION_FAILURE_STRATEGY,
                        AgentConfigOptions.ConditionEvaluationFailureStrategy.FAIL);
        env.fromList(List.of(element("user-7", "text"))).apply(new CannotSay());
        assertThatThrownBy(env::execute)
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContainingAll("'CannotSay'", "user-7", "large");
    }

    public static class Listening implements EventListener {
        @Override
        public void onEventProcessed(final EventContext context, final Event event) {
            SEEN.get().add(event.getType());
            throw new IllegalStateException("what a listener throws changes nothing");
        }
    }

    @Test
    void listenersSeeEveryEvent() throws Exception {
        SEEN.get().clear();
        final AgentsExecutionEnvironment env = environment();
        env.getConfig().set(AgentConfigOptions.EVENT_LISTENERS, List.of(Listening.class.getName()));
        final List<Map<String, Object>> outputs = env.fromList(List.of(element("x", 1))).apply(new Hops()).toList();
        env.execute();
        assertThat(SEEN.get()).containsExactly("_input_event", "hop", "_output_event");
        assertThat(outputs).containsExactly(Map.of("x", 1));
    }

    public static class Hops extends Agent {
        @Action("_input_event")
        public static void first(final Event event, final RunnerContext ctx) {
            ctx.sendEvent(new Event("hop", new HashMap<>(Map.of("value", input(event)))));
        }

        @Action("hop")
        public static void second(final Event event, final RunnerContext ctx) {
            output(ctx, event.getAttr("value"));
        }
    }

    @Test
    void outputsOfAKeyKeepTheOrderOfItsInputsHoweverManyThereAre() throws Exception {
        final List<Object> inputs = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            inputs.add(element("key-" + i % 7, i));
        }
        final List<Map<String, Object>> outputs = run(new Hops(), inputs.toArray());
        assertThat(outputs).hasSize(1000);
        for (int k = 0; k < 7; k++) {
            final String key = "key-" + k;
            final List<Object> ofKey = new ArrayList<>();
            outputs.stream().filter(map -> map.containsKey(key)).forEach(map -> ofKey.add(map.get(key)));
            final List<Object> expected = new ArrayList<>();
            for (int i = k; i < 1000; i += 7) {
                expected.add(i);
            }
            assertThat(ofKey).isEqualTo(expected);
        }
    }

    public static class Tracing extends Agent {
        @Action("_input_event")
        public static void first(final Event event, final RunnerContext ctx) {
            SEEN.get().add("first " + input(event));
            ctx.sendEvent(new Event("hop", new HashMap<>(Map.of("value", input(event)))));
        }

        @Action("hop")
        public static void second(final Event event, final RunnerContext ctx) {
            SEEN.get().add("second " + event.getAttr("value"));
        }
    }

    @Test
    void keysTakeTurns() throws Exception {
        SEEN.get().clear();
        run(new Tracing(), element("x", "x1"), element("x", "x2"), element("y", "y1"));
        assertThat(SEEN.get().indexOf("first y1")).isLessThan(SEEN.get().indexOf("second x2"));
        assertThat(SEEN.get()).containsSubsequence("first x1", "second x1", "first x2", "second x2");
    }

    // ---- errors

    public static class Failing extends Agent {
        @Action("_input_event")
        public static void breakIt(final Event event, final RunnerContext ctx) {
            output(ctx, "before");
            if (input(event).equals("bad")) {
                throw new IllegalArgumentException("no good");
            }
        }
    }

    @Test
    void anErrorNamesAgentActionAndKeyAndKeepsItsCause() throws Exception {
        final AgentsExecutionEnvironment env = environment();
        final List<Map<String, Object>> outputs =
                env.fromList(List.of(element("x", "good"), element("user-7", "bad"))).apply(new Failing()).toList();
        assertThatThrownBy(env::execute)
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContaining("'breakIt'")
                .hasMessageContaining("'Failing'")
                .hasMessageContaining("user-7")
                .hasCauseInstanceOf(IllegalArgumentException.class)
                .hasRootCauseMessage("no good");
        assertThat(outputs).containsExactly(Map.of("x", "before"));
        assertThatThrownBy(env::execute).isInstanceOf(IllegalStateException.class).hasMessageContaining("nothing to execute");
    }

    @Test
    void whatCannotBeCompiledIsSaidAtApply() {
        final Agent agent = new Agent();
        agent.addAction("py", new String[] {"_input_event"}, new PythonFunction("mod", "fn"), null);
        assertThatThrownBy(() -> environment().fromList(List.of()).apply(agent))
                .isInstanceOf(RuntimeException.class)
                .hasMessage("Failed to create agent plan from agent")
                .cause()
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("'py'")
                .hasMessageContaining("mod");
        final Agent asking =
                new Agent()
                        .addResource(
                                "model",
                                ResourceType.CHAT_MODEL,
                                new ResourceDescriptor(
                                        ResourceName.ChatModel.PYTHON_WRAPPER_SETUP, Map.of("pythonClazz", "pkg.Mine")));
        assertThatThrownBy(() -> environment().fromList(List.of()).apply(asking))
                .cause()
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("without Flink only Java runs in a Java program")
                .hasMessageContaining("resource 'model' of type chat_model needs the Python class pkg.Mine");
    }

    public static class Raising extends Agent {
        @Action("_input_event")
        public static void raise(final Event event, final RunnerContext ctx) throws Exception {
            final Object thrown = input(event);
            if (thrown instanceof Error) {
                throw (Error) thrown;
            }
            throw (Exception) thrown;
        }
    }

    @Test
    void anInterruptedActionLeavesItsThreadInterrupted() {
        final InterruptedException thrown = new InterruptedException("on purpose");
        assertThatThrownBy(() -> run(new Raising(), element("k", thrown)))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContaining("'raise'")
                .hasCause(thrown);
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void whatEndsTheJvmIsNotAnErrorOfTheAction() {
        final OutOfMemoryError memory = new OutOfMemoryError("on purpose");
        assertThatThrownBy(() -> run(new Raising(), element("k", memory))).isSameAs(memory);
        final InternalError internal = new InternalError("on purpose");
        assertThatThrownBy(() -> run(new Raising(), element("k", internal))).isSameAs(internal);
        // An endless recursion is.
        final StackOverflowError stack = new StackOverflowError("on purpose");
        assertThatThrownBy(() -> run(new Raising(), element("k", stack)))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContaining("'raise'")
                .hasCause(stack);
    }

    public static class BadCondition extends Agent {
        @Action("type == 'x' &&")
        public static void never(final Event event, final RunnerContext ctx) {
            throw new AssertionError("never runs");
        }
    }

    @Test
    void aConditionThatIsNoneIsSaidAtApply() {
        assertThatThrownBy(() -> environment().fromList(List.of()).apply(new BadCondition()))
                .hasMessage("Failed to create agent plan from agent")
                .cause()
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("never");
    }

    // ---- names, resources, configuration

    @Test
    void agentsAreAppliedByName() throws Exception {
        final AgentsExecutionEnvironment env = environment();
        env.getAgents().put("counter", new Counting());
        final List<Map<String, Object>> outputs = env.fromList(List.of(element("x", 1))).apply("counter").toList();
        env.execute("named");
        assertThat(outputs).hasSize(1);
        assertThatThrownBy(() -> env.fromList(List.of()).apply("count"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'count'")
                .hasMessageContaining("counter");
    }

    /** Says a fixed text, and is counted when it opens and closes. */
    public static class Greeter extends Resource {
        private final String text;

        public Greeter(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
            text = descriptor.getArgument("text");
        }

        @Override
        public void open() {
            SEEN.get().add("open " + text);
        }

        @Override
        public void close() {
            SEEN.get().add("close " + text);
        }

        @Override
        public ResourceType getResourceType() {
            return ResourceType.CHAT_MODEL;
        }
    }

    public static class Greeting extends Agent {
        @Action("_input_event")
        public static void greet(final Event event, final RunnerContext ctx) throws Exception {
            final Greeter greeter = (Greeter) ctx.getResource((String) input(event), ResourceType.CHAT_MODEL);
            output(ctx, greeter.text + ctx.getConfig().getInt("my.number", 0));
        }
    }

    private static ResourceDescriptor greeter(final String text) {
        return ResourceDescriptor.Builder.newBuilder(Greeter.class.getName()).addInitialArgument("text", text).build();
    }

    @Test
    void resourcesOfTheEnvironmentFillGapsOfTheAgentWhichIsNotChanged() throws Exception {
        SEEN.get().clear();
        final AgentsExecutionEnvironment env = environment();
        env.addResource("own", ResourceType.CHAT_MODEL, greeter("environment"));
        env.addResource("shared", ResourceType.CHAT_MODEL, greeter("shared"));
        env.getConfig().setInt("my.number", 42);
        final Agent agent = new Greeting();
        agent.addResource("own", ResourceType.CHAT_MODEL, greeter("agent"));
        final List<Map<String, Object>> outputs =
                env.fromList(List.of(element("x", "own"), element("x", "shared"), element("x", "own"))).apply(agent).toList();
        env.execute();
        assertThat(outputs).containsExactly(Map.of("x", "agent42"), Map.of("x", "shared42"), Map.of("x", "agent42"));
        assertThat(SEEN.get()).containsExactly("open agent", "open shared", "close shared", "close agent");
        assertThat(agent.getResources().get(ResourceType.CHAT_MODEL)).containsOnlyKeys("own");
    }

    @Test
    void aResourceThatDoesNotExistFailsByName() {
        assertThatThrownBy(() -> run(new Greeting(), element("x", "nobody")))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasStackTraceContaining("nobody");
    }

    @Test
    void twoAgentsRunOverTheirOwnLists() throws Exception {
        final AgentsExecutionEnvironment env = environment();
        final List<Map<String, Object>> counted =
                env.fromList(List.of(element("x", "a"))).apply(new Counting()).toList();
        final List<Map<String, Object>> conditional =
                env.fromList(List.of(element("x", 1))).apply(new Conditional()).toList();
        env.execute();
        assertThat(counted).containsExactly(Map.of("x", "a:1:false"));
        assertThat(conditional).containsExactly(Map.of("x", "any 1"));
    }

    // ---- misuse

    @Test
    void whatNeedsFlinkSaysSo() {
        final AgentsExecutionEnvironment env = environment();
        assertThatThrownBy(() -> env.fromDataStream(null)).hasMessageContaining("needs Flink").hasMessageContaining("fromList");
        assertThatThrownBy(() -> env.fromTable(null)).hasMessageContaining("needs Flink").hasMessageContaining("fromList");
        final AgentBuilder builder = env.fromList(List.of());
        assertThatThrownBy(builder::toDataStream).hasMessageContaining("needs Flink").hasMessageContaining("toList");
        assertThatThrownBy(() -> builder.toTable(null)).hasMessageContaining("needs Flink").hasMessageContaining("toList");
    }

    @Test
    void aListWithoutAgentOrWithTwoIsRefused() {
        final AgentsExecutionEnvironment env = environment();
        final AgentBuilder builder = env.fromList(List.of());
        assertThatThrownBy(builder::toList).isInstanceOf(IllegalStateException.class).hasMessageContaining("apply");
        assertThatThrownBy(env::execute).isInstanceOf(IllegalStateException.class).hasMessageContaining("apply");
        builder.apply(new Counting());
        assertThatThrownBy(() -> builder.apply(new Counting())).hasMessageContaining("Counting");
    }
}
