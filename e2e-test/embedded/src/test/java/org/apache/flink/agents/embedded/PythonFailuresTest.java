package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.agents.api.DeadLetter;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.runtime.env.PythonEntry;
import org.apache.flink.agents.runtime.operator.AgentOperator;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Failure policies of Python actions on Flink. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class PythonFailuresTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long HOUR = 3_600_000;

    @TempDir Path directory;

    @AfterEach
    void noWorkerIsLeft() {
        PythonTools.awaitNoWorkers();
    }

    /** A Java action that Python's plans name. */
    public static final class JavaActions {
        private JavaActions() {}

        public static void middle(final Event event, final RunnerContext context) throws Exception {
            context.getShortTermMemory().set("java", "seen");
            context.sendEvent(new Event("to-python", event.getAttributes()));
        }
    }

    private static Map<String, Object> retry(final int retries, final Object backoff) {
        final Map<String, Object> config = new HashMap<>();
        config.put("retry.max-attempts", retries);
        config.put("retry.backoff", backoff);
        config.put("retry.max-backoff", backoff);
        config.put("retry.jitter", 0);
        config.put("on-failure", "dead-letter");
        return config;
    }

    private Map<String, Object> stored(final String store, final Map<String, Object> config) {
        config.put("actionStateStoreBackend", store);
        config.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        return config;
    }

    private byte[] record(final String key, final String tag) {
        return PythonTools.record(key, List.of(directory.toString(), tag));
    }

    private List<String> lines(final String file) throws Exception {
        final Path path = directory.resolve(file);
        return Files.exists(path) ? Files.readAllLines(path) : List.of();
    }

    private static List<DeadLetter> letters(final Harness<?, ?> flink) {
        final List<DeadLetter> letters = new ArrayList<>();
        final Queue<StreamRecord<DeadLetter>> out = flink.flink().getSideOutput(AgentOperator.DEAD_LETTERS);
        if (out != null) {
            out.forEach(record -> letters.add(record.getValue()));
        }
        return letters;
    }

    private static void awaitLetters(final Harness<?, ?> flink, final int count) throws Exception {
        while (letters(flink).size() < count) {
            flink.awaitMail();
        }
    }

    private static void awaitFailures(final Harness<?, ?> flink, final int count) throws Exception {
        while (EventLogTest.counter(flink, "numOfFailedAttempts") < count) {
            flink.awaitMail();
        }
    }

    private static void pass(final Harness<?, ?> flink, final long hours) throws Exception {
        flink.flink().setProcessingTime(hours * HOUR + 1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"Failing", "FailingAsync"})
    void aRetryWaitsByATimerAlsoAcrossARestoreWhileOtherKeysGoOnAndThenALetterLeaves(final String agent) throws Exception {
        final Harness.Job<String, byte[]> job = PythonTools.job(agent, retry(1, "1 h"));
        final OperatorSubtaskState state;
        try (Harness<String, byte[]> flink = job.open()) {
            flink.in(record("a", "x9"), 7);
            flink.in(record("a", "y0"), 8);
            flink.in(record("b", "z0"), 9);
            flink.watermark(10);
            awaitFailures(flink, 1);
            assertThat(PythonTools.decode(flink.await(1))).containsExactly("z0#1 1");
            assertThat(letters(flink)).isEmpty();
            state = flink.snapshot(1);
            assertThat(flink.storedInFlight()).isEqualTo(1);
        }
        try (Harness<String, byte[]> flink = job.restore(state)) {
            flink.mails();
            assertThat(lines("tries")).as("the wait goes on").containsOnlyOnce("x9");
            pass(flink, 1);
            awaitLetters(flink, 1);
            assertThat(PythonTools.decode(flink.await(1))).containsExactly("y0#1 1");
            assertThat(flink.storedInFlight()).isZero();
            final DeadLetter letter = letters(flink).get(0);
            assertThat(letter.agent).isEqualTo(agent);
            assertThat(letter.action).isEqualTo("act");
            assertThat(letter.attempts).isEqualTo(2);
            assertThat(letter.key).isEqualTo("a");
            assertThat(letter.input).isEqualTo(JSON.writeValueAsString(List.of(directory.toString(), "x9")));
            assertThat(letter.event).as("the input again").isNull();
            assertThat(letter.eventId).isEqualTo(letter.inputEventId);
            assertThat(letter.timestamp).isEqualTo(7);
            assertThat(letter.errorType).isEqualTo("failing_agents.Refused");
            assertThat(letter.errorMessage).isEqualTo("not yet: x9");
            assertThat(letter.stackTrace).startsWith("Traceback").contains("in fails").contains("failing_agents.py");
            assertThat(EventLogTest.counter(flink, "numOfDeadLetters")).isEqualTo(1);
        }
        assertThat(lines("tries")).filteredOn("x9"::equals).hasSize(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"Failing", "FailingAsync"})
    void onlyTheLastAttemptCountsAndTheOrderOfAKeyStays(final String agent) throws Exception {
        final Map<String, Object> config = retry(3, "1 h");
        config.put("retry.max-backoff", "2 h");
        try (Harness<String, byte[]> flink = PythonTools.job(agent, config).open()) {
            flink.in(record("a", "x2"));
            flink.in(record("a", "y1"));
            awaitFailures(flink, 1);
            pass(flink, 1);
            awaitFailures(flink, 2);
            // What is left of a wait is reckoned by the real clock, which has gone on by some milliseconds.
            flink.flink().setProcessingTime(3 * HOUR - 60_000);
            flink.mails();
            assertThat(lines("tries")).as("the second wait is twice as long").hasSize(2);
            pass(flink, 3);
            assertThat(PythonTools.decode(flink.await(1))).containsExactly("x2#1 1");
            awaitFailures(flink, 3);
            pass(flink, 4);
            assertThat(PythonTools.decode(flink.await(1))).containsExactly("y1#2 1");
            assertThat(letters(flink)).isEmpty();
            assertThat(lines("tries")).containsExactly("x2", "x2", "x2", "y1", "y1");
        }
    }

    @ParameterizedTest
    @CsvSource({"1,3", "3,2"})
    void rescalingInsideABackoffLosesAndRepeatsNothing(final int from, final int to) throws Exception {
        final Harness.Job<String, byte[]> job = PythonTools.job("Failing", retry(1, "1 h"));
        final int keys = 8;
        final OperatorSubtaskState[] states = new OperatorSubtaskState[from];
        final List<Object> outputs = new ArrayList<>();
        for (int subtask = 0; subtask < from; subtask++) {
            try (Harness<String, byte[]> flink = job.open(null, from, subtask)) {
                int own = 0;
                for (int key = 0; key < keys; key++) {
                    if (Harness.subtaskOf("s:k" + key, from) == subtask) {
                        own++;
                        flink.in(record("k" + key, "k" + key + "/" + (key % 2 == 0 ? 1 : 9)));
                        flink.in(record("k" + key, "k" + key + "/after0"));
                    }
                }
                awaitFailures(flink, own);
                assertThat(flink.out()).isEmpty();
                states[subtask] = flink.snapshot(1);
            }
        }
        final OperatorSubtaskState merged = AbstractStreamOperatorTestHarness.repackageState(states);
        final List<String> letters = new ArrayList<>();
        for (int subtask = 0; subtask < to; subtask++) {
            final OperatorSubtaskState own =
                    AbstractStreamOperatorTestHarness.repartitionOperatorState(merged, Harness.MAX_PARALLELISM, from, to, subtask);
            try (Harness<String, byte[]> flink = job.open(own, to, subtask)) {
                flink.mails();
                assertThat(flink.out()).isEmpty();
                pass(flink, 1);
                flink.flink().endInput();
                outputs.addAll(flink.out());
                letters(flink).forEach(letter -> letters.add(letter.key + " " + letter.attempts));
            }
        }
        assertThat(letters).containsExactlyInAnyOrder("k1 2", "k3 2", "k5 2", "k7 2");
        final List<String> expected = new ArrayList<>();
        for (int key = 0; key < keys; key++) {
            if (key % 2 == 0) {
                expected.add("k" + key + "/1#1 1");
            }
            expected.add("k" + key + "/after0#" + (key % 2 == 0 ? 2 : 1) + " 1");
        }
        assertThat(Cluster.byKey(PythonTools.decode(outputs))).isEqualTo(Cluster.byKey(expected));
    }

    /** With a store no attempt is made again, wherever the worker is killed, and no call that returned. */
    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void withAStoreAttemptsAndCallsThatReturnedSurviveACrashInsideABackoff(final String store) throws Exception {
        final Harness.Job<String, byte[]> job = PythonTools.job("FailingCalls", stored(store, retry(2, "1 h")));
        for (int crash = 1; crash <= 2; crash++) {
            try (Harness<String, byte[]> flink = job.open()) {
                flink.in(record("a", "x9"));
                flink.in(record("b", "y1"));
                if (crash == 1) {
                    awaitFailures(flink, 2);
                } else {
                    awaitWaiting(flink, 2);
                    assertThat(lines("tries")).hasSize(2);
                    pass(flink, 1);
                    assertThat(PythonTools.decode(flink.await(1))).containsExactly("y1#1 called called paid");
                    awaitFailures(flink, 1);
                }
                awaitStored(flink);
                PythonTools.workers().forEach(ProcessHandle::destroyForcibly);
                assertThatThrownBy(
                                () -> {
                                    while (true) {
                                        flink.awaitMail();
                                    }
                                })
                        .hasMessageContaining("signal 9");
            }
        }
        for (int run = 1; run <= 2; run++) {
            try (Harness<String, byte[]> flink = job.open()) {
                flink.in(record("a", "x9"));
                flink.in(record("b", "y1"));
                assertThat(PythonTools.decode(flink.await(1))).containsExactly("y1#1 called called paid");
                awaitWaiting(flink, 1);
                pass(flink, 5);
                awaitLetters(flink, 1);
                assertThat(letters(flink).get(0).attempts).isEqualTo(3);
                assertThat(letters(flink).get(0).errorMessage).isEqualTo("not yet: x9");
            }
        }
        assertThat(lines("tries")).filteredOn("x9"::equals).hasSize(3);
        assertThat(lines("tries")).filteredOn("y1"::equals).hasSize(2);
        assertThat(lines("calls")).containsExactlyInAnyOrder("x9", "x9!", "y1", "y1!");
    }

    /** Waits until so many actions that the journal knows failures of wait again, or what became of them has come out. */
    private static void awaitWaiting(final Harness<?, ?> flink, final int count) throws Exception {
        while (flink.flink().getProcessingTimeService().getNumActiveTimers() < count && letters(flink).isEmpty()) {
            flink.awaitMail();
        }
    }

    private static void awaitStored(final Harness<?, ?> flink) throws Exception {
        while (EventLogTest.gauge(flink, "numOfUnacknowledgedRecords") > 0) {
            flink.awaitMail();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "sqlite"})
    void whatIsUnderWayWhenAnActionFailsIsLeftBehind(final String store) throws Exception {
        final Map<String, Object> config = retry(2, "0 ms");
        try (Harness<String, byte[]> flink =
                PythonTools.job("FailingBeside", store.isEmpty() ? config : stored(store, config)).open()) {
            flink.in(record("a", "x1"));
            flink.in(record("b", "y9"));
            awaitFailures(flink, 2);
            pass(flink, 0);
            assertThat(PythonTools.decode(flink.await(1))).containsExactly("x1#1 slow slow/paid");
            awaitFailures(flink, 3);
            flink.flink().setProcessingTime(HOUR);
            awaitLetters(flink, 1);
            flink.in(record("a", "z0"));
            assertThat(PythonTools.decode(flink.await(1))).containsExactly("z0#2 slow slow/paid");
        }
        assertThat(lines("tries")).containsExactlyInAnyOrder("x1", "x1", "y9", "y9", "y9", "z0");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "sqlite"})
    void otherActionsOfTheRunGoOnAndALetterSaysWhereItsEventCameFrom(final String store) throws Exception {
        final Map<String, Object> config = retry(0, "1 h");
        final Harness.Job<String, byte[]> job =
                PythonTools.job("FailingMixed", store.isEmpty() ? config : stored(store, config));
        for (int run = 1; run <= (store.isEmpty() ? 1 : 2); run++) {
            try (Harness<String, byte[]> flink = job.open()) {
                flink.in(record("a", "x9"), 3);
                assertThat(PythonTools.decode(flink.await(1))).containsExactly("x9 other seen None");
                awaitLetters(flink, 1);
                final DeadLetter letter = letters(flink).get(0);
                assertThat(letter.action).isEqualTo("failing");
                assertThat(letter.eventType).isEqualTo("to-python");
                assertThat(letter.upstreamAction).isEqualTo("middle");
                assertThat(letter.eventId).isNotEqualTo(letter.inputEventId);
                assertThat(letter.timestamp).isEqualTo(3);
                final JsonNode line = JSON.readTree(letter.toJson());
                assertThat(line.at("/event/tag").asText()).isEqualTo("x9");
                assertThat(line.at("/input/1").asText()).isEqualTo("x9");
            }
        }
        assertThat(lines("tries")).containsExactly("x9");
    }

    @Test
    void afterTheLastRetryOfPolicyFailTheSubtaskFailsAndSaysHowOftenItWasTried() throws Exception {
        final Map<String, Object> config = retry(1, "0 ms");
        config.put("on-failure", "fail");
        try (Harness<String, byte[]> flink = PythonTools.job("Failing", config).open()) {
            flink.in(record("a", "x9"));
            awaitFailures(flink, 1);
            assertThatThrownBy(
                            () -> {
                                pass(flink, 1);
                                flink.await(1);
                            })
                    .hasMessageContaining("Python action 'act' of agent 'Failing' failed while handling event _input_event of key")
                    .hasMessageContaining(", for the 2. time: Refused: not yet: x9")
                    .hasMessageContaining("in fails");
        }
    }

    @ParameterizedTest
    @CsvSource({"exit,sys.exit(3)", "memory,it did not work", "without end,more than the 50 events"})
    void whatIsNoFailureOfAnActionFailsTheSubtask(final String what, final String why) throws Exception {
        final Map<String, Object> config = retry(3, "0 ms");
        config.put("max-events-per-run", 50);
        try (Harness<String, byte[]> flink = PythonTools.job("FailingOddly", config).open()) {
            assertThatThrownBy(
                            () -> {
                                flink.in(record("a", what));
                                flink.await(1);
                            })
                    .hasMessageContaining(why);
        }
        assertThat(lines("tries")).containsExactly(what);
    }

    @ParameterizedTest
    @CsvSource({
        "surrogates,builtins.ValueError,half a character: ?",
        "large,builtins.ValueError,xxxx",
        "mute,failing_agents.FailingOddly.act.<locals>.Mute,FailingOddly.act.<locals>.Mute"
    })
    void exceptionsThatAreHardToTellOfBecomeLettersToo(final String what, final String type, final String message) throws Exception {
        try (Harness<String, byte[]> flink = PythonTools.job("FailingOddly", stored("sqlite", retry(0, "0 ms"))).open()) {
            flink.in(record("a", what));
            awaitLetters(flink, 1);
            final DeadLetter letter = letters(flink).get(0);
            assertThat(letter.errorType).isEqualTo(type);
            assertThat(letter.errorMessage).startsWith(message).hasSizeLessThan(110_000);
        }
    }

    // ---- jobs

    private DataStream<byte[]> agent(final StreamExecutionEnvironment flink, final List<String> tags, final Map<String, Object> config)
            throws Exception {
        final String path = directory.toString();
        final DataGeneratorSource<byte[]> source =
                new DataGeneratorSource<>(
                        index -> {
                            final String tag = tags.get((int) (long) index);
                            return PythonTools.record(tag.substring(0, 1), List.of(path, tag));
                        },
                        tags.size(),
                        RateLimiterStrategy.noOp(),
                        PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);
        return PythonEntry.connect(
                flink.fromSource(source, WatermarkStrategy.noWatermarks(), "records"),
                PythonTools.plan("Failing", config),
                PythonTools.environment());
    }

    @Test
    void theLettersOfAJobAreAStreamOfJsonAndATableAndTheEndOfTheInputWaitsForThem() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
        final List<String> tags = List.of("a0", "b9", "c1", "d9");
        final DataStream<byte[]> outputs = agent(flink, tags, retry(1, "50 ms"));
        final List<String> streamed = new ArrayList<>();
        for (final String line : Cluster.run(PythonEntry.deadLetters(outputs))) {
            final JsonNode letter = JSON.readTree(line);
            streamed.add(letter.get("key").asText() + letter.get("attempts") + letter.at("/input/1").asText());
        }
        assertThat(streamed).containsExactlyInAnyOrder("b2b9", "d2d9");
        Files.delete(directory.resolve("tries"));
        final StreamTableEnvironment tables = StreamTableEnvironment.create(flink);
        final List<String> listed = new ArrayList<>();
        try (CloseableIterator<Row> rows = PythonEntry.deadLettersTable(tables, outputs).execute().collect()) {
            rows.forEachRemaining(row -> listed.add("" + row.getField("key") + row.getField("attempts") + row.getField("errorMessage")));
        }
        assertThat(listed).containsExactlyInAnyOrder("b2not yet: b9", "d2not yet: d9");
    }

    @Test
    void aWorkerThatIsKilledInsideABackoffRepeatsNothingThatCameOut() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, PythonJobsTest.config());
        final List<String> tags = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            tags.add((char) ('a' + i % 20) + "/" + i + "/" + (i % 10 == 0 ? 1 : 0));
        }
        final Map<String, Object> config = retry(1_000, "20 ms");
        final DataStream<Object> outputs =
                agent(flink, tags, stored("memory", config)).map(PythonTools::decode).returns(Types.GENERIC(Object.class));
        final AtomicInteger killed = new AtomicInteger();
        final AtomicBoolean over = new AtomicBoolean();
        final Thread killer =
                new Thread(
                        () -> {
                            while (!over.get() && killed.get() < 3) {
                                final List<ProcessHandle> workers = PythonTools.workers();
                                if (tries() > killed.get() * 50 && !workers.isEmpty()) {
                                    workers.forEach(ProcessHandle::destroyForcibly);
                                    killed.incrementAndGet();
                                }
                                LockSupport.parkNanos(1_000_000);
                            }
                        });
        killer.setDaemon(true);
        killer.start();
        final List<Object> all = Cluster.run(outputs);
        over.set(true);
        killer.join();
        assertThat(killed.get()).isPositive();
        final List<String> expected = new ArrayList<>();
        for (int i = 0; i < tags.size(); i++) {
            expected.add(tags.get(i) + "#" + (i / 20 + 1) + " 1");
        }
        assertThat(Cluster.byKey(all)).isEqualTo(Cluster.byKey(expected));
    }

    private int tries() {
        try {
            return lines("tries").size();
        } catch (final Exception e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aJobCanBeCancelledInsideABackoff() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
        Cluster.emitted(agent(flink, List.of("a9"), retry(1, "1 h")).map(PythonTools::decode).returns(Types.GENERIC(Object.class)));
        final JobClient client = flink.executeAsync("waits");
        while (tries() == 0) {
            LockSupport.parkNanos(Duration.ofMillis(1).toNanos());
        }
        client.cancel().get();
        assertThatThrownBy(() -> client.getJobExecutionResult().get()).hasMessageContaining("cancel");
        assertThat(lines("tries")).hasSize(1);
    }
}
