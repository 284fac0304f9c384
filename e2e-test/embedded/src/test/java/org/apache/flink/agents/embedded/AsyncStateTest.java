package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The operator with actions that wait for calls: checkpoints, stops, rescaling, watermarks, limits. */
@Timeout(value = 120, threadMode = ThreadMode.SEPARATE_THREAD)
class AsyncStateTest {
    @BeforeEach
    void forget() {
        Asker.reset();
    }

    @AfterEach
    void nothingIsLeft() {
        Asker.open();
        Asker.awaitNoThreads();
    }

    private static Harness.Job<String, String> job(final Map<String, ?> config) {
        return new Harness.Job<>(new Asker(), TestAgents::keyOf, String.class, String.class, config);
    }

    private static Harness.Job<String, String> job() {
        return job(Map.of());
    }

    private static List<String> inputs(final int keys, final String tag) {
        return IntStream.range(0, keys).mapToObj(key -> "k" + key + "/" + tag).collect(Collectors.toList());
    }

    private static List<String> numbered(final List<String> inputs, final int count) {
        return inputs.stream().map(input -> input + "#" + count).collect(Collectors.toList());
    }

    private static void in(final Harness<String, String> flink, final List<String> inputs) throws Exception {
        for (final String input : inputs) {
            flink.in(input);
        }
    }

    private static OperatorSubtaskState stop(final Harness<String, String> flink, final long checkpoint) throws Exception {
        return flink.flink().snapshotWithLocalState(checkpoint, checkpoint, Harness.STOP).getJobManagerOwnedState();
    }

