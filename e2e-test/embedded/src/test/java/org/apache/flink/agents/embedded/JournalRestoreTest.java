package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.runtime.host.JavaHost;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Jobs that are restored from a savepoint: when their journal is lost or pruned, and whose journal they go on with. */
@Timeout(value = 120, threadMode = ThreadMode.SEPARATE_THREAD)
class JournalRestoreTest {
    /** Inputs that are under way at the savepoint, and as many that come after it; each has a key of its own. */
    private static final int FIRST = 3;

    /** Failures yet to come. */
    private static final AtomicInteger FAILURES = new AtomicInteger();

    @TempDir Path directory;

    @BeforeEach
    @AfterEach
    void forget() {
        Bookkeeper.reset();
        Asker.reset();
        FAILURES.set(0);
    }

    /** Two calls: the first is recorded when the second has begun, which ends when the test lets it. */
    public static final class Steps extends Agent {
        @Action(EventType.InputEvent)
        public static void act(final Event event, final RunnerContext context) throws Exception {
            final String input = (String) InputEvent.fromEvent(event).getInput();
            context.durableExecute(new Bookkeeper.Entry(input, 0, "first", () -> ""));
            context.durableExecuteAsync(new Bookkeeper.Entry(input, 1, "second", () -> {
                Asker.BEGUN.release();
                Asker.GATE.acquire();
                return "";
            }));
            context.durableExecute(new Bookkeeper.Entry(input, 2, "third", () -> ""));
            if (FAILURES.getAndDecrement() > 0) {
                throw new IllegalStateException("A failure that the test asked for");
            }
            context.sendEvent(new OutputEvent(input));
        }
    }

    private Path file() {
        return directory.resolve("journal.sqlite");
    }

    private Map<String, String> options(final String... more) {
        final Map<String, String> options = JournalJobsTest.store("sqlite", directory);
        for (int i = 0; i < more.length; i += 2) {
            options.put(more[i], more[i + 1]);
        }
        return options;
    }

    private static Configuration never(final Configuration config) {
        config.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
        return config;
    }

