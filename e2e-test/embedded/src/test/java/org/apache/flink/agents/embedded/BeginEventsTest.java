package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.AgentRunBeginEvent;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs that begin with an event of what short-term memory holds: option agent-run.begin-event. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class BeginEventsTest {
    private static final Map<String, Object> BEGINS = Map.of("agent-run.begin-event", true);

    /** A Java action that a Python plan names. */
    public static final class JavaActions {
        private JavaActions() {}

        public static void begin(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent(List.of("java", event.getAttributes())));
        }
    }

    /** Inputs are outputs, and so is what their runs begin with. */
    public static class Begun extends Agent {
        @Action(EventType.InputEvent)
        public static void work(final Event event, final RunnerContext context) throws Exception {
            final Object input = InputEvent.fromEvent(event).getInput();
            context.getShortTermMemory().set("last.input", input);
            context.sendEvent(new OutputEvent(input));
        }

        @Action(EventType.AgentRunBeginEvent)
        public static void begin(final Event event, final RunnerContext context) {
            final AgentRunBeginEvent begun = AgentRunBeginEvent.fromEvent(event);
            context.sendEvent(new OutputEvent(begun.getKey() + " " + begun.getValue()));
        }
    }

    private static Harness.Job<String, String> job(final Map<String, ?> config) {
        return new Harness.Job<>(new Begun(), record -> record.substring(0, 1), String.class, String.class, config);
    }

    @Test
    void eachRunBeginsWithWhatTheStateHoldsAlsoAfterARestore(@TempDir final Path directory) throws Exception {
        final Harness.Job<String, String> job = job(Map.of("agent-run.begin-event", true, "baseLogDir", directory.toString()));
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = job.open()) {
            flink.in("a1", 7);
            flink.in("b1", 8);
            flink.in("a2", 9);
            flink.mails();
            assertThat(flink.out()).containsExactlyInAnyOrder("a {}", "a1", "b {}", "b1", "a {last.input=a1}", "a2");
            state = flink.snapshot(1);
        }
        try (Harness<String, String> flink = job.restore(state)) {
            flink.in("a3", 10);
            flink.mails();
            assertThat(flink.out()).containsExactly("a {last.input=a2}", "a3");
        }
        final List<JsonNode> lines = Lines.in(directory);
        final List<String> roots =
                Lines.types(lines.stream().filter(line -> !line.path("event").hasNonNull("upstreamEventId")).collect(Collectors.toList()));
        assertThat(roots).filteredOn("_agent_run_begin_event"::equals).hasSize(4);
        assertThat(roots).filteredOn("_input_event"::equals).hasSize(4);
    }

    @Test
    void actionsOfBothLanguagesGetTheEvent() throws Exception {
        final Harness.Job<String, byte[]> job = PythonTools.job("Begun", BEGINS);
        final OperatorSubtaskState state;
        try (Harness<String, byte[]> flink = job.open()) {
            flink.in(PythonTools.record("a", List.of(1)));
            assertThat(PythonTools.decode(flink.await(3)))
                    .containsExactly(
                            List.of("python", Map.of("key", "a", "value", Map.of())),
                            List.of("java", Map.of("key", "a", "value", Map.of())),
                            List.of(1));
            state = flink.snapshot(1);
        }
        try (Harness<String, byte[]> flink = job.restore(state)) {
            flink.in(PythonTools.record("a", List.of(2)));
            final Map<String, Object> told = Map.of("key", "a", "value", Map.of("last.input", List.of(1)));
            assertThat(PythonTools.decode(flink.await(3)))
                    .containsExactly(List.of("python", told), List.of("java", told), List.of(2));
        }
        PythonTools.awaitNoWorkers();
    }

    @Test
    void theJournalFindsTheActionsOfBothEventsAgain(@TempDir final Path directory) throws Exception {
        final Map<String, Object> config =
                Map.of("agent-run.begin-event", true, "actionStateStoreBackend", "sqlite", "sqlite.path", directory.resolve("journal").toString());
        final Harness.Job<String, String> job = job(config);
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = job.open()) {
            flink.in("a1", 7);
            assertThat(flink.await(2)).containsExactly("a {}", "a1");
            state = flink.snapshot(1);
            flink.in("a2", 8);
            assertThat(flink.await(2)).containsExactly("a {last.input=a1}", "a2");
        }
        try (Harness<String, String> flink = job.restore(state)) {
            flink.in("a2", 8);
            assertThat(flink.await(2)).containsExactly("a {last.input=a1}", "a2");
            assertThat(EventLogTest.counter(flink, "numOfDivergences")).isZero();
        }
    }
}
