package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Snapshots, restores and rescaling while Python actions are in their worker: nothing is lost and nothing comes twice. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class PythonStateTest {
    static final int KEYS = 6;
    static final int PER_KEY = 5;

    @AfterEach
    void noWorkerIsLeft() {
        assertThat(PythonTools.workers()).isEmpty();
    }

    private static String key(final int index) {
        return "k" + index % KEYS;
    }

    static byte[] record(final int index) {
        return PythonTools.record(key(index), List.of(key(index), 3 + index % 4, "t" + index));
    }

    static List<String> expected(final int from, final int to) {
        final List<String> lines = new ArrayList<>();
        for (int index = from; index < to; index++) {
            lines.add(key(index) + "/t" + index + "#" + (index / KEYS + 1) + " after " + (3 + index % 4));
        }
        return Cluster.byKey(lines);
    }

    @ParameterizedTest
    @CsvSource({"Walker,0", "Walker,1", "Walker,2", "Walker,5", "AsyncWalker,0", "AsyncWalker,3", "AsyncWalker,6", "CallWalker,0", "CallWalker,3", "CallWalker,9"})
    void whatIsInTheWorkerAtASnapshotRunsAgainAfterARestore(final String agent, final int mails) throws Exception {
        final Harness.Job<String, byte[]> job = PythonTools.job(agent);
        final int all = KEYS * PER_KEY;
        final List<Object> outputs = new ArrayList<>();
        final OperatorSubtaskState state;
        try (Harness<String, byte[]> harness = job.open()) {
            for (int index = 0; index < all; index++) {
                harness.in(record(index));
            }
            for (int i = 0; i < mails; i++) {
                harness.awaitMail();
            }
            outputs.addAll(harness.out());
            assertThat(outputs).hasSizeLessThan(all);
            state = harness.snapshot(1);
            assertThat(harness.storedInFlight()).isPositive();
            // What comes after the snapshot is void with it.
            harness.awaitMail();
        }
        try (Harness<String, byte[]> harness = job.restore(state)) {
            for (int index = all; index < all + KEYS; index++) {
                harness.in(record(index));
            }
            outputs.addAll(harness.await(all + KEYS - outputs.size()));
            assertThat(harness.storedInFlight()).isZero();
        }
        assertThat(Cluster.byKey(PythonTools.decode(outputs))).isEqualTo(expected(0, all + KEYS));
    }

    @Test
    void aMixedRunGoesOnWhereItWas() throws Exception {
        final Harness.Job<String, byte[]> job = PythonTools.job("Mixed");
        for (int mails = 0; mails < 4; mails++) {
            final OperatorSubtaskState state;
            int before = 0;
            try (Harness<String, byte[]> harness = job.open()) {
                harness.in(PythonTools.record("k", 1));
                harness.in(PythonTools.record("k", 2));
                for (int i = 0; i < mails; i++) {
                    harness.awaitMail();
                }
                before = harness.out().size();
                state = harness.snapshot(1);
            }
            if (before == 2) {
                break;
            }
            try (Harness<String, byte[]> harness = job.restore(state)) {
                final List<Object> outputs = PythonTools.decode(harness.await(2 - before));
                assertThat(outputs.get(outputs.size() - 1)).hasToString(
                        "{trace=[python, java, python], value=2, count=6, seen=3, fields=[count, java], upstream=middle}");
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1,3", "3,1", "2,3"})
    void rescalingWithActionsInTheWorkerLosesAndRepeatsNothing(final int from, final int to) throws Exception {
        final Harness.Job<String, byte[]> job = PythonTools.job("Walker");
        final int all = KEYS * PER_KEY;
        final List<Object> outputs = new ArrayList<>();
        final OperatorSubtaskState[] states = new OperatorSubtaskState[from];
        for (int subtask = 0; subtask < from; subtask++) {
            try (Harness<String, byte[]> harness = job.open(null, from, subtask)) {
                for (int index = 0; index < all; index++) {
                    if (Harness.subtaskOf("s:" + key(index), from) == subtask) {
                        harness.in(record(index));
                    }
                }
                outputs.addAll(harness.out());
                states[subtask] = harness.snapshot(1);
            }
        }
        final OperatorSubtaskState merged = AbstractStreamOperatorTestHarness.repackageState(states);
        for (int subtask = 0; subtask < to; subtask++) {
            final OperatorSubtaskState own =
                    AbstractStreamOperatorTestHarness.repartitionOperatorState(merged, Harness.MAX_PARALLELISM, from, to, subtask);
            try (Harness<String, byte[]> harness = job.open(own, to, subtask)) {
                harness.flink().endInput();
                outputs.addAll(harness.out());
            }
        }
        assertThat(Cluster.byKey(PythonTools.decode(outputs))).isEqualTo(expected(0, all));
    }

    @ParameterizedTest
    @ValueSource(strings = {"Walker", "AsyncWalker", "CallWalker"})
    void nothingOfTheWorkerCountsAfterTheSnapshotOfAJobThatStops(final String agent) throws Exception {
        final Harness.Job<String, byte[]> job = PythonTools.job(agent);
        final int all = KEYS * PER_KEY;
        final OperatorSubtaskState state;
        try (Harness<String, byte[]> harness = job.open()) {
            for (int index = 0; index < all; index++) {
                harness.in(record(index));
            }
            harness.out();
            state = harness.flink().snapshotWithLocalState(7, 7, Harness.STOP).getJobManagerOwnedState();
            harness.awaitMail();
            harness.mails();
            assertThat(harness.everything()).isEmpty();

            harness.flink().getOperator().notifyCheckpointAborted(7);
            assertThat(Cluster.byKey(PythonTools.decode(harness.await(all)))).isEqualTo(expected(0, all));
        }
        try (Harness<String, byte[]> harness = job.restore(state)) {
            harness.flink().endInput();
            assertThat(Cluster.byKey(PythonTools.decode(harness.out()))).isEqualTo(expected(0, all));
        }
    }

    @Test
    void watermarksWaitForPythonActions() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Walker").open()) {
            harness.in(record(0), 5);
            harness.watermark(6);
            assertThat(harness.everything()).isEmpty();
            harness.flink().endInput();
            assertThat(harness.everything().toString()).matches("\\[Record @ 5 : .*, Watermark @ 6]");
        }
    }
}
