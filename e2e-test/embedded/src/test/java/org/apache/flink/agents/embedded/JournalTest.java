package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.Identity;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The journal of Java actions, restart by restart: what was done before is not done again. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class JournalTest {
    @TempDir Path directory;

    @BeforeEach
    @AfterEach
    void forget() {
        Bookkeeper.reset();
        Odd.CALLS.set(0);
        Odd.mode = "";
    }

    private Map<String, Object> config(final String store) {
        final Map<String, Object> config = new HashMap<>();
        config.put("actionStateStoreBackend", store);
        config.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        return config;
    }

    private Harness.Job<String, String> job(final Agent agent, final Map<String, ?> config) {
        return new Harness.Job<>(agent, TestAgents::keyOf, String.class, String.class, config);
    }

    private Harness.Job<String, String> books(final String store) {
        return job(new Bookkeeper(), config(store));
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void aRunIsMadeOnceAlsoBeforeTheFirstCheckpoint(final String store) throws Exception {
        final Harness.Job<String, String> job = books(store);
        for (int attempt = 0; attempt < 3; attempt++) {
            try (Harness<String, String> harness = job.open()) {
                harness.in("a/1");
                harness.in("b/2");
                harness.in("a/3");
                assertThat(harness.await(3))
                        .as("attempt %s", attempt)
                        .containsExactlyInAnyOrder(
                                Bookkeeper.output("a/1", 1), Bookkeeper.output("b/2", 1), Bookkeeper.output("a/3", 2));
                final long executed = EventLogTest.counter(harness, "numOfActionsExecuted");
                assertThat(executed).isPositive();
                assertThat(EventLogTest.counter(harness, "numOfActionsReplayed")).isEqualTo(attempt == 0 ? 0 : executed);
            }
        }
        assertThat(Bookkeeper.checkLedger()).isZero();
        assertThat(Bookkeeper.ledger()).hasSize(3 * Bookkeeper.CALLS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void aNewSubmissionDoesNotTakeTheRecordsOfAnother(final String store) throws Exception {
        for (int submission = 1; submission <= 2; submission++) {
            try (Harness<String, String> harness = books(store).open()) {
                harness.in("a/1");
                harness.await(1);
            }
            assertThat(Bookkeeper.ledger()).hasSize(submission * Bookkeeper.CALLS);
        }
        assertThat(Bookkeeper.ledger().get(0).key).isNotEqualTo(Bookkeeper.ledger().get(Bookkeeper.CALLS).key);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void atWhateverStepItFailsOnlyCallsInFlightAreMadeAgain(final String store) throws Exception {
        int reconciled = 0;
        long replayed = 0;
        for (int failing = 1; failing <= 18; failing++) {
            Bookkeeper.reset();
            final Harness.Job<String, String> job = books(store);
            Bookkeeper.STEPS_TO_FAILURE.set(failing);
            int failures = 0;
            boolean done = false;
            while (!done) {
                final Harness<String, String> harness = job.open();
                try {
                    harness.in("a/1");
                    assertThat(harness.await(1)).as("failure at step %s", failing).containsExactly(Bookkeeper.output("a/1", 1));
                    done = true;
                    replayed += EventLogTest.counter(harness, "numOfCallsReplayed");
                    assertThat(EventLogTest.counter(harness, "numOfDivergences")).isZero();
                } catch (final RuntimeException e) {
                    assertThat(e).hasMessageContaining("A failure that the test asked for");
                    failures++;
                } finally {
                    harness.close();
                }
            }
            assertThat(failures).as("failure at step %s", failing).isEqualTo(1);
            assertThat(Bookkeeper.checkLedger()).as("calls made again after a failure at step %s", failing).isLessThanOrEqualTo(3);
            reconciled += Bookkeeper.RECONCILED.get();
        }
        // At both steps of the call that has one, and right after it: its result is on its way each time.
        assertThat(reconciled).as("reconcilers asked").isEqualTo(3);
        assertThat(replayed).as("calls whose record was used").isPositive();
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void whatWasUnderWayAtACheckpointGoesOnAfterIt(final String store) throws Exception {
        final Harness.Job<String, String> job = books(store);
        final OperatorSubtaskState state;
        final List<Object> outputs = new ArrayList<>();
        try (Harness<String, String> harness = job.open()) {
            for (int i = 0; i < 20; i++) {
                harness.in("k" + i % 4 + "/" + i);
            }
            outputs.addAll(harness.await(5));
            state = harness.snapshot(1);
            // What happens after the checkpoint is not done again either.
            harness.await(3);
        }
        try (Harness<String, String> harness = job.restore(state)) {
            outputs.addAll(harness.await(20 - outputs.size()));
        }
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(20, 4));
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(4 * 3);
    }

    private static List<String> expected(final int records, final int keys) {
        final List<String> expected = new ArrayList<>();
        for (int i = 0; i < records; i++) {
            expected.add(Bookkeeper.output("k" + i % keys + "/" + i, i / keys + 1));
        }
        return Cluster.byKey(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void anotherParallelismFindsAllRecords(final String store) throws Exception {
        final Harness.Job<String, String> job = books(store);
        final OperatorSubtaskState state;
        final List<Object> outputs = new ArrayList<>();
        try (Harness<String, String> harness = job.open(null, 1, 0)) {
            for (int i = 0; i < 24; i++) {
                harness.in("k" + i % 8 + "/" + i);
            }
            outputs.addAll(harness.await(4));
            state = harness.snapshot(1);
            harness.await(6);
        }
        for (int subtask = 0; subtask < 3; subtask++) {
            final OperatorSubtaskState own =
                    AbstractStreamOperatorTestHarness.repartitionOperatorState(state, Harness.MAX_PARALLELISM, 1, 3, subtask);
            int left = 0;
            for (int i = 0; i < 24; i++) {
                final String key = "k" + i % 8;
                left += Harness.subtaskOf(key, 3) == subtask ? 1 : 0;
            }
            final int given = left;
            final int index = subtask;
            final long before = outputs.stream().filter(out -> Harness.subtaskOf(TestAgents.keyOf(out.toString()), 3) == index).count();
            try (Harness<String, String> harness = job.open(own, 3, subtask)) {
                outputs.addAll(harness.await((int) (given - before)));
            }
        }
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(24, 8));
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(8 * 3);
    }

    @Test
    void theInputsOfAKeyMayComeInAnotherOrder() throws Exception {
        final Harness.Job<String, String> job = books("memory");
        try (Harness<String, String> harness = job.open()) {
            harness.in("a/1");
            harness.in("a/2");
            harness.await(2);
        }
        try (Harness<String, String> harness = job.open()) {
            harness.in("a/2");
            harness.mails();
            harness.in("a/1");
            assertThat(harness.await(2)).containsExactly(Bookkeeper.output("a/1", 1), Bookkeeper.output("a/2", 2));
        }
        assertThat(Bookkeeper.checkLedger()).isZero();
        assertThat(Bookkeeper.ledger()).hasSize(2 * Bookkeeper.CALLS);
    }

    @Test
    void anInputThatDoesNotComeAgainIsWaitedForOnlySoLong() throws Exception {
        final Harness.Job<String, String> job = books("memory");
        try (Harness<String, String> harness = job.open()) {
            harness.in("a/1");
            harness.in("a/2");
            harness.await(2);
        }
        try (Harness<String, String> harness = job.open()) {
            // The journal has been read when a run of another key has ended.
            harness.in("b/9");
            harness.await(1);
            harness.in("a/2");
            harness.mails();
            assertThat(harness.out()).isEmpty();
            harness.flink().setProcessingTime(29_999);
            harness.mails();
            assertThat(harness.out()).isEmpty();
            // Then for one that may have come before a/2 and have no records.
            harness.flink().setProcessingTime(30_000);
            harness.mails();
            harness.flink().setProcessingTime(60_000);
            assertThat(harness.await(1)).containsExactly(Bookkeeper.output("a/2", 2));
        }
    }

    // ---- calls that are not as they should be

    /** One call, which changes from attempt to attempt. */
    public static final class Odd extends Agent {
        static final AtomicInteger CALLS = new AtomicInteger();
        static volatile String mode = "";

        private static final class Unserializable extends Exception {
            private static final long serialVersionUID = 1L;

            @SuppressWarnings("unused") // it is what cannot be stored
            private final Object connection = new Object();
        }

        /** Comes back without half of it. */
        private static final class Forgetful {
            private final String kept = "kept";
            private final transient String lost;

            @SuppressWarnings("unused") // Kryo's
            private Forgetful() {
                lost = null;
            }

            private Forgetful(final String lost) {
                this.lost = lost;
            }

            @Override
            public boolean equals(final Object other) {
                return other instanceof Forgetful
                        && kept.equals(((Forgetful) other).kept)
                        && Objects.equals(lost, ((Forgetful) other).lost);
            }

            @Override
            public int hashCode() {
                return Objects.hash(kept, lost);
            }
        }

        @Action(listenEventTypes = InputEvent.EVENT_TYPE)
        public static void act(final Event event, final RunnerContext context) throws Exception {
            final String id = mode.equals("renamed") ? "other" : "call";
            Object made;
            try {
                made = context.durableExecute(new DurableCallable<Object>() {
                    @Override
                    public String getId() {
                        return id;
                    }

                    @Override
                    public Class<Object> getResultClass() {
                        return Object.class;
                    }

                    @Override
                    public Object arguments() {
                        return mode.equals("other arguments") ? "2" : "1";
                    }

                    @Override
                    public Object call() throws Exception {
                        CALLS.incrementAndGet();
                        switch (mode) {
                            case "forgetful":
                                return new Forgetful("lost");
                            case "thread":
                                return new Thread("is no value");
                            case "unserializable":
                                throw new Unserializable();
                            default:
                                return "made";
                        }
                    }
                });
            } catch (final Exception e) {
                // An action that goes on whatever happens.
                made = e.getClass().getSimpleName();
            }
            if (mode.equals("fails afterwards")) {
                // It starts when the first has been recorded for good.
                context.durableExecute(new Bookkeeper.Entry("", 0, "second", () -> null));
                throw new IllegalStateException("A failure that the test asked for");
            }
            context.sendEvent(new OutputEvent(made));
        }
    }

    private Harness.Job<String, String> failedAfterItsCall(final Map<String, Object> config) throws Exception {
        final Harness.Job<String, String> job = job(new Odd(), config);
        Odd.mode = "fails afterwards";
        final Harness<String, String> harness = job.open();
        harness.in("a/1");
        assertThatThrownBy(() -> harness.await(1)).hasMessageContaining("A failure that the test asked for");
        harness.close();
        assertThat(Odd.CALLS.get()).isEqualTo(1);
        return job;
    }

    @ParameterizedTest
    @ValueSource(strings = {"renamed", "other arguments"})
    void aRunThatDoesNotMatchItsJournalGoesOnWithoutOrFails(final String mode) throws Exception {
        final Map<String, Object> config = config("memory");
        config.put("action-state.on-divergence", "fail");
        final Harness.Job<String, String> strict = failedAfterItsCall(config);
        Odd.mode = mode;
        final Harness<String, String> failing = strict.open();
        assertThatThrownBy(() -> {
                    failing.in("a/1");
                    failing.await(1);
                })
                .hasMessageContaining("does not match its journal")
                .hasMessageContaining("'call'")
                .hasMessageContaining(mode.equals("renamed") ? "'other'" : "other arguments")
                .hasMessageContaining("on-divergence");
        failing.close();

        Odd.CALLS.set(0);
        final Harness.Job<String, String> lenient = failedAfterItsCall(config("memory"));
        Odd.mode = mode;
        try (Harness<String, String> harness = lenient.open()) {
            harness.in("a/1");
            assertThat(harness.await(1)).containsExactly("made");
        }
        assertThat(Odd.CALLS.get()).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"thread", "unserializable"})
    void whatCannotBeRecordedFailsTheTaskThoughTheActionGoesOn(final String mode) throws Exception {
        final Harness.Job<String, String> job = job(new Odd(), config("memory"));
        Odd.mode = mode;
        final Harness<String, String> harness = job.open();
        harness.in("a/1");
        assertThatThrownBy(() -> harness.await(1))
                .hasMessageContaining("Durable call 'call' of action 'act'")
                .hasMessageContaining("cannot be recorded")
                .hasMessageContaining(mode.equals("thread") ? "Thread" : "java.lang.Object");
        harness.close();
    }

    /** {@link Odd} with its action under another name. */
    public static final class Renamed extends Agent {
        @Action(listenEventTypes = InputEvent.EVENT_TYPE)
        @Identity(formerNames = "act")
        public static void deed(final Event event, final RunnerContext context) throws Exception {
            Odd.act(event, context);
        }
    }

    /** The same, without a word of the former name. */
    public static final class Other extends Agent {
        @Action(listenEventTypes = InputEvent.EVENT_TYPE)
        public static void deed(final Event event, final RunnerContext context) throws Exception {
            Odd.act(event, context);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void aRenamedActionGoesOnWithTheRunOfACheckpointAndItsRecords(final String store) throws Exception {
        final OperatorSubtaskState state;
        final Harness<String, String> before = job(new Odd(), config(store)).open();
        // The journal has been read when a run of another key has ended: until then no action begins.
        before.in("b/9");
        before.await(1);
        Odd.CALLS.set(0);
        Odd.mode = "fails afterwards";
        before.in("a/1");
        // The run waits for its first record.
        state = before.snapshot(1);
        assertThatThrownBy(() -> before.await(1)).hasMessageContaining("A failure that the test asked for");
        before.close();
        assertThat(Odd.CALLS.get()).isEqualTo(1);
        Odd.mode = "";
        assertThatThrownBy(() -> job(new Other(), config(store)).restore(state)).hasStackTraceContaining("former name");
        try (Harness<String, String> after = job(new Renamed(), config(store)).restore(state)) {
            assertThat(after.await(1)).containsExactly("made");
        }
        assertThat(Odd.CALLS.get()).as("calls made").isEqualTo(1);
    }

    @Test
    void aResultThatComesBackAsAnotherIsRefusedWhereValuesAreVerified() throws Exception {
        Odd.mode = "forgetful";
        final Map<String, Object> config = config("memory");
        config.put("values.verify", true);
        final Harness<String, String> verified = job(new Odd(), config).open();
        verified.in("a/1");
        assertThatThrownBy(() -> verified.await(1))
                .hasMessageContaining("Durable call 'call' of action 'act'")
                .hasMessageContaining("cannot be recorded")
                .hasMessageContaining("Forgetful");
        verified.close();
    }

    // ---- what is not there

    @ParameterizedTest
    @ValueSource(strings = {"Fluss", "sqlight"})
    void storesThatAreNotHereAreRefused(final String store) {
        assertThatThrownBy(() -> books(store).open())
                .hasStackTraceContaining("actionStateStoreBackend")
                .hasStackTraceContaining(store);
    }

    @Test
    void theStoreIsFoundWhateverTheCaseOfItsName() throws Exception {
        try (Harness<String, String> harness = books("SQLite").open()) {
            harness.in("a/1");
            harness.await(1);
        }
        assertThat(directory.resolve("journal.sqlite")).exists();
    }
}
