package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.core.execution.SavepointFormatType;
import org.junit.jupiter.api.Test;

/** Stop-with-savepoint: what was in the savepoint must not happen in the job that stops as well. */
class StopTest {
    private static final int LONG = 2 * Harness.SLICE;

    private static OperatorSubtaskState stop(final Harness<String, String> flink, final long checkpoint) throws Exception {
        return flink.flink().snapshotWithLocalState(checkpoint, checkpoint, Harness.STOP).getJobManagerOwnedState();
    }

    @Test
    void afterTheSnapshotNothingRunsAndNothingIsEmitted() throws Exception {
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.in("k/" + LONG + "/a", 1);
            state = stop(flink, 7);
            flink.watermark(10);
            flink.mails();
            assertThat(flink.everything()).isEmpty();
        }
        try (Harness<String, String> flink = Harness.walkers().restore(state)) {
            flink.mails();
            assertThat(flink.out()).containsExactly("k/a#1 after " + LONG);
        }
    }

    @Test
    void anAbortedSavepointLetsTheJobGoOn() throws Exception {
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.in("k/" + LONG + "/a", 1);
            stop(flink, 7);
            flink.watermark(10);
            flink.mails();
            flink.flink().getOperator().notifyCheckpointAborted(6);
            flink.mails();
            assertThat(flink.everything()).as("another checkpoint was aborted").isEmpty();

            flink.flink().getOperator().notifyCheckpointAborted(7);
            flink.mails();
            assertThat(flink.out()).containsExactly("k/a#1 after " + LONG);
            flink.in("k/1/b", 1);
            assertThat(flink.out()).containsExactly("k/b#2 after 1");
            assertThat(flink.storedInFlight()).isZero();
        }
    }

    @Test
    void anOrdinarySavepointStopsNothing() throws Exception {
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.in("k/" + LONG + "/a", 1);
            flink.flink().snapshotWithLocalState(1, 1, SavepointType.savepoint(SavepointFormatType.CANONICAL));
            flink.mails();
            assertThat(flink.out()).containsExactly("k/a#1 after " + LONG);
        }
    }

    @Test
    void withDrainEverythingIsOutBeforeTheSavepoint() throws Exception {
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.in("k/" + LONG + "/a");
            flink.in("k/" + LONG + "/b");
            flink.flink().endInput();
            assertThat(flink.out()).containsExactly("k/a#1 after " + LONG, "k/b#2 after " + LONG);
            state = flink.flink()
                    .snapshotWithLocalState(1, 1, SavepointType.terminate(SavepointFormatType.NATIVE))
                    .getJobManagerOwnedState();
            assertThat(flink.storedInFlight()).isZero();
        }
        try (Harness<String, String> flink = Harness.walkers().restore(state)) {
            assertThat(flink.mail()).isFalse();
            flink.in("k/1/c");
            assertThat(flink.out()).containsExactly("k/c#3 after 1");
        }
    }

    @Test
    void mailsAfterCloseDoNothing() throws Exception {
        final Harness<String, String> flink = Harness.walkers().open();
        flink.in("k/" + LONG + "/a");
        flink.flink().getOperator().close();
        flink.mails();
        assertThat(flink.out()).isEmpty();
        flink.flink().getOperator().close();
    }
}
