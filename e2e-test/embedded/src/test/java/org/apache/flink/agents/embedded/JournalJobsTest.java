package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.api.common.BatchShuffleMode;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.eventtime.SerializableTimestampAssigner;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.Metric;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole jobs with a journal: failures at random moments, savepoints, new parallelism, a lost TaskManager. */
@Timeout(value = 120, threadMode = ThreadMode.SEPARATE_THREAD)
class JournalJobsTest {
    private static final int KEYS = 7;

    @TempDir Path directory;

    @BeforeEach
    void forget() {
        Bookkeeper.reset();
    }

    static String input(final long index) {
        return "k" + index % KEYS + "/" + index;
    }

    static List<String> expected(final int records) {
        return Cluster.byKey(
                LongStream.range(0, records)
                        .mapToObj(i -> Bookkeeper.output(input(i), (int) (i / KEYS + 1)))
                        .collect(Collectors.toList()));
    }

    static Configuration config(final String backend, final long checkpointInterval) {
        final Configuration config = withoutCheckpoints(backend);
        config.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(checkpointInterval));
        return config;
    }

    /**
     * With a long interval there may be a checkpoint at the start nevertheless. A restart is not for {@link Cluster#run} then, whose
     * sink needs checkpoints.
     */
    static Configuration withoutCheckpoints(final String backend) {
        final Configuration config = new Configuration();
        config.set(StateBackendOptions.STATE_BACKEND, backend);
        config.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, 20);
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, Duration.ofMillis(5));
        return config;
    }

    private Map<String, String> store(final String store) {
        return store(store, directory);
    }

    static Map<String, String> store(final String store, final Path directory) {
        final Map<String, String> options = new HashMap<>();
        options.put("actionStateStoreBackend", store);
        options.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        return options;
    }

    static DataStream<Object> job(
            final StreamExecutionEnvironment flink, final int records, final RateLimiterStrategy rate, final Map<String, String> options) {
        return job(flink, new Bookkeeper(), records, rate, options);
    }

    static DataStream<Object> job(
            final StreamExecutionEnvironment flink,
            final Agent agent,
            final int records,
            final RateLimiterStrategy rate,
            final Map<String, String> options) {
        final DataGeneratorSource<String> source = new DataGeneratorSource<>(JournalJobsTest::input, records, rate, Types.STRING);
        final DataStream<String> stream =
                flink.fromSource(source, WatermarkStrategy.noWatermarks(), "records").setParallelism(1);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        options.forEach(agents.getConfig()::setStr);
        return agents.fromDataStream(Cluster.spread(stream, TestAgents::keyOf), TestAgents::keyOf).apply(agent).toDataStream();
    }

    /** What goes on from a savepoint. */
    static Configuration restoring(final String savepoint) {
        return restoring(savepoint, config("hashmap", 25));
    }

    static Configuration restoring(final String savepoint, final Configuration config) {
        config.set(StateRecoveryOptions.SAVEPOINT_PATH, savepoint);
        return config;
    }

    @ParameterizedTest
    @CsvSource({"memory,hashmap", "memory,rocksdb", "sqlite,hashmap", "sqlite,rocksdb"})
    void failuresAtRandomMomentsRepeatOnlyCallsInFlight(final String store, final String backend) throws Exception {
        final Random random = new Random(store.hashCode() * 31L + backend.hashCode());
        for (int round = 0; round < 3; round++) {
            Bookkeeper.reset();
            final int steps = 20 + random.nextInt(1_500);
            Bookkeeper.STEPS_TO_FAILURE.set(steps);
            final List<Object> outputs =
                    Cluster.run(job(Cluster.env(2, config(backend, 25)), 120, RateLimiterStrategy.perCheckpoint(20), store(store)));
            assertThat(Bookkeeper.STEPS_TO_FAILURE.get()).as("it did fail").isLessThanOrEqualTo(0);
            assertThat(Cluster.byKey(outputs)).as("failure after %s steps", steps).isEqualTo(expected(120));
            assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(KEYS * 3);
            assertThat(Bookkeeper.ledger()).hasSizeGreaterThanOrEqualTo(120 * Bookkeeper.CALLS);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void aFailureBeforeTheFirstCheckpointRepeatsOnlyCallsInFlight(final String store) throws Exception {
        Bookkeeper.STEPS_TO_FAILURE.set(1_400);
        final List<Object> outputs =
                Cluster.run(job(Cluster.env(2, config("hashmap", 3_600_000)), 100, RateLimiterStrategy.noOp(), store(store)));
        assertThat(Bookkeeper.STEPS_TO_FAILURE.get()).as("it did fail").isLessThanOrEqualTo(0);
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(100));
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(KEYS * 3);
    }

    @ParameterizedTest
    @CsvSource({"memory,2,2", "memory,1,3", "sqlite,3,1"})
    void anotherParallelismGoesOnFromASavepoint(final String store, final int before, final int after) throws Exception {
        final StreamExecutionEnvironment first = Cluster.env(before, config("hashmap", 25));
        final Queue<Object> firstOutputs =
                Cluster.emitted(job(first, 1_000, RateLimiterStrategy.perCheckpoint(10), store(store)));
        final JobClient client = first.executeAsync("stops");
        Asker.until("some outputs have come", () -> firstOutputs.size() >= 50);
        final String savepoint =
                client.stopWithSavepoint(false, directory.toUri().toString(), SavepointFormatType.CANONICAL).get();
        final List<Object> outputs = new ArrayList<>(firstOutputs);
        assertThat(outputs).as("outputs of the first job").hasSizeLessThan(1_000);

        final StreamExecutionEnvironment second = Cluster.env(after, restoring(savepoint));
        final Queue<Object> secondOutputs =
                Cluster.emitted(job(second, 1_000, RateLimiterStrategy.perCheckpoint(10), store(store)));
        second.execute("goes on");
        outputs.addAll(secondOutputs);
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(1_000));
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(KEYS * 3);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void twoJobsOfOneSavepointDoNotMix(final String store) throws Exception {
        checkForks(directory, store(store));
    }

    /** Two jobs go on from one savepoint, side by side, and one of them fails on the way: each does everything itself. */
    static void checkForks(final Path directory, final Map<String, String> options) throws Exception {
        final int records = 700;
        final StreamExecutionEnvironment first = Cluster.env(2, config("hashmap", 25));
        final Queue<Object> firstOutputs = Cluster.emitted(job(first, records, RateLimiterStrategy.perCheckpoint(2), options));
        final JobClient client = first.executeAsync("stops");
        Asker.until("some outputs have come", () -> firstOutputs.size() >= 30);
        final String savepoint =
                client.stopWithSavepoint(false, directory.toUri().toString(), SavepointFormatType.CANONICAL).get();
        final Set<String> begun = Bookkeeper.ledger().stream().map(line -> line.input).collect(Collectors.toSet());
        assertThat(begun).as("inputs of the first job").hasSizeLessThan(records - 200);

        Bookkeeper.reset();
        Bookkeeper.STEPS_TO_FAILURE.set(3_000);
        final List<Queue<Object>> outputs = new ArrayList<>();
        final List<JobClient> forks = new ArrayList<>();
        for (final String name : List.of("one", "other")) {
            final StreamExecutionEnvironment fork = Cluster.env(2, restoring(savepoint));
            outputs.add(Cluster.emitted(job(fork, records, RateLimiterStrategy.perCheckpoint(10), options)));
            forks.add(fork.executeAsync(name));
        }
        for (final JobClient fork : forks) {
            fork.getJobExecutionResult().get();
        }
        assertThat(Bookkeeper.STEPS_TO_FAILURE.get()).as("one did fail").isLessThanOrEqualTo(0);
        final Set<String> rest = new HashSet<>(expected(records));
        rest.removeAll(new HashSet<>(Cluster.byKey(firstOutputs)));
        for (final Queue<Object> fork : outputs) {
            // Those after the last checkpoint before the failure come twice here, and are the same.
            assertThat(new HashSet<>(Cluster.byKey(fork))).isEqualTo(rest);
        }
        // What the first job had begun, either goes on with. Of the rest each makes every call, and each with keys of its own but for
        // inputs that had come to the first job and waited.
        final Map<String, List<String>> keys = new HashMap<>();
        int lines = 0;
        for (final Bookkeeper.Line line : Bookkeeper.ledger()) {
            if (!begun.contains(line.input)) {
                keys.computeIfAbsent(line.toString(), call -> new ArrayList<>()).add(line.key);
                lines++;
            }
        }
        assertThat(keys).hasSize((records - begun.size()) * Bookkeeper.CALLS);
        assertThat(keys.values()).as("each call was made by each job").allMatch(made -> made.size() >= 2);
        assertThat(keys.values()).as("one key in each job").allMatch(made -> new HashSet<>(made).size() <= 2);
        assertThat(lines - 2 * keys.size()).as("calls made again").isBetween(0, KEYS * 3);
        final String last = new Bookkeeper.Line(input(records - 1), 0, "charge", "").toString();
        assertThat(new HashSet<>(keys.get(last))).as("keys of the last input").hasSize(2);
    }

    @Test
    void aLostTaskManagerRepeatsOnlyCallsInFlight() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(2, config("hashmap", 25));
        final Queue<Object> outputs =
                Cluster.emitted(job(flink, 300, RateLimiterStrategy.perCheckpoint(20), store("sqlite")));
        final JobClient client = flink.executeAsync("loses its TaskManager");
        Asker.until("some outputs have come", () -> outputs.size() >= 60);
        Cluster.flink().terminateTaskManager(0).get();
        Cluster.flink().startTaskManager();
        client.getJobExecutionResult().get();
        // Those after the last checkpoint come twice here, and are the same.
        assertThat(new HashSet<>(Cluster.byKey(outputs))).isEqualTo(new HashSet<>(expected(300)));
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(KEYS * 3);
    }

    @Test
    void metricsShowHowTheJournalIsDoing() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, config("hashmap", 3_600_000));
        final Queue<Object> outputs = Cluster.emitted(job(flink, 100, RateLimiterStrategy.noOp(), store("sqlite")));
        final JobID job = flink.execute("measured").getJobID();
        assertThat(outputs).hasSize(100);
        for (final String name : List.of("numOfCallsReplayed", "numOfActionsReplayed", "numOfDivergences")) {
            assertThat(metrics(job, name).map(metric -> ((Counter) metric).getCount())).containsExactly(0L);
        }
        assertThat(metrics(job, "numOfUnacknowledgedRecords").<Object>map(metric -> ((Gauge<?>) metric).getValue())).containsExactly(0);
        assertThat(metrics(job, "journalKilobytes").<Object>map(metric -> ((Gauge<?>) metric).getValue())).containsExactly(0);
        assertThat(metrics(job, "storeLatencyMs").map(metric -> ((Histogram) metric).getCount())).singleElement().satisfies(count -> assertThat(count).isPositive());
    }

    private static Stream<Metric> metrics(final JobID job, final String name) {
        final Map<String, Metric> found = Cluster.metrics().findMetrics(job, name);
        assertThat(found).as(name).isNotEmpty();
        return found.entrySet().stream().filter(entry -> entry.getKey().endsWith(name)).map(Map.Entry::getValue);
    }

    /**
     * A bounded job in BATCH mode that fails once; what it emitted in all its attempts. After the failure the operator gets what
     * Flink has kept of its inputs, or they are made again.
     */
    private Queue<Object> batch(
            final String store, final int records, final boolean inputsAgain, final SerializableTimestampAssigner<String> timestamps)
            throws Exception {
        final Configuration config = config("hashmap", 3_600_000);
        config.set(ExecutionOptions.RUNTIME_MODE, RuntimeExecutionMode.BATCH);
        if (inputsAgain) {
            config.set(ExecutionOptions.BATCH_SHUFFLE_MODE, BatchShuffleMode.ALL_EXCHANGES_PIPELINED);
            config.set(JobManagerOptions.SCHEDULER, JobManagerOptions.SchedulerType.Default);
        }
        final StreamExecutionEnvironment flink = Cluster.env(2, config);
        final List<String> inputs = LongStream.range(0, records).mapToObj(JournalJobsTest::input).collect(Collectors.toList());
        // In BATCH mode Flink sorts the records of a key by their timestamps.
        final DataStream<String> timed =
                flink.fromData(inputs)
                        .assignTimestampsAndWatermarks(
                                WatermarkStrategy.<String>noWatermarks().withTimestampAssigner(timestamps));
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        store(store).forEach(agents.getConfig()::setStr);
        final Queue<Object> outputs =
                Cluster.emitted(agents.fromDataStream(timed, TestAgents::keyOf).apply(new Bookkeeper()).toDataStream());
        flink.execute("batch");
        assertThat(Bookkeeper.STEPS_TO_FAILURE.get()).as("it did fail").isLessThanOrEqualTo(0);
        return outputs;
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void aFailureInBatchModeRepeatsOnlyCallsInFlight(final String store) throws Exception {
        Bookkeeper.STEPS_TO_FAILURE.set(700);
        final Queue<Object> outputs = batch(store, 100, false, (input, none) -> number(input));
        assertThat(new HashSet<>(Cluster.byKey(outputs))).isEqualTo(new HashSet<>(expected(100)));
        // One key at a time in each of the two subtasks.
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(2 * 3);
        assertThat(Bookkeeper.ledger()).hasSizeGreaterThanOrEqualTo(100 * Bookkeeper.CALLS);
    }

    @Test
    void inBatchModeTheInputsOfAKeyMayComeInAnotherOrder() throws Exception {
        Bookkeeper.STEPS_TO_FAILURE.set(700);
        final Queue<Object> outputs =
                batch("memory", 100, true, (input, none) -> Bookkeeper.STEPS_TO_FAILURE.get() > 0 ? number(input) : -number(input));
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(2 * 3);
        // Each input has one output, and the inputs of a key have different numbers.
        final Set<String> all = new HashSet<>(Cluster.byKey(outputs));
        assertThat(all).hasSize(100);
        assertThat(all.stream().map(output -> output.substring(0, output.indexOf(' ')))).doesNotHaveDuplicates();
        assertThat(all.stream().map(output -> TestAgents.keyOf(output) + output.substring(output.indexOf('#')))).doesNotHaveDuplicates();
    }

    private static long number(final String input) {
        return Long.parseLong(input.substring(input.indexOf('/') + 1));
    }
}
