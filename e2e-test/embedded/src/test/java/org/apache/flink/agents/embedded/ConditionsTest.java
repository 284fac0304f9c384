package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.junit.jupiter.api.Test;

/** Conditions on events in the operator, and events nobody can handle yet. */
class ConditionsTest {
    private static final String STRATEGY = "action.trigger-condition.evaluate-failure-strategy";

    /** Big and small numbers have actions of their own. */
    public static final class Sorting extends Agent {
        @Action("type == EventType.InputEvent && input > 10")
        public static void big(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent("big " + InputEvent.fromEvent(event).getInput()));
        }

        @Action("type == EventType.InputEvent && input <= 10")
        public static void small(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent("small " + InputEvent.fromEvent(event).getInput()));
        }

        @Action(EventType.InputEvent)
        public static void any(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent("any " + InputEvent.fromEvent(event).getInput()));
        }
    }

    /** A long walk whose last step fires a condition; the memory of the run holds events. */
    public static final class Guarded extends Agent {
        @Action(EventType.InputEvent)
        public static void start(final Event event, final RunnerContext context) throws Exception {
            context.getSensoryMemory().set("kept", new Event("kept", Map.of("left", -1)));
            context.getSensoryMemory().set("first", event);
            context.sendEvent(new Event("step", Map.of("left", 3 * Harness.SLICE)));
        }

        @Action("type == 'step' && left > 0")
        public static void step(final Event event, final RunnerContext context) {
            context.sendEvent(new Event("step", Map.of("left", (Integer) event.getAttr("left") - 1)));
        }

        @Action("type == 'step' && left == 0")
        public static void last(final Event event, final RunnerContext context) throws Exception {
            final Event kept = (Event) context.getSensoryMemory().get("kept").getValue();
            final InputEvent first = (InputEvent) context.getSensoryMemory().get("first").getValue();
            context.sendEvent(new OutputEvent(kept.getType() + kept.getAttr("left") + first.getInput()));
        }
    }

    /** Asks a chat model. */
    public static final class Asking extends Agent {
        @Action(EventType.InputEvent)
        public static void ask(final Event event, final RunnerContext context) {
            context.sendEvent(new ChatRequestEvent("model", List.<ChatMessage>of()));
        }
    }

    private static Harness.Job<String, Object> job(final Agent agent, final Map<String, ?> config) {
        return new Harness.Job<>(agent, record -> "key", String.class, Object.class, config);
    }

    @Test
    void conditionsDecideWhichActionsRun() throws Exception {
        try (Harness<String, Object> flink = job(new Sorting(), Map.of()).open()) {
            flink.in(11);
            flink.in(10L);
            flink.in(10.5);
            assertThat(flink.out())
                    .containsExactly("any 11", "big 11", "any 10", "small 10", "any 10.5", "big 10.5");
        }
    }

    @Test
    void aConditionThatCannotBeEvaluatedIsSkippedByDefault() throws Exception {
        try (Harness<String, Object> flink = job(new Sorting(), Map.of()).open()) {
            flink.in("text");
            flink.in(3);
            assertThat(flink.out()).containsExactly("any text", "any 3", "small 3");
        }
    }

    @Test
    void aConditionThatCannotBeEvaluatedFailsTheTaskIfAskedFor() throws Exception {
        try (Harness<String, Object> flink = job(new Sorting(), Map.of(STRATEGY, "FAIL")).open()) {
            flink.in(3);
            assertThatThrownBy(() -> flink.in("text"))
                    .isInstanceOf(ActionTaskExecutionException.class)
                    .hasMessageContaining("Sorting")
                    .hasMessageContaining("big")
                    .hasMessageContaining("_input_event");
        }
    }

    @Test
    void restoredEventsMeetTheConditionsAndEventsInMemoryDoNotMixWithThem() throws Exception {
        final OperatorSubtaskState state;
        try (Harness<String, Object> flink = job(new Guarded(), Map.of()).open()) {
            flink.in("one");
            flink.in("two");
            state = flink.snapshot(1);
            assertThat(flink.storedInFlight()).isEqualTo(1);
        }
        try (Harness<String, Object> flink = job(new Guarded(), Map.of()).restore(state)) {
            flink.mails();
            assertThat(flink.out()).containsExactly("kept-1one", "kept-1two");
        }
    }

    @Test
    void anEventForABuiltInActionNamesTheModelThatIsMissing() throws Exception {
        try (Harness<String, Object> flink = job(new Asking(), Map.of()).open()) {
            assertThatThrownBy(() -> flink.in("x"))
                    .isInstanceOf(ActionTaskExecutionException.class)
                    .hasMessageContaining("chat_model_action")
                    .hasMessageContaining("Asking")
                    .cause()
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("'model'")
                    .hasMessageContaining("chat_model");
        }
    }
}
