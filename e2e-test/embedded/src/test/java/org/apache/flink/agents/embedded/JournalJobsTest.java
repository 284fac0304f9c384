package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
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

    private static String input(final long index) {
        return "k" + index % KEYS + "/" + index;
    }

    private static List<String> expected(final int records) {
        return Cluster.byKey(
                LongStream.range(0, records)
                        .mapToObj(i -> Bookkeeper.output(input(i), (int) (i / KEYS + 1)))
                        .collect(Collectors.toList()));
    }

    private static Configuration config(final String backend, final long checkpointInterval) {
        final Configuration config = new Configuration();
        config.set(StateBackendOptions.STATE_BACKEND, backend);
        config.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(checkpointInterval));
        config.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, 20);
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, Duration.ofMillis(5));
        return config;
    }

    private Map<String, String> store(final String store) {
        final Map<String, String> options = new HashMap<>();
        options.put("actionStateStoreBackend", store);
        options.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        return options;
    }

    private static DataStream<Object> job(
            final StreamExecutionEnvironment flink, final int records, final RateLimiterStrategy rate, final Map<String, String> options) {
        final DataGeneratorSource<String> source = new DataGeneratorSource<>(JournalJobsTest::input, records, rate, Types.STRING);
        final DataStream<String> stream =
                flink.fromSource(source, WatermarkStrategy.noWatermarks(), "records").setParallelism(1);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        options.forEach(agents.getConfig()::setStr);
        return agents.fromDataStream(Cluster.spread(stream, TestAgents::keyOf), TestAgents::keyOf).apply(new Bookkeeper()).toDataStream();
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

        final Configuration config = config("hashmap", 25);
        config.set(StateRecoveryOptions.SAVEPOINT_PATH, savepoint);
        final StreamExecutionEnvironment second = Cluster.env(after, config);
        final Queue<Object> secondOutputs =
                Cluster.emitted(job(second, 1_000, RateLimiterStrategy.perCheckpoint(10), store(store)));
        second.execute("goes on");
        outputs.addAll(secondOutputs);
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(1_000));
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(KEYS * 3);
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
    void batchModeIsRefused() {
        final Configuration config = new Configuration();
        config.set(ExecutionOptions.RUNTIME_MODE, RuntimeExecutionMode.BATCH);
        assertThatThrownBy(() -> Cluster.runToFailure(job(Cluster.env(1, config), 5, RateLimiterStrategy.noOp(), store("memory"))))
                .hasStackTraceContaining("runs in BATCH mode")
                .hasStackTraceContaining("actionStateStoreBackend");
    }
}