    @Test
    void aCheckpointWithAThousandCallsInFlightHasTheirRunsAndWaitsForNone() throws Exception {
        final List<String> inputs = inputs(1000, "a");
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = job().open()) {
            in(flink, inputs);
            Asker.awaitBegun(1000);
            final long begin = System.nanoTime();
            state = flink.snapshot(1);
            assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(5));
            assertThat(Asker.UNDER_WAY.get()).as("none has ended").isEqualTo(1000);
            assertThat(flink.storedInFlight()).isEqualTo(1000);
            assertThat(flink.everything()).isEmpty();
        }
        assertThat(Asker.INTERRUPTED.availablePermits()).as("closing ends the calls").isEqualTo(1000);
        try (Harness<String, String> flink = job().restore(state)) {
            Asker.open();
            assertThat(flink.await(1000)).containsExactlyInAnyOrderElementsOf(numbered(inputs, 1));
            flink.mails();
            assertThat(flink.storedInFlight()).isZero();
        }
        assertThat(Asker.BEGINNINGS).hasSize(1000).allSatisfy((input, times) -> assertThat(times).as(input).isEqualTo(2));
    }

    @Test
    void theJobThatGoesOnAfterACheckpointRepeatsNothing() throws Exception {
        final List<String> inputs = inputs(20, "a");
        try (Harness<String, String> flink = job().open()) {
            in(flink, inputs);
            Asker.awaitBegun(20);
            flink.snapshot(1);
            Asker.open();
            assertThat(flink.await(20)).containsExactlyInAnyOrderElementsOf(numbered(inputs, 1));
            in(flink, inputs(20, "b"));
            assertThat(flink.await(20)).containsExactlyInAnyOrderElementsOf(numbered(inputs(20, "b"), 2));
        }
        assertThat(Asker.BEGINNINGS).hasSize(40).allSatisfy((input, times) -> assertThat(times).isEqualTo(1));
    }

    @Test
    void inputsThatWaitBehindAWaitingRunAreRestoredInOrder() throws Exception {
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = job().open()) {
            in(flink, List.of("k/a", "k/b", "k/c"));
            Asker.awaitBegun(1);
            state = flink.snapshot(1);
        }
        Asker.open();
        try (Harness<String, String> flink = job().restore(state)) {
            assertThat(flink.await(3)).containsExactly("k/a#1", "k/b#2", "k/c#3");
        }
        assertThat(Asker.BEGINNINGS).containsEntry("k/a", 2).containsEntry("k/b", 1).containsEntry("k/c", 1);
    }

    @Test
    void theEndOfTheInputWaitsForPendingCalls() throws Exception {
        try (Harness<String, String> flink = job().open()) {
            in(flink, inputs(10, "a"));
            in(flink, inputs(10, "b"));
            Asker.awaitBegun(10);
            final Thread other = Asker.onceItWaits(Thread.currentThread(), Asker::open);
            flink.flink().endInput();
            other.join();
            assertThat(flink.out()).hasSize(20).containsAll((Iterable<Object>) (Iterable<?>) numbered(inputs(10, "b"), 2));
        }
    }

    // ---- stop-with-savepoint

    @Test
    void afterTheSnapshotOfAStopCallsBringNothing() throws Exception {
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = job().open()) {
            in(flink, inputs(10, "a"));
            Asker.awaitBegun(10);
            state = stop(flink, 7);
            flink.watermark(10);
            Asker.open();
            Asker.until("all calls have ended", () -> Asker.UNDER_WAY.get() == 0);
            flink.mails();
            assertThat(flink.everything()).isEmpty();
        }
        try (Harness<String, String> flink = job().restore(state)) {
            assertThat(flink.await(10)).containsExactlyInAnyOrderElementsOf(numbered(inputs(10, "a"), 1));
        }
        assertThat(Asker.BEGINNINGS).hasSize(10).allSatisfy((input, times) -> assertThat(times).isEqualTo(2));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void anAbortedStopLetsWaitingRunsGoOn(final boolean callsEndBefore) throws Exception {
        try (Harness<String, String> flink = job().open()) {
            in(flink, inputs(10, "a"));
            Asker.awaitBegun(10);
            stop(flink, 7);
            if (callsEndBefore) {
                Asker.open();
                Asker.until("all calls have ended", () -> Asker.UNDER_WAY.get() == 0);
                flink.mails();
            }
            flink.flink().getOperator().notifyCheckpointAborted(7);
            Asker.open();
            assertThat(flink.await(10)).containsExactlyInAnyOrderElementsOf(numbered(inputs(10, "a"), 1));
        }
        assertThat(Asker.BEGINNINGS).hasSize(10).allSatisfy((input, times) -> assertThat(times).isEqualTo(1));
    }

    @Test
    void aStopWithDrainHasEverythingOutBeforeIt() throws Exception {
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = job().open()) {
            in(flink, inputs(10, "a"));
            Asker.awaitBegun(10);
            final Thread other = Asker.onceItWaits(Thread.currentThread(), Asker::open);
            flink.flink().endInput();
            other.join();
            assertThat(flink.out()).hasSize(10);
            state = flink.flink()
                    .snapshotWithLocalState(1, 1, SavepointType.terminate(SavepointFormatType.CANONICAL))
                    .getJobManagerOwnedState();
            assertThat(flink.storedInFlight()).isZero();
        }
        try (Harness<String, String> flink = job().restore(state)) {
            assertThat(flink.mail()).isFalse();
            flink.in("k3/b");
            assertThat(flink.await(1)).containsExactly("k3/b#2");
        }
    }

    // ---- rescaling

    @ParameterizedTest
    @CsvSource({"1,2", "1,4", "2,1", "4,3"})
    void rescalingWithCallsPendingLosesAndRepeatsNothing(final int from, final int to) throws Exception {
        final List<String> inputs = inputs(24, "a");
        final OperatorSubtaskState[] states = new OperatorSubtaskState[from];
        for (int subtask = 0; subtask < from; subtask++) {
            final int own = subtask;
            final List<String> mine = inputs.stream()
                    .filter(input -> Harness.subtaskOf(TestAgents.keyOf(input), from) == own)
                    .collect(Collectors.toList());
            try (Harness<String, String> flink = job().open(null, from, subtask)) {
                in(flink, mine);
                Asker.awaitBegun(mine.size());
                states[subtask] = flink.snapshot(1);
                assertThat(flink.out()).isEmpty();
            }
        }
        Asker.open();
        final List<Object> outputs = new ArrayList<>();
        final OperatorSubtaskState all = AbstractStreamOperatorTestHarness.repackageState(states);
        for (int subtask = 0; subtask < to; subtask++) {
            final int own = subtask;
            final OperatorSubtaskState state =
                    AbstractStreamOperatorTestHarness.repartitionOperatorState(all, Harness.MAX_PARALLELISM, from, to, subtask);
            try (Harness<String, String> flink = job().open(state, to, subtask)) {
                outputs.addAll(flink.await((int) inputs.stream()
                        .filter(input -> Harness.subtaskOf(TestAgents.keyOf(input), to) == own)
                        .count()));
                flink.mails();
                outputs.addAll(flink.out());
            }
        }
        assertThat(outputs).containsExactlyInAnyOrderElementsOf(numbered(inputs, 1));
    }

    // ---- markers and limits

    @Test
    void aWatermarkWaitsForTheRunsBeforeIt() throws Exception {
        try (Harness<String, String> flink = job().open()) {
            flink.watermark(1);
            assertThat(flink.everything()).containsExactly(new Watermark(1));
            flink.in("a/1", 5);
            flink.in("b/1", 6);
            flink.watermark(7);
            flink.in("c/1", 8);
            flink.watermark(9);
            Asker.awaitBegun(3);
            flink.mails();
            assertThat(flink.everything()).isEmpty();

            Asker.open();
            final List<Object> all = new ArrayList<>();
            while (all.size() < 5) {
                flink.awaitMail();
                all.addAll(flink.everything());
            }
            assertThat(all).contains(new StreamRecord<>("a/1#1", 5), new StreamRecord<>("b/1#1", 6), new StreamRecord<>("c/1#1", 8));
            assertThat(all.indexOf(new Watermark(7)))
                    .isGreaterThan(all.indexOf(new StreamRecord<>("a/1#1", 5)))
                    .isGreaterThan(all.indexOf(new StreamRecord<>("b/1#1", 6)));
            assertThat(all.get(4)).isEqualTo(new Watermark(9));
        }
    }

    @Test
    void atTheLimitOfRunsInputWaitsUntilOneEnds() throws Exception {
        try (Harness<String, String> flink = job(Map.of("max-in-flight", 3)).open()) {
            in(flink, List.of("a/1", "b/1", "c/1"));
            Asker.awaitBegun(3);
            assertThat(flink.out()).isEmpty();
            for (final String next : List.of("d/1", "e/1", "f/1")) {
                final Thread other = Asker.onceItWaits(Thread.currentThread(), Asker.GATE::release);
                flink.in(next);
                other.join();
                assertThat(flink.out()).as("as many have ended as were taken").hasSize(1);
                Asker.awaitBegun(1);
            }
            Asker.open();
            assertThat(flink.await(3)).hasSize(3);
        }
        assertThat(Asker.MOST_UNDER_WAY.get()).isBetween(3, 4);
    }

    @Test
    void aCheckpointAtTheLimitOfRunsIsTakenWhileInputWaits() throws Exception {
        try (Harness<String, String> flink = job(Map.of("max-in-flight", 2)).open()) {
            in(flink, List.of("a/1", "b/1"));
            Asker.awaitBegun(2);
            final List<OperatorSubtaskState> states = Collections.synchronizedList(new ArrayList<>());
            flink.onMailbox(() -> {
                try {
                    states.add(flink.snapshot(1));
                } catch (final Exception e) {
                    throw new IllegalStateException(e);
                }
                Asker.open();
            });
            flink.in("c/1");
            assertThat(states).hasSize(1);
            try (Harness<String, String> restored = job().restore(states.get(0))) {
                assertThat(restored.await(3)).containsExactlyInAnyOrder("a/1#1", "b/1#1", "c/1#1");
            }
        }
    }

    // ---- the end

    @Test
    void closingEndsPendingCallsAndTheirActions() throws Exception {
        final Harness<String, String> flink = job().open();
        in(flink, inputs(50, "a"));
        Asker.awaitBegun(50);
        flink.flink().getOperator().close();
        Asker.until("all were interrupted", () -> Asker.INTERRUPTED.availablePermits() == 50);
        flink.mails();
        assertThat(flink.out()).isEmpty();
        flink.flink().getOperator().close();
    }

    @Test
    void fiftyOperatorsLeaveNothing() throws Exception {
        for (int round = 0; round < 50; round++) {
            try (Harness<String, String> flink = job().open()) {
                in(flink, inputs(4, "a"));
                Asker.awaitBegun(4);
            }
        }
        Asker.awaitNoThreads();
        assertThat(Asker.UNDER_WAY.get()).isZero();
    }
}
