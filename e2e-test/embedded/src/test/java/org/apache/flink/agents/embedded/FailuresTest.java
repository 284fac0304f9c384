package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Map;
import java.util.Queue;
import org.apache.flink.agents.api.DeadLetter;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.runtime.operator.AgentOperator;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.junit.jupiter.api.Test;

/** Failure policies on Flink: waits are timers, dead letters a side output, and both are state. */
class FailuresTest {
    private static final long SECOND = 1_000;

    /** Fails for inputs that end in an exclamation mark. */
    public static class Failing extends Agent {
        @Action("_input_event")
        public static void act(final Event event, final RunnerContext ctx) throws Exception {
            final String input = (String) InputEvent.fromEvent(event).getInput();
            final MemoryObject memory = ctx.getShortTermMemory();
            final MemoryObject known = memory.get("runs");
            final int runs = known == null ? 1 : (Integer) known.getValue() + 1;
            memory.set("runs", runs);
            ctx.sendEvent(new OutputEvent(input + " as number " + runs));
            if (input.endsWith("!")) {
                throw new IllegalArgumentException("what is " + input);
            }
        }
    }

    private static Harness.Job<String, String> job() {
        return new Harness.Job<>(
                new Failing(),
                record -> record.substring(0, 1),
                String.class,
                String.class,
                Map.of("retry.max-attempts", 1, "retry.backoff", "1 h", "retry.max-backoff", "1 h", "retry.jitter", 0, "on-failure", "dead-letter"));
    }

    private static ArrayList<DeadLetter> letters(final Harness<String, String> flink) {
        final ArrayList<DeadLetter> letters = new ArrayList<>();
        final Queue<StreamRecord<DeadLetter>> out = flink.flink().getSideOutput(AgentOperator.DEAD_LETTERS);
        if (out != null) {
            out.forEach(record -> letters.add(record.getValue()));
        }
        return letters;
    }

    @Test
    void aRetryWaitsByATimerWhileOtherKeysGoOnAndThenALetterLeaves() throws Exception {
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = job().open()) {
            flink.in("a!", 7);
            flink.in("a after", 8);
            flink.in("b", 9);
            flink.watermark(10);
            flink.mails();
            assertThat(flink.out()).containsExactly("b as number 1");
            assertThat(letters(flink)).isEmpty();
            state = flink.snapshot(1);
        }
        try (Harness<String, String> flink = job().restore(state)) {
            flink.mails();
            assertThat(flink.out()).as("the wait goes on").isEmpty();
            flink.flink().setProcessingTime(3_600 * SECOND + 1);
            flink.mails();
            assertThat(flink.out()).containsExactly("a after as number 1");
            assertThat(letters(flink)).hasSize(1);
            final DeadLetter letter = letters(flink).get(0);
            assertThat(letter.attempts).isEqualTo(2);
            assertThat(letter.input).isEqualTo("\"a!\"");
            assertThat(letter.key).isEqualTo("a");
            assertThat(letter.timestamp).isEqualTo(7);
            assertThat(letter.errorMessage).isEqualTo("what is a!");
            assertThat(flink.storedInFlight()).isZero();
        }
    }
}
