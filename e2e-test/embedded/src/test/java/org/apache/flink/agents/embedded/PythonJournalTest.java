package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The journal of Python actions, restart by restart: what was done before is not done again. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class PythonJournalTest {
    @TempDir Path directory;

    @AfterEach
    void noWorkerIsLeft() {
        assertThat(PythonTools.workers()).isEmpty();
    }

    /** A Java action that Python's plans name. */
    public static final class JavaActions {
        private JavaActions() {}

        public static void middle(final Event event, final RunnerContext context) throws Exception {
            final Object brought =
                    context.durableExecuteAsync(new Bookkeeper.Entry((String) event.getAttr("run"), 1, "java", () -> "brought"));
            context.getShortTermMemory().set("java", brought);
            context.sendEvent(new Event("to-python", event.getAttributes()));
        }
    }

    private Map<String, Object> config(final String store) {
        final Map<String, Object> config = new HashMap<>();
        config.put("actionStateStoreBackend", store);
        config.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        return config;
    }

    private Harness.Job<String, byte[]> books(final String store) throws Exception {
        return PythonTools.job("Books", config(store));
    }

    private PythonLedger ledger(final Object name) throws Exception {
        return new PythonLedger(Files.createDirectory(directory.resolve(name.toString())));
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void aRunIsMadeOnceAlsoBeforeTheFirstCheckpoint(final String store) throws Exception {
        final PythonLedger ledger = ledger("once");
        final Harness.Job<String, byte[]> job = books(store);
        for (int attempt = 0; attempt < 3; attempt++) {
            try (Harness<String, byte[]> harness = job.open()) {
                harness.in(ledger.record("a", 1));
                harness.in(ledger.record("b", 2));
                harness.in(ledger.record("a", 3));
                assertThat(PythonTools.decode(harness.await(3)))
                        .as("attempt %s", attempt)
                        .containsExactlyInAnyOrder(
                                PythonLedger.output("a", 1, 1), PythonLedger.output("b", 2, 1), PythonLedger.output("a", 3, 2));
            }
        }
        assertThat(ledger.check()).isZero();
        assertThat(ledger.lines("ledger")).hasSize(3 * PythonLedger.CALLS);
        assertThat(ledger.lines("reconciled")).isEmpty();
    }

    @Test
    void aNewSubmissionDoesNotTakeTheRecordsOfAnother() throws Exception {
        final PythonLedger ledger = ledger("twice");
        for (int submission = 1; submission <= 2; submission++) {
            try (Harness<String, byte[]> harness = books("sqlite").open()) {
                harness.in(ledger.record("a", 1));
                harness.await(1);
            }
            assertThat(ledger.lines("ledger")).hasSize(submission * PythonLedger.CALLS);
        }
        assertThat(PythonLedger.keyOf(ledger.lines("ledger").get(0)))
                .isNotEqualTo(PythonLedger.keyOf(ledger.lines("ledger").get(PythonLedger.CALLS)));
    }

    /** Runs an agent over one input until it comes through; returns how often it failed. */
    private static int attempts(final Harness.Job<String, byte[]> job, final byte[] record, final Object... expected) throws Exception {
        for (int failures = 0; ; failures++) {
            final Harness<String, byte[]> harness = job.open();
            try {
                harness.in(record);
                assertThat(PythonTools.decode(harness.await(expected.length))).containsExactlyInAnyOrder(expected);
                return failures;
            } catch (final RuntimeException e) {
                assertThat(e).hasMessageMatching("(?s).*(A failure that the test asked for|The Python worker of agent .* signal 9).*");
            } finally {
                harness.close();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"memory,raise,0", "sqlite,kill,2"})
    void atWhateverStepItFailsOnlyCallsInFlightAreMadeAgain(final String store, final String how, final int asked) throws Exception {
        final String plan = PythonTools.plan("Books", config(store));
        int reconciled = 0;
        for (int failing = 1; failing <= 24; failing++) {
            final PythonLedger ledger = ledger(failing);
            ledger.failAt(how, failing);
            assertThat(attempts(Harness.Job.python("Books", plan), ledger.record("a", 1), PythonLedger.output("a", 1, 1)))
                    .as("failures at step %s", failing)
                    .isEqualTo(1);
            assertThat(ledger.hasFailed()).isTrue();
            assertThat(ledger.check()).as("calls made again after a failure at step %s", failing).isLessThanOrEqualTo(PythonLedger.AT_A_TIME);
            final List<String> lines = ledger.lines("reconciled");
            reconciled += lines.size();
            lines.forEach(
                    line ->
                            assertThat(ledger.lines("ledger"))
                                    .filteredOn(written -> written.startsWith("a/1 5 last"))
                                    .allMatch(written -> PythonLedger.keyOf(written).equals(PythonLedger.keyOf(line))));
        }
        // At both steps of the call that has one. An exception comes after the question about memory that follows it, which the call's
        // result goes before.
        assertThat(reconciled).as("reconcilers asked").isEqualTo(asked);
    }

    /** What a run read and did before it is done again in the same order, though its actions wait for their answers in another process. */
    @ParameterizedTest
    @ValueSource(strings = {"raise", "kill"})
    void actionsSideBySideThatReadWhatTheOthersWroteComeOutAsBefore(final String how) throws Exception {
        final Map<String, Object> config = config("memory");
        config.put("action-state.on-divergence", "fail");
        final String plan = PythonTools.plan("Beside", config);
        for (int failing = 2; failing <= 16; failing += 2) {
            final PythonLedger ledger = ledger(how + failing);
            ledger.failAt(how, failing);
            attempts(Harness.Job.python("Beside", plan), ledger.record("a", 1), "a/1 first", "a/1 second", "a/1 third");
            assertThat(ledger.hasFailed()).isTrue();
            assertThat(ledger.check()).as("calls made again").isLessThanOrEqualTo(3);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void whatWasUnderWayAtACheckpointGoesOnAfterIt(final String store) throws Exception {
        final PythonLedger ledger = ledger("checkpoint");
        final Harness.Job<String, byte[]> job = books(store);
        final OperatorSubtaskState state;
        final List<Object> outputs = new ArrayList<>();
        try (Harness<String, byte[]> harness = job.open()) {
            for (int i = 0; i < 20; i++) {
                harness.in(ledger.record("k" + i % 4, i));
            }
            outputs.addAll(harness.await(5));
            state = harness.snapshot(1);
            // What happens after the checkpoint is not done again either.
            harness.await(3);
        }
        try (Harness<String, byte[]> harness = job.restore(state)) {
            outputs.addAll(harness.await(20 - outputs.size()));
        }
        assertThat(Cluster.byKey(PythonTools.decode(outputs))).isEqualTo(expected(20, 4));
        assertThat(ledger.check()).as("calls made again").isLessThanOrEqualTo(4 * PythonLedger.AT_A_TIME);
    }

    static List<String> expected(final int records, final int keys) {
        final List<String> expected = new ArrayList<>();
        for (int i = 0; i < records; i++) {
            expected.add(PythonLedger.output("k" + i % keys, i, i / keys + 1));
        }
        return Cluster.byKey(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void anotherParallelismFindsAllRecords(final String store) throws Exception {
        final PythonLedger ledger = ledger("rescaled");
        final Harness.Job<String, byte[]> job = books(store);
        final OperatorSubtaskState state;
        final List<Object> outputs = new ArrayList<>();
        try (Harness<String, byte[]> harness = job.open(null, 1, 0)) {
            for (int i = 0; i < 24; i++) {
                harness.in(ledger.record("k" + i % 8, i));
            }
            outputs.addAll(harness.await(4));
            state = harness.snapshot(1);
            harness.await(6);
        }
        for (int subtask = 0; subtask < 3; subtask++) {
            final OperatorSubtaskState own =
                    AbstractStreamOperatorTestHarness.repartitionOperatorState(state, Harness.MAX_PARALLELISM, 1, 3, subtask);
            try (Harness<String, byte[]> harness = job.open(own, 3, subtask)) {
                harness.flink().endInput();
                outputs.addAll(harness.out());
            }
        }
        assertThat(Cluster.byKey(PythonTools.decode(outputs))).isEqualTo(expected(24, 8));
        assertThat(ledger.check()).as("calls made again").isLessThanOrEqualTo(8 * PythonLedger.AT_A_TIME);
    }

    @Test
    void runsOfPythonAndJavaAreJournalledAsOne() throws Exception {
        final String plan = PythonTools.plan("MixedBooks", config("sqlite"));
        for (int failing = 1; failing <= 8; failing++) {
            Bookkeeper.reset();
            final PythonLedger ledger = ledger(failing);
            ledger.failAt(failing % 2 == 0 ? "raise" : "kill", failing);
            assertThat(attempts(Harness.Job.python("MixedBooks", plan), ledger.record("a", 1), "a/1 charge brought reconciled #1"))
                    .as("failures at step %s", failing)
                    .isEqualTo(ledger.hasFailed() ? 1 : 0);
            assertThat(ledger.check()).as("calls of Python made again").isLessThanOrEqualTo(1);
            assertThat(Bookkeeper.ledger()).as("calls of Java").hasSize(1);
        }
    }

    @Test
    void callsOfManyKeysAreUnderWayAtATime() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Meets", config("sqlite")).open()) {
            for (int i = 0; i < 3_000; i++) {
                harness.in(PythonTools.record("k" + i, List.of("loop", 3_000)));
            }
            assertThat(PythonTools.decode(harness.await(3_000))).hasSize(3_000).containsOnly("met");
        }
    }

    /** What it does to calls that hang, fail, end too late or are given up is what it does without a store. */
    @ParameterizedTest
    @ValueSource(strings = {"hang", "hang on the loop", "hang in place"})
    void aCallThatNeverReturnsFailsTheTaskByItsTimeLimit(final String what) throws Exception {
        final Map<String, Object> config = config("memory");
        config.put("call.timeout", "100 ms");
        try (Harness<String, byte[]> harness = PythonTools.job("Calls", config).open()) {
            harness.in(PythonTools.record("k", what));
            assertThatThrownBy(() -> harness.await(1)).hasMessageContaining("DurableCallTimeoutError: Durable call '");
        }
    }

    // ---- calls that are not as they should be

    @ParameterizedTest
    @ValueSource(strings = {"renamed", "other arguments"})
    void aRunThatDoesNotMatchItsJournalGoesOnWithoutOrFails(final String change) throws Exception {
        for (final String reaction : List.of("fail", "reexecute")) {
            final Map<String, Object> config = config("memory");
            config.put("action-state.on-divergence", reaction);
            final PythonLedger ledger = ledger(reaction);
            final byte[] record = PythonTools.record("a", List.of(directory.resolve(reaction).toString(), "made", 1));
            ledger.failAt("raise", 3);
            final Harness.Job<String, byte[]> job = PythonTools.job("OddCalls", config);
            try (Harness<String, byte[]> harness = job.open()) {
                harness.in(record);
                assertThatThrownBy(() -> harness.await(1)).hasMessageContaining("A failure that the test asked for");
            }
            ledger.write("changed", change);
            try (Harness<String, byte[]> harness = job.open()) {
                if (reaction.equals("reexecute")) {
                    harness.in(record);
                    assertThat(PythonTools.decode(harness.await(1))).containsExactly("made");
                    assertThat(ledger.check()).as("what comes after the difference").isEqualTo(1);
                } else {
                    assertThatThrownBy(() -> {
                                harness.in(record);
                                harness.await(1);
                            })
                            .hasMessageContaining("does not match its journal")
                            .hasMessageContaining("journalled_agents")
                            .hasMessageContaining(change.equals("renamed") ? "renamed" : "other arguments");
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "unpicklable,cannot be recorded",
        "unpicklable exception,raised ValueError",
        "large,a record of the journal has at most"
    })
    void whatCannotBeRecordedFailsTheTaskThoughTheActionGoesOn(final String what, final String why) throws Exception {
        final PythonLedger ledger = ledger("odd");
        try (Harness<String, byte[]> harness = PythonTools.job("OddCalls", config("sqlite")).open()) {
            harness.in(PythonTools.record("a", List.of(directory.resolve("odd").toString(), what, 1)));
            assertThatThrownBy(() -> harness.await(1))
                    .hasMessageContaining("Python action 'act' of agent 'OddCalls' failed")
                    .hasMessageContaining("Durable call 'journalled_agents.strange'")
                    .hasMessageContaining(why);
        }
        assertThat(ledger.lines("ledger")).as("what comes after it").isEmpty();
    }
}