    /** The first inputs have made their first call, and are in their second. The others follow the savepoint. */
    private String stoppedInTheMidst() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, JournalJobsTest.withoutCheckpoints("hashmap"));
        Cluster.emitted(JournalJobsTest.job(flink, new Steps(), 2 * FIRST, RateLimiterStrategy.perCheckpoint(FIRST), options()));
        final JobClient client = flink.executeAsync("stops");
        Asker.awaitBegun(FIRST);
        final String savepoint =
                client.stopWithSavepoint(false, directory.toUri().toString(), SavepointFormatType.CANONICAL).get();
        assertThat(calls("first")).isEqualTo(inputs(0, FIRST));
        Asker.reset();
        return savepoint;
    }

    private static List<String> inputs(final int from, final int to) {
        final List<String> inputs = new ArrayList<>();
        for (int i = from; i < to; i++) {
            inputs.add(JournalJobsTest.input(i));
        }
        return inputs;
    }

    /** Inputs that made this call, each as often as it did. */
    private static List<String> calls(final String name) {
        return Bookkeeper.ledger().stream().filter(line -> line.name.equals(name)).map(line -> line.input).sorted().collect(Collectors.toList());
    }

    private static DataStream<Object> steps(final StreamExecutionEnvironment flink, final Map<String, String> options) {
        return JournalJobsTest.job(flink, new Steps(), 2 * FIRST, RateLimiterStrategy.noOp(), options);
    }

    /** Runs the job to its end, and lets calls end when each input is in its second; what it gave. */
    private static List<String> restored(final Configuration config, final Map<String, String> options) throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, config);
        final Queue<Object> outputs = Cluster.emitted(steps(flink, options));
        final JobClient client = flink.executeAsync("restored");
        Asker.awaitBegun(2 * FIRST);
        Asker.open();
        client.getJobExecutionResult().get();
        return outputs.stream().map(Object::toString).sorted().distinct().collect(Collectors.toList());
    }

    @Test
    void aJobWhoseJournalIsThereGoesOnWhereItWasAndWarnsOfNothing() throws Exception {
        final String savepoint = stoppedInTheMidst();
        try (Warnings warnings = new Warnings(JavaHost.class)) {
            assertThat(restored(JournalJobsTest.restoring(savepoint), options("action-state.on-missing-history", "reexecute")))
                    .isEqualTo(inputs(0, 2 * FIRST));
            assertThat(warnings.texts()).isEmpty();
        }
        assertThat(calls("first")).isEqualTo(inputs(0, 2 * FIRST));
        assertThat(Bookkeeper.checkLedger()).as("calls made again: those that were under way").isEqualTo(FIRST);
    }

    private void lose(final String how) throws Exception {
        switch (how) {
            case "deleted":
                Files.delete(file());
                break;
            case "empty":
                Files.write(file(), new byte[0]);
                break;
            default:
                Files.copy(directory.resolve("copy"), file(), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"deleted", "empty", "set back"})
    void aJobWhoseJournalIsLostFailsUnlessItIsToDoItsWorkAgain(final String how) throws Exception {
        // Another job has used the file before.
        Asker.open();
        final StreamExecutionEnvironment flink = Cluster.env(1, JournalJobsTest.withoutCheckpoints("hashmap"));
        Cluster.emitted(JournalJobsTest.job(flink, new Steps(), 1, RateLimiterStrategy.noOp(), options()));
        flink.execute("was there before");
        Files.copy(file(), directory.resolve("copy"));
        forget();
        final String savepoint = stoppedInTheMidst();
        lose(how);

        final List<String> again = calls("first");
        final int made = Bookkeeper.ledger().size();
        assertThatThrownBy(() -> Cluster.runToFailure(steps(Cluster.env(1, never(JournalJobsTest.restoring(savepoint))), options())))
                .hasStackTraceContaining("records that are needed are no longer there: file " + file())
                .hasStackTraceContaining("it was replaced or set back")
                .hasStackTraceContaining("Bring back the store the job ran with, or set action-state.on-missing-history to REEXECUTE");
        assertThat(Bookkeeper.ledger()).as("nothing was done").hasSize(made);

        // The job fails once more before a checkpoint: what it has done until then is not done yet again. A file that was set back
        // cannot be told from the lost one any more when it has grown as far.
        final int failures = how.equals("set back") ? 0 : 1;
        FAILURES.set(failures);
        final Configuration config = JournalJobsTest.restoring(savepoint, JournalJobsTest.withoutCheckpoints("hashmap"));
        try (Warnings warnings = new Warnings(JavaHost.class)) {
            assertThat(restored(config, options("action-state.on-missing-history", "reexecute"))).isEqualTo(inputs(0, 2 * FIRST));
            assertThat(warnings.texts())
                    .as("one in each attempt, each restored from the savepoint")
                    .hasSize(1 + failures)
                    .allSatisfy(
                            text ->
                                    assertThat(text)
                                            .contains("records that are needed are no longer there: file " + file())
                                            .contains("it was replaced or set back")
                                            .contains("The job goes on without them, as action-state.on-missing-history says")
                                            .contains("is done again, side effects included"));
        }
        again.addAll(inputs(0, 2 * FIRST));
        again.sort(null);
        assertThat(calls("first")).isEqualTo(again);
        final Map<String, Set<String>> keys =
                Bookkeeper.ledger().stream()
                        .collect(Collectors.groupingBy(Object::toString, Collectors.mapping(line -> line.key, Collectors.toSet())));
        assertThat(keys.values()).as("idempotency keys of each call").allMatch(of -> of.size() == 1);
    }

    @Test
    void aJobThatIsRestoredFromBeforeTheRetentionFailsUnlessItIsToDoItsWorkAgain() throws Exception {
        final int records = 200;
        final Map<String, String> options = options("action-state.retention", "1 ms");
        final StreamExecutionEnvironment first = Cluster.env(1, JournalJobsTest.config("hashmap", 25));
        final Queue<Object> firstOutputs =
                Cluster.emitted(JournalJobsTest.job(first, records, RateLimiterStrategy.perCheckpoint(4), options));
        final JobClient client = first.executeAsync("goes on");
        Asker.until("some outputs have come", () -> firstOutputs.size() >= 20);
        final String savepoint = client.triggerSavepoint(directory.toUri().toString(), SavepointFormatType.CANONICAL).get();
        client.getJobExecutionResult().get();
        assertThat(Cluster.byKey(firstOutputs)).isEqualTo(JournalJobsTest.expected(records));
        final int made = Bookkeeper.ledger().size();
        assertThatThrownBy(
                        () ->
                                Cluster.runToFailure(
                                        JournalJobsTest.job(
                                                Cluster.env(1, never(JournalJobsTest.restoring(savepoint))), records, RateLimiterStrategy.noOp(), options)))
                .hasStackTraceContaining("records that are needed are no longer there: file " + file())
                .hasStackTraceContaining("has to be read from position")
                .hasStackTraceContaining("was pruned after action-state.retention")
                .hasStackTraceContaining("Restore a newer checkpoint, or set action-state.on-missing-history to REEXECUTE");
        assertThat(Bookkeeper.ledger()).as("nothing was done").hasSize(made);

        options.put("action-state.on-missing-history", "reexecute");
        final StreamExecutionEnvironment second = Cluster.env(1, JournalJobsTest.restoring(savepoint));
        final Queue<Object> secondOutputs = Cluster.emitted(JournalJobsTest.job(second, records, RateLimiterStrategy.noOp(), options));
        try (Warnings warnings = new Warnings(JavaHost.class)) {
            second.execute("does it again");
            // The savepoint holds what the store had not acknowledged by then: there may be such calls of a run whose first are gone.
            assertThat(warnings.texts())
                    .filteredOn(text -> !text.contains("does not match its journal"))
                    .singleElement()
                    .asString()
                    .contains("was pruned after action-state.retention", "The job goes on without them");
        }
        checkTheRest(firstOutputs, secondOutputs, records);
        assertThat(Bookkeeper.ledger()).as("what was done after the savepoint is done again").hasSizeGreaterThan(made + secondOutputs.size());
    }

    /** The second job gave what the first had given after the savepoint, and that once. */
    private static void checkTheRest(final Queue<Object> first, final Queue<Object> second, final int records) {
        assertThat(second).doesNotHaveDuplicates().hasSizeBetween(1, records - 20).isSubsetOf(first);
        final Set<Object> last = new HashSet<>(List.copyOf(first).subList(records - 1, records));
        assertThat(second).containsAll(last);
    }

    @ParameterizedTest
    @CsvSource({"'',false", "fork,false", "Continue,true"})
    void aRestoredJobBeginsItsOwnJournalOrTakesOverThatOfTheSavepoint(final String value, final boolean continues) throws Exception {
        final String savepoint = stoppedInTheMidst();
        final Map<String, String> options = value.isEmpty() ? options() : options("action-state.on-restore", value);
        assertThat(restored(JournalJobsTest.restoring(savepoint), options)).isEqualTo(inputs(0, 2 * FIRST));
        assertThat(calls("first")).isEqualTo(inputs(0, 2 * FIRST));
        assertThat(calls("third")).isEqualTo(inputs(0, 2 * FIRST));
        final int made = Bookkeeper.ledger().size();

        // Another one from the same savepoint.
        final StreamExecutionEnvironment flink = Cluster.env(1, JournalJobsTest.restoring(savepoint));
        final Queue<Object> outputs = Cluster.emitted(steps(flink, options));
        flink.execute("restored once more");
        assertThat(outputs.stream().sorted()).isEqualTo(inputs(0, 2 * FIRST));
        if (continues) {
            assertThat(Bookkeeper.ledger()).as("nothing is done again").hasSize(made);
        } else {
            assertThat(calls("third")).as("it does not know of the other").hasSize(2 * 2 * FIRST);
        }
    }

    @ParameterizedTest
    @CsvSource({"action-state.on-restore,'continue, fork'", "action-state.on-missing-history,'fail, reexecute'"})
    void otherWordsAreRefusedByName(final String option, final String words) {
        final Configuration config = never(JournalJobsTest.withoutCheckpoints("hashmap"));
        assertThatThrownBy(
                        () ->
                                Cluster.runToFailure(
                                        JournalJobsTest.job(
                                                Cluster.env(1, config), new Steps(), 1, RateLimiterStrategy.noOp(), options(option, "perhaps"))))
                .hasStackTraceContaining(option)
                .hasStackTraceContaining("perhaps")
                .hasStackTraceContaining(words);
        assertThat(Bookkeeper.ledger()).isEmpty();
    }
}
