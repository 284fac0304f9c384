package org.example.embedding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.tasks.mailbox.TaskMailbox;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import org.junit.jupiter.api.Test;

class CoreOperatorTest {
    private static final int ALL_AT_ONCE = 256;
    private static final int MAX_PARALLELISM = 16;

    private static final class Harness
            extends KeyedOneInputStreamOperatorTestHarness<String, Map<String, Object>, Map<String, Object>> {
        Harness(final Map<String, Step> steps, final int slice) throws Exception {
            this(steps, slice, 1, 0);
        }

        Harness(final Map<String, Step> steps, final int slice, final int subtasks, final int index) throws Exception {
            super(
                    new CoreOperatorFactory(OrderTotals.plan(), steps, slice),
                    order -> (String) order.get("customer"),
                    Types.STRING,
                    MAX_PARALLELISM,
                    subtasks,
                    index);
        }

        static Harness open(final int slice) throws Exception {
            final Harness harness = new Harness(OrderTotals.steps(), slice);
            harness.open();
            return harness;
        }

        static Harness restored(final OperatorSubtaskState state, final int slice) throws Exception {
            final Harness harness = new Harness(OrderTotals.steps(), slice);
            harness.initializeState(state);
            harness.open();
            return harness;
        }

        void order(final String customer, final double amount, final long timestamp) throws Exception {
            processElement(new StreamRecord<>(Map.of("customer", customer, "amount", amount), timestamp));
        }

        void runMails() throws Exception {
            while (getTaskMailbox().hasMail()) {
                getTaskMailbox().take(TaskMailbox.MIN_PRIORITY).run();
            }
        }

        int inFlight() {
            return ((CoreOperator) getOneInputOperator()).inFlight();
        }

        /** Reports and watermarks as texts, in the order they left the operator. */
        List<String> out() {
            final List<String> out = new ArrayList<>();
            for (final Object element : getOutput()) {
                if (element instanceof StreamRecord) {
                    final StreamRecord<?> record = (StreamRecord<?>) element;
                    final Map<?, ?> report = (Map<?, ?>) record.getValue();
                    out.add(report.get("customer") + " " + report.get("total") + " @" + record.getTimestamp());
                } else {
                    out.add("watermark " + ((Watermark) element).getTimestamp());
                }
            }
            return out;
        }
    }

    @Test
    void everyKeyHasItsMemoryAndItsOrder() throws Exception {
        try (Harness harness = Harness.open(ALL_AT_ONCE)) {
            harness.order("ann", 60, 1);
            harness.order("bob", 150, 2);
            harness.order("ann", 50, 3);
            harness.order("ann", 1, 4);
            assertThat(harness.out()).containsExactly("bob 150.0 @2", "ann 110.0 @3", "ann 111.0 @4");
            assertThat(harness.inFlight()).isZero();
        }
    }

    @Test
    void aWatermarkWaitsForTheRunsBeforeIt() throws Exception {
        try (Harness harness = Harness.open(1)) {
            harness.order("ann", 100, 1);
            harness.order("ann", 100, 2);
            harness.processWatermark(new Watermark(5));
            assertThat(harness.inFlight()).isPositive();
            assertThat(harness.out()).doesNotContain("watermark 5");
            harness.runMails();
            assertThat(harness.out()).containsExactly("ann 100.0 @1", "ann 200.0 @2", "watermark 5");
        }
    }

    @Test
    void unfinishedRunsGoOnAfterARestore() throws Exception {
        final OperatorSubtaskState state;
        final List<String> before;
        try (Harness harness = Harness.open(1)) {
            harness.order("ann", 60, 1);
            harness.order("ann", 70, 2);
            harness.order("bob", 200, 3);
            harness.order("ann", 80, 4);
            state = harness.snapshot(1, 1);
            before = harness.out();
            assertThat(harness.inFlight()).isPositive();
        }
        try (Harness harness = Harness.restored(state, 1)) {
            assertThat(harness.inFlight()).isPositive();
            harness.runMails();
            harness.order("ann", 1, 5);
            harness.runMails();
            final List<String> all = new ArrayList<>(before);
            all.addAll(harness.out());
            assertThat(all.stream().filter(line -> line.startsWith("ann")))
                    .containsExactly("ann 130.0 @2", "ann 210.0 @4", "ann 211.0 @5");
            assertThat(all.stream().filter(line -> line.startsWith("bob"))).containsExactly("bob 200.0 @3");
            // Of the two idle keys nothing is left but the map of their memory.
            assertThat(harness.numKeyedStateEntries()).isEqualTo(2);
        }
    }

    @Test
    void unfinishedRunsGoToTheSubtaskOfTheirKeyWhenTheJobIsRescaled() throws Exception {
        final OperatorSubtaskState state;
        final List<String> expected = new ArrayList<>();
        try (Harness harness = Harness.open(1)) {
            for (int customer = 0; customer < 8; customer++) {
                harness.order("c" + customer, 100, customer);
                expected.add("c" + customer + " 100.0 @" + customer);
            }
            state = harness.snapshot(1, 1);
            expected.removeAll(harness.out());
            assertThat(expected).hasSize(harness.inFlight());
        }
        final List<String> out = new ArrayList<>();
        for (int index = 0; index < 2; index++) {
            try (Harness harness = new Harness(OrderTotals.steps(), 1, 2, index)) {
                harness.initializeState(Harness.repartitionOperatorState(state, MAX_PARALLELISM, 1, 2, index));
                harness.open();
                assertThat(harness.inFlight()).isPositive();
                harness.runMails();
                out.addAll(harness.out());
            }
        }
        assertThat(out).containsExactlyInAnyOrderElementsOf(expected);
    }

    @Test
    void nothingHappensAfterTheSavepointThatEndsTheJobUnlessItFails() throws Exception {
        try (Harness harness = Harness.open(1)) {
            harness.order("ann", 100, 1);
            harness.snapshotWithLocalState(7, 7, SavepointType.suspend(SavepointFormatType.CANONICAL));
            harness.runMails();
            assertThat(harness.out()).isEmpty();
            harness.getOneInputOperator().notifyCheckpointAborted(7);
            harness.runMails();
            assertThat(harness.out()).containsExactly("ann 100.0 @1");
        }
    }

    @Test
    void theEndOfTheInputWaitsForAllRuns() throws Exception {
        try (Harness harness = Harness.open(1)) {
            harness.order("ann", 100, 1);
            harness.order("ann", 100, 2);
            harness.endInput();
            assertThat(harness.out()).containsExactly("ann 100.0 @1", "ann 200.0 @2");
        }
    }

    @Test
    void aStepThatThrowsFailsTheTaskByName() throws Exception {
        final Map<String, Step> steps =
                Map.of(
                        "add",
                        (event, context) -> {
                            throw new IllegalArgumentException("no amount");
                        },
                        "report",
                        (event, context) -> context.output(event));
        try (Harness harness = new Harness(steps, ALL_AT_ONCE)) {
            harness.open();
            assertThatThrownBy(() -> harness.order("ann", 1, 1))
                    .hasMessageContaining("Action 'add' failed")
                    .hasRootCauseMessage("no amount");
        }
    }
}
