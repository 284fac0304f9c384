package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Actions that do what they should not. */
class BadActionsTest {
    /** What the action of {@link Scripted} does. */
    @FunctionalInterface
    interface Script {
        void run(Event event, RunnerContext context) throws Throwable;
    }

    private static Script script;

    /** Runs the test's script; to anything but {@code "script"} it answers with an echo. */
    public static final class Scripted extends Agent {
        @Action(EventType.InputEvent)
        public static void act(final Event event, final RunnerContext context) throws Throwable {
            if ("script".equals(InputEvent.fromEvent(event).getInput())) {
                script.run(event, context);
            } else {
                context.sendEvent(new OutputEvent(InputEvent.fromEvent(event).getInput()));
            }
        }
    }

    /** Always throws. */
    public static final class Throwing extends Agent {
        @Action(EventType.InputEvent)
        public static void fail(final Event event, final RunnerContext context) throws IOException {
            throw new IOException("the reason");
        }
    }

    private static Harness<String, String> open(final Agent agent, final Map<String, ?> config) throws Exception {
        return new Harness.Job<String, String>(agent, record -> "the-key", String.class, String.class, config).open();
    }

    /** What comes out of the operator when its action does this. */
    private static Throwable failure(final Map<String, ?> config, final Script what) throws Exception {
        script = what;
        try (Harness<String, String> flink = open(new Scripted(), config)) {
            return catchThrowable(() -> {
                flink.in("script");
                flink.mails();
            });
        }
    }

    private static Throwable failure(final Script what) throws Exception {
        return failure(Map.of(), what);
    }

    /** Outputs when the action does this, which is no error. */
    private static List<Object> outputs(final Script what) throws Exception {
        script = what;
        try (Harness<String, String> flink = open(new Scripted(), Map.of())) {
            flink.in("script");
            flink.in("and on");
            flink.mails();
            return flink.out();
        }
    }

    @Test
    void anExceptionIsTheCauseOfOneThatNamesAgentActionEventAndKey() throws Exception {
        try (Harness<String, String> flink = open(new Throwing(), Map.of("log.keys", "plain"))) {
            assertThatThrownBy(() -> flink.in("x"))
                    .isInstanceOf(ActionTaskExecutionException.class)
                    .hasMessageContaining("Failed to execute action task")
                    .hasMessageContaining("'fail'")
                    .hasMessageContaining("'Throwing'")
                    .hasMessageContaining("_input_event")
                    .hasMessageContaining("the-key")
                    .cause()
                    .isInstanceOf(IOException.class)
                    .hasMessage("the reason");
        }
    }

    @Test
    void theKeyIsHashedUnlessAskedFor() throws Exception {
        try (Harness<String, String> flink = open(new Throwing(), Map.of())) {
            assertThatThrownBy(() -> flink.in("x")).hasMessageContaining("of key #").hasMessageNotContaining("the-key");
        }
        try (Harness<String, String> flink = open(new Throwing(), Map.of("log.keys", "NONE"))) {
            assertThatThrownBy(() -> flink.in("x")).hasMessageNotContaining("the-key").hasMessageNotContaining("#");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"error", "checked", "runtime"})
    void whateverIsThrownIsTheCause(final String kind) throws Exception {
        final Map<String, Throwable> thrown =
                Map.of("error", new StackOverflowError("deep"), "checked", new Exception("c"), "runtime", new RuntimeException("r"));
        assertThat(failure((event, context) -> {
                    throw thrown.get(kind);
                }))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasCauseReference(thrown.get(kind));
    }

    @Test
    void nothingOfAFailedActionIsVisible() throws Exception {
        script = (event, context) -> {
            context.getShortTermMemory().set("written", 1);
            context.sendEvent(new OutputEvent("sent"));
            throw new IllegalStateException("after all");
        };
        try (Harness<String, String> flink = open(new Scripted(), Map.of())) {
            assertThat(catchThrowable(() -> flink.in("script"))).hasMessageContaining("after all");
            assertThat(flink.out()).isEmpty();
            assertThat(flink.stored("shortTermMemory")).isZero();
        }
    }

