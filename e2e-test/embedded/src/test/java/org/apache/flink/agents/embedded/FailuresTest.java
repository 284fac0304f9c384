package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.AgentBuilder;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
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
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Failure policies on Flink: waits are timers, dead letters a side output, and both are state. */
class FailuresTest {
    private static final long SECOND = 1_000;

    /** Inputs, each as often as it was tried. */
    private static final Queue<String> TRIED = new ConcurrentLinkedQueue<>();

    /** Fails for inputs that end in an exclamation mark. */
    public static class Failing extends Agent {
        @Action("_input_event")
        public static void act(final Event event, final RunnerContext ctx) throws Exception {
            final String input = (String) InputEvent.fromEvent(event).getInput();
            TRIED.add(input);
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

    @BeforeEach
    void forget() {
        TRIED.clear();
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

    @ParameterizedTest
    @CsvSource({"1,3", "3,2"})
    void rescalingInsideABackoffLosesAndRepeatsNothing(final int from, final int to) throws Exception {
        final Harness.Job<String, String> job = job();
        final List<String> keys = List.of("a", "b", "c", "d", "e", "f", "g", "h");
        final OperatorSubtaskState[] states = new OperatorSubtaskState[from];
        for (int subtask = 0; subtask < from; subtask++) {
            try (Harness<String, String> flink = job.open(null, from, subtask)) {
                for (final String key : keys) {
                    if (Harness.subtaskOf(key, from) == subtask) {
                        flink.in(key + "!", 7);
                        flink.in(key + " after", 8);
                    }
                }
                flink.mails();
                assertThat(flink.out()).isEmpty();
                states[subtask] = flink.snapshot(1);
            }
        }
        assertThat(TRIED).hasSameSizeAs(keys);
        final OperatorSubtaskState merged = AbstractStreamOperatorTestHarness.repackageState(states);
        final List<Object> outputs = new ArrayList<>();
        final List<String> letters = new ArrayList<>();
        for (int subtask = 0; subtask < to; subtask++) {
            final OperatorSubtaskState own =
                    AbstractStreamOperatorTestHarness.repartitionOperatorState(merged, Harness.MAX_PARALLELISM, from, to, subtask);
            try (Harness<String, String> flink = job.open(own, to, subtask)) {
                flink.mails();
                assertThat(flink.out()).as("the wait goes on").isEmpty();
                flink.flink().setProcessingTime(3_600 * SECOND + 1);
                flink.mails();
                outputs.addAll(flink.out());
                letters(flink).forEach(letter -> letters.add(letter.key + letter.attempts + letter.input));
                assertThat(flink.storedInFlight()).isZero();
            }
        }
        assertThat(outputs).containsExactlyInAnyOrderElementsOf(lines(keys, key -> key + " after as number 1"));
        assertThat(letters).containsExactlyInAnyOrderElementsOf(lines(keys, key -> key + "2\"" + key + "!\""));
        assertThat(TRIED).hasSize(3 * keys.size());
    }

    private static List<String> lines(final List<String> keys, final UnaryOperator<String> line) {
        return keys.stream().map(line).collect(Collectors.toList());
    }

    @Test
    void aJobHasItsLettersAsAStreamAndAsATable() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env();
        final StreamTableEnvironment tables = StreamTableEnvironment.create(flink);
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment(flink, tables);
        env.getConfig().setStr("retry.max-attempts", "1");
        env.getConfig().setStr("retry.backoff", "1 ms");
        env.getConfig().setStr("on-failure", "dead-letter");
        final DataStream<String> inputs = flink.fromData("a", "b!", "a!", "c");
        final AgentBuilder agent = env.fromDataStream(inputs, input -> input.substring(0, 1)).apply(new Failing());
        final List<String> streamed = new ArrayList<>();
        Cluster.run(agent.getDeadLetters()).forEach(letter -> streamed.add(letter.key + letter.attempts + letter.input));
        assertThat(streamed).containsExactlyInAnyOrder("b2\"b!\"", "a2\"a!\"");
        final List<String> listed = new ArrayList<>();
        try (CloseableIterator<Row> rows = agent.deadLettersToTable().execute().collect()) {
            rows.forEachRemaining(row -> {
                assertThat(row.<String>getFieldAs("errorMessage")).startsWith("what is ");
                listed.add("" + row.getField("key") + row.getField("attempts") + row.getField("input"));
            });
        }
        assertThat(listed).containsExactlyInAnyOrderElementsOf(streamed);
    }

    @Test
    void theMetricsCountAttemptsAndLetters() throws Exception {
        try (Harness<String, String> flink = job().open()) {
            flink.in("a!", 7);
            flink.mails();
            assertThat(EventLogTest.counter(flink, "numOfFailedAttempts")).isEqualTo(1);
            assertThat(EventLogTest.counter(flink, "numOfDeadLetters")).isEqualTo(0);
            flink.flink().setProcessingTime(3_600 * SECOND + 1);
            flink.mails();
            assertThat(EventLogTest.counter(flink, "numOfFailedAttempts")).isEqualTo(1);
            assertThat(EventLogTest.counter(flink, "numOfDeadLetters")).isEqualTo(1);
        }
    }

    @Test
    void theTraceTellsOfEachAttemptOnce(@TempDir final Path directory) throws Exception {
        final Harness.Job<String, String> job =
                new Harness.Job<>(
                        new Failing(), record -> record.substring(0, 1), String.class, String.class,
                        Map.of(
                                "retry.max-attempts", 1, "retry.backoff", "0 ms", "on-failure", "dead-letter", "baseLogDir", directory.toString(),
                                "event-log.trace.enabled", true));
        try (Harness<String, String> flink = job.open()) {
            flink.in("a!", 7);
            flink.flink().setProcessingTime(SECOND);
            flink.mails();
            assertThat(letters(flink)).hasSize(1);
        }
        final List<String> told = Lines.types(Lines.in(directory));
        assertThat(told).filteredOn("_execution_started_event"::equals).hasSize(2);
        assertThat(told).filteredOn("_execution_failed_event"::equals).hasSize(2);
        assertThat(told).doesNotContain("_execution_finished_event");
        assertThat(told).contains("_dead_letter_event");
    }
}
