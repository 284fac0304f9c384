package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.flink.agents.core.AgentsCoreException;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.apache.flink.runtime.checkpoint.CheckpointException;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** State that is damaged, or of something else, and plans that do not fit the job. */
class BadStateTest {
    private static final int LONG = 2 * Harness.SLICE;

    /** A key with two unfinished inputs. */
    private static byte[] good() throws Exception {
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.in("k/" + LONG + "/a");
            flink.in("k/" + LONG + "/b");
            flink.snapshot(1);
            return flink.readInFlight("k");
        }
    }

    private static OperatorSubtaskState stateWith(final byte[] bytes) throws Exception {
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.writeInFlight("k", bytes);
            return flink.snapshot(1);
        }
    }

    private static Throwable restoreFailure(final byte[] bytes) throws Exception {
        final OperatorSubtaskState state = stateWith(bytes);
        return catchThrowable(() -> {
            try (Harness<String, String> flink = Harness.walkers().restore(state)) {
                flink.mails();
            }
        });
    }

    @Test
    void whatWasNotDamagedIsRestored() throws Exception {
        assertThat(restoreFailure(good())).isNull();
    }

    @ParameterizedTest
    @ValueSource(strings = {"empty", "one byte", "newer format", "foreign", "cut", "length", "longer"})
    void damagedStateIsAnErrorThatNamesAgentKeyAndState(final String damage) throws Exception {
        byte[] bytes = good();
        switch (damage) {
            case "empty":
                bytes = new byte[0];
                break;
            case "one byte":
                bytes = new byte[] {1};
                break;
            case "newer format":
                bytes[0] = 99;
                break;
            case "foreign":
                bytes = "this belongs to somebody else".getBytes(java.nio.charset.StandardCharsets.UTF_8);
                break;
            case "cut":
                bytes = Arrays.copyOf(bytes, bytes.length - 3);
                break;
            case "length":
                bytes[1] = 127;
                break;
            default:
                bytes = Arrays.copyOf(bytes, bytes.length + 1);
        }
        assertThat(restoreFailure(bytes))
                .isInstanceOf(AgentsCoreException.class)
                .hasMessageContaining("inflight")
                .hasMessageContaining("Walker")
                .hasMessageContaining("#");
    }

    @Test
    void anyDamageIsAnErrorOrHarmlessButNeverACrash() throws Exception {
        final byte[] good = good();
        final Random random = new Random(20);
        int refused = 0;
        for (int i = 0; i < 80; i++) {
            final byte[] bytes = random.nextInt(4) == 0 ? Arrays.copyOf(good, random.nextInt(good.length)) : good.clone();
            for (int flips = random.nextInt(3); flips >= 0 && bytes.length > 0; flips--) {
                bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
            }
            final Throwable failure = restoreFailure(bytes);
            if (failure != null) {
                assertThat(failure).isInstanceOfAny(AgentsCoreException.class, ActionTaskExecutionException.class);
                assertThat(failure).hasMessageContaining("Walker");
                refused++;
            }
        }
        assertThat(refused).isGreaterThan(60);
    }

    /** Keeps a value that only looks like data among its unfinished events. */
    public static final class Hiding extends org.apache.flink.agents.api.agents.Agent {
        @org.apache.flink.agents.api.annotation.Action({"_input_event", "again"})
        public static void again(
                final org.apache.flink.agents.api.Event event,
                final org.apache.flink.agents.api.context.RunnerContext context) {
            context.sendEvent(
                    new org.apache.flink.agents.api.Event(
                            "again", Map.of("data", List.of(1, Map.of("deep", new Thread("hidden"))))));
        }
    }

    @Test
    void aValueThatCannotBeStoredFailsTheCheckpointByTheNameOfAgentKeyAndPath() throws Exception {
        final Harness.Job<String, String> job =
                new Harness.Job<>(new Hiding(), key -> key, String.class, String.class, Map.of("log.keys", "plain"));
        try (Harness<String, String> flink = job.open()) {
            flink.in("the-key");
            assertThat(catchThrowable(() -> flink.snapshot(1)))
                    .isInstanceOf(CheckpointException.class)
                    .rootCause()
                    .hasMessageContaining("java.lang.Thread")
                    .hasMessageContaining("deep");
            // A second one must not pass over what the first did not store.
            assertThat(catchThrowable(() -> flink.snapshot(2)))
                    .cause()
                    .hasMessageContaining("Hiding")
                    .hasMessageContaining("the-key")
                    .hasMessageContaining("deep");
        }
    }

    @Test
    void runsOfAnotherAgentAreRefusedByTheNameOfTheActionThatIsMissing() throws Exception {
        final OperatorSubtaskState state = stateWith(good());
        final Harness.Job<String, String> other =
                new Harness.Job<>(new TestAgents.Counter(), TestAgents::keyOf, String.class, String.class, Map.of());
        assertThat(catchThrowable(() -> other.restore(state)))
                .hasMessageContaining("Counter")
                .hasMessageContaining("start");
    }

    @Test
    void anActionWhoseMethodIsMissingIsNamedWhenTheJobStarts() {
        assertThat(catchThrowable(() -> Harness.walkers()
                        .withPlan(plan -> plan.replace("\"method_name\":\"walk\"", "\"method_name\":\"run\""))
                        .open()))
                .hasMessageContaining("'walk'")
                .hasMessageContaining("run");
        assertThat(catchThrowable(() -> Harness.walkers()
                        .withPlan(plan -> plan.replace("TestAgents$Walker", "TestAgents$Gone"))
                        .open()))
                .hasMessageContaining("TestAgents$Gone")
                .hasMessageContaining("class path");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "[]", "{\"actions\": 3}", "\u0000"})
    void aPlanThatIsNoneIsRefused(final String plan) {
        assertThat(catchThrowable(() -> Harness.walkers().withPlan(good -> plan).open()))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
