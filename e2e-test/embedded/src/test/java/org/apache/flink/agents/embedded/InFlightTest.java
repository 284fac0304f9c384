package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Runs that are unfinished when a checkpoint is taken. */
class InFlightTest {
    /** Longer than a mail: such a run is in flight when the call that brought its input returns. */
    private static final int LONG = 3 * Harness.SLICE;

    private static Harness.Job<String, String> job(final String backend, final boolean reuse) {
        return Harness.walkers().with(flink -> {
            if (backend.equals("rocksdb")) {
                flink.setStateBackend(new EmbeddedRocksDBStateBackend());
            }
            if (reuse) {
                flink.getExecutionConfig().enableObjectReuse();
            }
        });
    }

    private static List<String> inputs(final int keys, final int perKey, final int steps) {
        final List<String> inputs = new ArrayList<>();
        for (int i = 0; i < perKey; i++) {
            for (int key = 0; key < keys; key++) {
                inputs.add("k" + key + "/" + (steps + i) + "/" + (char) ('a' + i));
            }
        }
        return inputs;
    }

    /** Outputs of each key in order; keys may come in any order. */
    private static List<String> byKey(final List<?> outputs) {
        return outputs.stream()
                .map(Object::toString)
                .sorted((a, b) -> TestAgents.keyOf(a).compareTo(TestAgents.keyOf(b)))
                .collect(Collectors.toList());
    }

    private static List<String> expected(final List<String> inputs) {
        return byKey(TestAgents.walked(inputs));
    }

    @Test
    void aRunLongerThanAMailGoesOnInMails() throws Exception {
        try (Harness<String, String> flink = job("heap", false).open()) {
            flink.in("k/" + LONG + "/a");
            assertThat(flink.out()).isEmpty();
            int mails = 0;
            while (flink.mail()) {
                mails++;
            }
            assertThat(mails).isEqualTo(3);
            assertThat(flink.out()).containsExactly("k/a#1 after " + LONG);
        }
    }

    @ParameterizedTest
    @CsvSource({"heap,false", "heap,true", "rocksdb,false", "rocksdb,true"})
    void unfinishedRunsAndWaitingInputsAreRestoredInOrder(final String backend, final boolean reuse) throws Exception {
        final List<String> inputs = inputs(5, 3, LONG);
        final OperatorSubtaskState state;
        final List<Object> outputs = new ArrayList<>();
        try (Harness<String, String> flink = job(backend, reuse).open()) {
            for (final String input : inputs) {
                flink.in(input);
            }
            for (int i = 0; i < 10; i++) {
                assertThat(flink.mail()).isTrue();
            }
            state = flink.snapshot(1);
            assertThat(flink.storedInFlight()).isEqualTo(5);
            outputs.addAll(flink.out());
        }
        try (Harness<String, String> flink = job(backend, reuse).restore(state)) {
            assertThat(flink.everything()).as("nothing runs in open()").isEmpty();
            flink.in("k0/2/z");
            flink.mails();
            outputs.addAll(flink.out());
            assertThat(flink.storedInFlight()).isZero();
        }
        inputs.add("k0/2/z");
        assertThat(byKey(outputs)).isEqualTo(expected(inputs));
    }

    @ParameterizedTest
    @CsvSource({"heap", "rocksdb"})
    void everySnapshotBetweenTwoMailsGivesTheSameOutputs(final String backend) throws Exception {
        final List<String> inputs = inputs(3, 2, Harness.SLICE / 2);
        boolean last = false;
        for (int cut = 0; !last; cut++) {
            final List<Object> outputs = new ArrayList<>();
            final OperatorSubtaskState state;
            try (Harness<String, String> flink = job(backend, false).open()) {
                for (final String input : inputs) {
                    flink.in(input);
                }
                for (int i = 0; i < cut; i++) {
                    last |= !flink.mail();
                }
                outputs.addAll(flink.out());
                state = flink.snapshot(1);
                flink.mails();
                assertThat(outputs.size() + flink.out().size()).isEqualTo(inputs.size());
            }
            try (Harness<String, String> flink = job(backend, false).restore(state)) {
                flink.mails();
                outputs.addAll(flink.out());
            }
            assertThat(byKey(outputs)).as("snapshot after mail %s", cut).isEqualTo(expected(inputs));
        }
    }

    @Test
    void theStateOfAnIdleKeyIsDeletedAndASecondRestoreFindsNothing() throws Exception {
        OperatorSubtaskState state;
        try (Harness<String, String> flink = job("heap", false).open()) {
            flink.in("k/" + LONG + "/a");
            flink.in("l/" + LONG + "/a");
            flink.snapshot(1);
            assertThat(flink.storedInFlight()).isEqualTo(2);
            flink.mails();
            assertThat(flink.storedInFlight()).isZero();
            state = flink.snapshot(2);
            flink.out();
        }
        try (Harness<String, String> flink = job("heap", false).restore(state)) {
            assertThat(flink.mail()).as("nothing to go on with").isFalse();
            flink.in("k/1/b");
            assertThat(flink.out()).containsExactly("k/b#2 after 1");
        }
    }

    @Test
    void aKeyWithoutUnfinishedRunsIsNotWritten() throws Exception {
        try (Harness<String, String> flink = job("heap", false).open()) {
            flink.in("k/1/a");
            flink.snapshot(1);
            assertThat(flink.storedInFlight()).isZero();
        }
    }

    @Test
    void aCheckpointAfterAnAbortedOneHoldsEverything() throws Exception {
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = job("heap", false).open()) {
            flink.in("k/" + LONG + "/a");
            flink.snapshot(1);
            flink.flink().getOperator().notifyCheckpointAborted(1);
            flink.in("l/" + LONG + "/a");
            state = flink.snapshot(2);
        }
        try (Harness<String, String> flink = job("heap", false).restore(state)) {
            flink.mails();
            assertThat(byKey(flink.out())).containsExactly("k/a#1 after " + LONG, "l/a#1 after " + LONG);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,2", "1,4", "2,1", "4,2", "3,2"})
    void rescalingWithRunsInFlightLosesAndRepeatsNothing(final int from, final int to) throws Exception {
        final List<String> inputs = inputs(12, 2, LONG);
        final KeySelector<String, String> selector = TestAgents::keyOf;
        final List<Object> outputs = new ArrayList<>();
        final OperatorSubtaskState[] states = new OperatorSubtaskState[from];
        for (int subtask = 0; subtask < from; subtask++) {
            try (Harness<String, String> flink = job("heap", false).open(null, from, subtask)) {
                for (final String input : inputs) {
                    if (Harness.subtaskOf(selector.getKey(input), from) == subtask) {
                        flink.in(input);
                    }
                }
                for (int i = 0; i < 7; i++) {
                    flink.mail();
                }
                outputs.addAll(flink.out());
                states[subtask] = flink.snapshot(1);
            }
        }
        final OperatorSubtaskState all = AbstractStreamOperatorTestHarness.repackageState(states);
        for (int subtask = 0; subtask < to; subtask++) {
            final OperatorSubtaskState own =
                    AbstractStreamOperatorTestHarness.repartitionOperatorState(all, Harness.MAX_PARALLELISM, from, to, subtask);
            try (Harness<String, String> flink = job("heap", false).open(own, to, subtask)) {
                flink.mails();
                outputs.addAll(flink.out());
            }
        }
        assertThat(byKey(outputs)).isEqualTo(expected(inputs));
    }
}
