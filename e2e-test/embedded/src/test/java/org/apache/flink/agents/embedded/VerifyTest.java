package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.junit.jupiter.api.Test;

/** Option {@code values.verify} finds what goes wrong with values, and nothing else. */
class VerifyTest {
    private static final Map<String, Object> VERIFY = Map.of("values.verify", true);

    @Test
    void anAgentThatDoesNothingWrongIsNotDisturbedAlsoAfterARestore() throws Exception {
        final int steps = 2 * Harness.SLICE;
        final List<String> inputs = List.of("a/" + steps + "/1", "b/" + steps + "/1", "a/3/2");
        final List<Object> outputs = new ArrayList<>();
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = Harness.walkers(VERIFY).open()) {
            for (final String input : inputs) {
                flink.in(input);
            }
            flink.mail();
            state = flink.snapshot(1);
            assertThat(flink.storedInFlight()).isPositive();
            outputs.addAll(flink.out());
        }
        try (Harness<String, String> flink = Harness.walkers(VERIFY).restore(state)) {
            flink.mails();
            outputs.addAll(flink.out());
        }
        assertThat(outputs).containsExactlyInAnyOrderElementsOf(new ArrayList<Object>(TestAgents.walked(inputs)));
    }

    /** Has no equals(). */
    public static final class Box {
        public int content;
    }

    public static final class Boxes extends Agent {
        @Action(EventType.InputEvent)
        public static void first(final Event event, final RunnerContext context) {
            context.sendEvent(new Event("next", Map.of("box", new Box())));
        }

        @Action("next")
        public static void second(final Event event, final RunnerContext context) {
            ((Box) event.getAttr("box")).content++;
        }

        @Action("next")
        public static void third(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent(((Box) event.getAttr("box")).content));
        }
    }

    @Test
    void aChangedEventIsNoticed() throws Exception {
        try (Harness<String, String> flink = boxes(Map.of()).open()) {
            flink.in("k");
            assertThat(flink.out()).containsExactly(1);
        }
        try (Harness<String, String> flink = boxes(VERIFY).open()) {
            assertThatThrownBy(() -> flink.in("k"))
                    .isInstanceOf(ActionTaskExecutionException.class)
                    .hasMessageContainingAll("'Boxes'", "event next", "\"box\"", "'first'", "'third'", "values.verify");
        }
    }

    private static Harness.Job<String, String> boxes(final Map<String, ?> config) {
        return new Harness.Job<>(new Boxes(), record -> record, String.class, String.class, config);
    }
}
