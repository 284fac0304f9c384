package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Collectors;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.jobgraph.OperatorID;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.LatencyMarker;
import org.apache.flink.streaming.runtime.streamrecord.RecordAttributes;
import org.apache.flink.streaming.runtime.streamrecord.RecordAttributesBuilder;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.junit.jupiter.api.Test;

/** Timestamps, and what stands between the records of a stream. */
class MarkersTest {
    private static final int LONG = 8 * Harness.SLICE;

    private static String text(final Object element) {
        if (element instanceof StreamRecord) {
            final StreamRecord<?> record = (StreamRecord<?>) element;
            return record.getValue() + (record.hasTimestamp() ? " @" + record.getTimestamp() : " @none");
        }
        if (element instanceof Watermark) {
            return "watermark " + ((Watermark) element).getTimestamp();
        }
        if (element instanceof WatermarkStatus) {
            return ((WatermarkStatus) element).isIdle() ? "idle" : "active";
        }
        if (element instanceof RecordAttributes) {
            return "backlog " + ((RecordAttributes) element).isBacklog();
        }
        return element.getClass().getSimpleName();
    }

    private static List<String> taken(final Harness<?, ?> flink) {
        return flink.everything().stream().map(MarkersTest::text).collect(Collectors.toList());
    }

    private static RecordAttributes backlog(final boolean backlog) {
        return new RecordAttributesBuilder(List.of()).setBacklog(backlog).build();
    }

    @Test
    void anOutputHasTheTimestampOfItsInputOrNone() throws Exception {
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.in("k/1/a", 41);
            flink.in("k/1/b");
            flink.in("k/1/c", 0);
            flink.in("k/1/d", Long.MIN_VALUE);
            assertThat(taken(flink))
                    .containsExactly(
                            "k/a#1 after 1 @41", "k/b#2 after 1 @none", "k/c#3 after 1 @0", "k/d#4 after 1 @" + Long.MIN_VALUE);
        }
    }

    @Test
    void timestampsOfUnfinishedRunsAndWaitingInputsAreRestored() throws Exception {
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.in("k/" + LONG + "/a", 41);
            flink.in("k/1/b", 42);
            flink.in("k/1/c");
            state = flink.snapshot(1);
        }
        try (Harness<String, String> flink = Harness.walkers().restore(state)) {
            flink.mails();
            assertThat(taken(flink))
                    .containsExactly("k/a#1 after " + LONG + " @41", "k/b#2 after 1 @42", "k/c#3 after 1 @none");
        }
    }

    @Test
    void aWatermarkPassesAtOnceWhenNothingIsUnfinished() throws Exception {
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.watermark(1);
            flink.in("k/1/a", 2);
            flink.watermark(3);
            assertThat(taken(flink)).containsExactly("watermark 1", "k/a#1 after 1 @2", "watermark 3");
        }
    }

    @Test
    void aWatermarkWaitsForEveryRunThatArrivedBeforeItAndForNoOther() throws Exception {
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.in("k/" + LONG + "/a", 1);
            flink.watermark(10);
            flink.in("l/" + 3 * LONG + "/a", 11);
            flink.watermark(20);
            flink.in("m/1/a", 21);
            assertThat(taken(flink)).as("k and l are unfinished").containsExactly("m/a#1 after 1 @21");
            flink.mails();
            assertThat(taken(flink))
                    .containsExactly("k/a#1 after " + LONG + " @1", "watermark 10", "l/a#1 after " + 3 * LONG + " @11", "watermark 20");
        }
    }

    @Test
    void aWatermarkWaitsForInputsThatWaitBehindABusyKey() throws Exception {
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.in("k/" + LONG + "/a", 1);
            flink.in("k/" + LONG + "/b", 2);
            flink.watermark(10);
            flink.mails();
            assertThat(taken(flink))
                    .containsExactly("k/a#1 after " + LONG + " @1", "k/b#2 after " + LONG + " @2", "watermark 10");
        }
    }

    @Test
    void restoredRunsHoldTheFirstWatermark() throws Exception {
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.in("k/" + LONG + "/a", 1);
            state = flink.snapshot(1);
        }
        try (Harness<String, String> flink = Harness.walkers().restore(state)) {
            flink.watermark(5);
            assertThat(taken(flink)).isEmpty();
            flink.mails();
            assertThat(taken(flink)).containsExactly("k/a#1 after " + LONG + " @1", "watermark 5");
        }
    }

    @Test
    void idlenessAndRecordAttributesKeepTheirPlace() throws Exception {
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.flink().processRecordAttributes(backlog(true));
            flink.flink().processWatermarkStatus(WatermarkStatus.IDLE);
            flink.flink().processWatermarkStatus(WatermarkStatus.ACTIVE);
            assertThat(taken(flink)).containsExactly("backlog true", "idle", "active");

            flink.in("k/" + LONG + "/a", 1);
            flink.watermark(10);
            flink.flink().processRecordAttributes(backlog(false));
            flink.flink().processRecordAttributes(backlog(true));
            flink.flink().processWatermarkStatus(WatermarkStatus.IDLE);
            assertThat(taken(flink)).isEmpty();
            flink.mails();
            assertThat(taken(flink))
                    .containsExactly("k/a#1 after " + LONG + " @1", "watermark 10", "backlog false", "backlog true", "idle");
        }
    }

    @Test
    @SuppressWarnings("unchecked")
    void latencyMarkersPassAtOnce() throws Exception {
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.in("k/" + LONG + "/a", 1);
            flink.watermark(10);
            ((OneInputStreamOperator<String, Object>) (Object) flink.flink().getOperator())
                    .processLatencyMarker(new LatencyMarker(1, new OperatorID(), 0));
            assertThat(taken(flink)).containsExactly("LatencyMarker");
        }
    }

    @Test
    void theEndOfTheInputComesAfterAllOutputsAndMarkers() throws Exception {
        try (Harness<String, String> flink = Harness.walkers().open()) {
            flink.in("k/" + LONG + "/a", 1);
            flink.in("k/" + LONG + "/b", 2);
            flink.watermark(Long.MAX_VALUE);
            flink.flink().endInput();
            assertThat(taken(flink))
                    .containsExactly(
                            "k/a#1 after " + LONG + " @1", "k/b#2 after " + LONG + " @2", "watermark " + Long.MAX_VALUE);
        }
    }
}
