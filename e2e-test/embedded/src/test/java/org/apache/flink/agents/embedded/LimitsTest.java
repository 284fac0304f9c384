package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What bounds the work of a subtask. */
class LimitsTest {
    private static final int LONG = 4 * Harness.SLICE;

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void inputIsTakenOnlyWhileFewerThanTheLimitAreUnfinished(final int limit) throws Exception {
        try (Harness<String, String> flink = Harness.walkers(Map.of("max-in-flight", limit)).open()) {
            int outputs = 0;
            for (int i = 0; i < 10; i++) {
                flink.in("k" + i % 4 + "/" + LONG + "/a");
                outputs += flink.out().size();
                assertThat(i + 1 - outputs).as("unfinished after input %s", i).isLessThanOrEqualTo(limit);
                assertThat(i + 1 - outputs).as("the limit is used").isEqualTo(Math.min(i + 1, limit));
            }
        }
    }

    @Test
    void otherMailsRunWhileInputIsHeldBack() throws Exception {
        try (Harness<String, String> flink = Harness.walkers(Map.of("max-in-flight", 1)).open()) {
            flink.in("k/" + LONG + "/a");
            final boolean[] notified = new boolean[1];
            flink.onMailbox(() -> notified[0] = true);
            flink.in("l/" + LONG + "/a");
            assertThat(notified[0]).isTrue();
        }
    }

    @Test
    void aLimitBelowOneIsRefused() {
        assertThatThrownBy(() -> Harness.walkers(Map.of("max-in-flight", 0)).open())
                .hasMessageContaining("max-in-flight")
                .hasMessageContaining("at least 1");
    }

    /** An event that is always followed by another one. */
    public static final class Restless extends Agent {
        @Action({EventType.InputEvent, "again"})
        public static void again(final Event event, final RunnerContext context) {
            context.sendEvent(new Event("again"));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 50})
    void aRunThatNeverEndsFailsAtTheLimitOfEvents(final int limit) throws Exception {
        final Map<String, Object> config = limit == 0 ? Map.of() : Map.of("max-events-per-run", limit);
        try (Harness<String, String> flink =
                new Harness.Job<String, String>(new Restless(), key -> key, String.class, String.class, config).open()) {
            assertThatThrownBy(
                            () -> {
                                flink.in("the-key");
                                flink.mails();
                            })
                    .isInstanceOf(ActionTaskExecutionException.class)
                    .hasMessageContaining("Restless")
                    .hasMessageContaining("max-events-per-run")
                    .hasMessageContaining(limit == 0 ? "10000" : "50")
                    .hasMessageContaining("again")
                    .hasMessageNotContaining("the-key");
        }
    }
}