    /** Actions may be declared with a result; it means nothing. */
    public static final class Returning extends Agent {
        @Action(EventType.InputEvent)
        public static Object answer(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent("sent"));
            return new OutputEvent("returned");
        }

        @Action(EventType.InputEvent)
        public static int count(final Event event, final RunnerContext context) {
            return 42;
        }
    }

    @Test
    void whatAnActionReturnsIsIgnored() throws Exception {
        try (Harness<String, String> flink = open(new Returning(), Map.of())) {
            flink.in("x");
            assertThat(flink.out()).containsExactly("sent");
        }
    }

    @Test
    void sendingNullSaysWhichActionDidIt() throws Exception {
        assertThat(failure((event, context) -> context.sendEvent(null)))
                .cause()
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'act'")
                .hasMessageContaining("null");
    }

    @Test
    void anActionThatCatchesTheRefusalGoesOn() throws Exception {
        assertThat(outputs((event, context) -> {
                    assertThatThrownBy(() -> context.sendEvent(null)).isInstanceOf(IllegalArgumentException.class);
                    assertThatThrownBy(() -> context.sendEvent(new OutputEvent(new Thread())))
                            .isInstanceOf(IllegalArgumentException.class);
                    assertThatThrownBy(() -> context.getShortTermMemory().set("t", new Thread()))
                            .isInstanceOf(IllegalArgumentException.class);
                    context.sendEvent(new OutputEvent("fine"));
                }))
                .containsExactly("fine", "and on");
    }

    @Test
    void valuesThatCannotBeStoredAreRefusedWhereTheyAreSent() throws Exception {
        final Supplier<String> lambda = () -> "no";
        for (final Object value : List.of(lambda, new Thread())) {
            assertThat(failure((event, context) -> context.sendEvent(new Event("next", Map.of("what", value)))))
                    .cause()
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("'act'")
                    .hasMessageContaining("\"what\"")
                    .hasMessageContaining("next")
                    .hasMessageContaining(value.getClass().getName());
            assertThat(failure((event, context) -> context.getShortTermMemory().set("a.b", value)))
                    .cause()
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("a.b")
                    .hasMessageContaining(value.getClass().getName());
        }
    }

    @Test
    void aMemoryValueThatIsFoundOutWhenItIsStoredIsToldWithActionAndPath() throws Exception {
        assertThat(failure((event, context) -> context.getShortTermMemory().set("a.b", List.of(new Thread()))))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContaining("'act'")
                .hasMessageContaining("\"a.b\"")
                .hasMessageContaining("key #")
                .hasMessageContaining("Thread");
    }

    @Test
    void anEventWithTheIdOfItsTriggerIsRefused() throws Exception {
        assertThat(failure((event, context) -> context.sendEvent(event)))
                .cause()
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("id");
    }

    @Test
    void hugeEventsPass() throws Exception {
        final byte[] huge = new byte[50 << 20];
        huge[huge.length - 1] = 7;
        assertThat(outputs((event, context) -> context.sendEvent(new OutputEvent(huge))))
                .anySatisfy(output -> assertThat((byte[]) output).hasSize(50 << 20).endsWith((byte) 7));
    }

    /** Sends its payload on through a run that is longer than a mail. */
    public static final class Carrier extends Agent {
        @Action(EventType.InputEvent)
        public static void begin(final Event event, final RunnerContext context) {
            context.sendEvent(new Event("carry", Map.of("load", new byte[50 << 20], "left", 2 * Harness.SLICE)));
        }

        @Action("carry")
        public static void carry(final Event event, final RunnerContext context) {
            final int left = (Integer) event.getAttr("left");
            final byte[] load = (byte[]) event.getAttr("load");
            context.sendEvent(
                    left == 0 ? new OutputEvent(load.length) : new Event("carry", Map.of("load", load, "left", left - 1)));
        }
    }

    @Test
    void hugeEventsAreStoredAndRestored() throws Exception {
        final org.apache.flink.runtime.checkpoint.OperatorSubtaskState state;
        final Harness.Job<String, String> job =
                new Harness.Job<String, String>(new Carrier(), record -> "k", String.class, String.class, Map.of())
                        .with(flink -> flink.setCheckpointStorage(
                                new org.apache.flink.runtime.state.storage.JobManagerCheckpointStorage(200 << 20)));
        try (Harness<String, String> flink = job.open()) {
            flink.in("x");
            state = flink.snapshot(1);
        }
        try (Harness<String, String> flink = job.restore(state)) {
            flink.mails();
            assertThat(flink.out()).containsExactly(50 << 20);
        }
    }

    @Test
    void aContextUsedAfterItsActionIsRefused() throws Exception {
        final AtomicReference<RunnerContext> kept = new AtomicReference<>();
        final AtomicReference<MemoryObject> memory = new AtomicReference<>();
        script = (event, context) -> {
            kept.set(context);
            memory.set(context.getShortTermMemory());
        };
        try (Harness<String, String> flink = open(new Scripted(), Map.of())) {
            flink.in("script");
            assertRefusedAfterwards(kept.get(), memory.get());
            script = (event, context) -> {
                assertRefusedAfterwards(kept.get(), memory.get());
                context.sendEvent(new OutputEvent("from the next run"));
            };
            flink.in("script");
            assertThat(flink.out()).containsExactly("from the next run");
        }
    }

    private static void assertRefusedAfterwards(final RunnerContext context, final MemoryObject memory) {
        assertThatThrownBy(() -> context.sendEvent(new OutputEvent("late")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("ended");
        assertThatThrownBy(() -> memory.set("late", 1)).isInstanceOf(IllegalStateException.class).hasMessageContaining("ended");
        assertThatThrownBy(() -> memory.get("late")).isInstanceOf(IllegalStateException.class).hasMessageContaining("ended");
        assertThatThrownBy(() -> context.getSensoryMemory().newObject("late"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("ended");
    }

    @Test
    void aContextUsedByAnotherThreadIsRefused() throws Exception {
        final List<Throwable> refused = new ArrayList<>();
        assertThat(outputs((event, context) -> {
                    final Thread thread = new Thread(
                            () -> {
                                refused.add(catchThrowable(() -> context.sendEvent(new OutputEvent("stolen"))));
                                refused.add(catchThrowable(() -> context.getShortTermMemory().get("a")));
                                refused.add(catchThrowable(() -> context.getSensoryMemory().set("a", 1)));
                                refused.add(catchThrowable(() -> context.getActionMetricGroup()));
                            },
                            "thread of the user");
                    thread.start();
                    thread.join();
                    context.sendEvent(new OutputEvent("own"));
                }))
                .containsExactly("own", "and on");
        assertThat(refused)
                .hasSize(4)
                .allSatisfy(e -> assertThat(e)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("'act'")
                        .hasMessageContaining("thread of the user"));
    }

    @Test
    void misuseOfMemoryIsAnErrorThatNamesThePath() throws Exception {
        assertThat(outputs((event, context) -> {
                    for (final MemoryObject memory : List.of(context.getSensoryMemory(), context.getShortTermMemory())) {
                        memory.set("value", 1);
                        memory.newObject("object").set("child", 2);
                        refused(() -> memory.set("object", 3), "object");
                        refused(() -> memory.set("value.below", 3), "value");
                        refused(() -> memory.newObject("value"), "value");
                        refused(() -> memory.set("", 3), "");
                        refused(() -> memory.set("a..b", 3), "a..b");
                        refused(() -> memory.set(".a", 3), ".a");
                        refused(() -> memory.set(null, 3), "null");
                        refused(() -> memory.get("value").getFieldNames(), "value");
                        assertThat(memory.get("absent")).isNull();
                        assertThat(memory.get("value.below")).isNull();
                        assertThat(memory.get("object").get("child").getValue()).isEqualTo(2);
                        assertThat(memory.newObject("value", true).isNestedObject()).isTrue();
                        memory.set("nothing", null);
                        assertThat(memory.isExist("nothing")).isTrue();
                        assertThat(memory.get("nothing").getValue()).isNull();
                    }
                    context.sendEvent(new OutputEvent("fine"));
                }))
                .containsExactly("fine", "and on");
    }

    private static void refused(final org.assertj.core.api.ThrowableAssert.ThrowingCallable call, final String path) {
        assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(path);
    }
}
