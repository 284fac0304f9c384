package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.StreamSupport;
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
import org.apache.flink.runtime.execution.ExecutionState;
import org.apache.flink.runtime.executiongraph.AccessExecutionVertex;
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

/** Whole jobs whose actions wait for calls: their ends, failures, savepoints, new parallelism. */
@Timeout(value = 120, threadMode = ThreadMode.SEPARATE_THREAD)
class AsyncJobsTest {
    private static final int KEYS = 7;

    @TempDir Path directory;

    @BeforeEach
    void forget() {
        Asker.reset();
    }

    @AfterEach
    void nothingIsLeft() {
        Asker.open();
        Asker.awaitNoThreads();
        Asker.until("no call is under way", () -> Asker.UNDER_WAY.get() == 0);
    }

    private static String input(final long index) {
        return "k" + index % KEYS + "/" + index;
    }

    private static List<String> expected(final int records) {
        return Cluster.byKey(LongStream.range(0, records).mapToObj(i -> input(i) + "#" + (i / KEYS + 1)).collect(Collectors.toList()));
    }

    private static Configuration config(final String backend) {
        final Configuration config = new Configuration();
        config.set(StateBackendOptions.STATE_BACKEND, backend);
        config.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(25));
        config.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, 10);
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, Duration.ofMillis(5));
        return config;
    }

    private static DataStream<Object> job(
            final StreamExecutionEnvironment flink, final int records, final Map<String, Integer> options) {
        final DataGeneratorSource<String> source =
                new DataGeneratorSource<>(AsyncJobsTest::input, records, RateLimiterStrategy.perCheckpoint(20), Types.STRING);
        final DataStream<String> stream =
                flink.fromSource(source, WatermarkStrategy.noWatermarks(), "records").setParallelism(1);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        options.forEach(agents.getConfig()::setInt);
        return agents.fromDataStream(Cluster.spread(stream, TestAgents::keyOf), TestAgents::keyOf).apply(new Asker()).toDataStream();
    }

    private static DataStream<Object> job(final StreamExecutionEnvironment flink, final int records) {
        return job(flink, records, Map.of());
    }

    /** No savepoint can be had before: outputs may come from one subtask while another starts. */
    private static void awaitAllTasks(final JobClient client) {
        Asker.until("every task runs", () -> StreamSupport.stream(
                        Cluster.flink().getExecutionGraph(client.getJobID()).join().getAllExecutionVertices().spliterator(), false)
                .map(AccessExecutionVertex::getExecutionState)
                .allMatch(state -> state == ExecutionState.RUNNING || state == ExecutionState.FINISHED));
    }

    @ParameterizedTest
    @ValueSource(strings = {"hashmap", "rocksdb"})
    void afterFailuresOutputAndMemoryAreExactlyOnce(final String backend) throws Exception {
        Asker.open();
        Asker.CALLS_TO_FAILURE.set(70);
        final List<Object> outputs = Cluster.run(job(Cluster.env(2, config(backend)), 200));
        assertThat(Asker.CALLS_TO_FAILURE.get()).as("it did fail").isLessThanOrEqualTo(0);
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(200));
    }

    @Test
    void checkpointsGoOnWhileAllRunsWait() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, config("hashmap"));
        // The source gives the next records after a checkpoint only; one call of each key comes to be under way.
        final Queue<Object> outputs = Cluster.emitted(job(flink, 200));
        final JobClient client = flink.executeAsync("checkpoints while all wait");
        Asker.awaitBegun(KEYS);
        awaitAllTasks(client);
        final String savepoint = client.triggerSavepoint(directory.toUri().toString(), SavepointFormatType.CANONICAL).get();
        assertThat(savepoint).isNotEmpty();
        assertThat(outputs).isEmpty();
        assertThat(Asker.UNDER_WAY.get()).isEqualTo(KEYS);
        Asker.open();
        client.getJobExecutionResult().get();
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(200));
    }

    @ParameterizedTest
    @CsvSource({"hashmap,1,3", "hashmap,2,2", "rocksdb,3,1"})
    void stopWithSavepointAndCallsPendingLosesAndRepeatsNothing(final String backend, final int before, final int after)
            throws Exception {
        final StreamExecutionEnvironment first = Cluster.env(before, config(backend));
        final Queue<Object> firstOutputs = Cluster.emitted(job(first, 200));
        final JobClient client = first.executeAsync("stops");
        Asker.GATE.release(10);
        Asker.until("ten outputs", () -> firstOutputs.size() == 10);
        awaitAllTasks(client);
        final String savepoint =
                client.stopWithSavepoint(false, directory.toUri().toString(), SavepointFormatType.CANONICAL).get();
        assertThat(firstOutputs).hasSize(10);
        final List<Object> outputs = new ArrayList<>(firstOutputs);
        Asker.awaitNoThreads();

        Asker.open();
        final Configuration config = config(backend);
        config.set(StateRecoveryOptions.SAVEPOINT_PATH, savepoint);
        final StreamExecutionEnvironment second = Cluster.env(after, config);
        final Queue<Object> secondOutputs = Cluster.emitted(job(second, 200));
        second.execute("goes on");
        outputs.addAll(secondOutputs);
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(200));
    }

    @Test
    void stopWithDrainWaitsForPendingCalls() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(2, config("hashmap"));
        final Queue<Object> outputs = Cluster.emitted(job(flink, 10_000));
        final JobClient client = flink.executeAsync("drained");
        Asker.GATE.release(10);
        Asker.until("ten outputs", () -> outputs.size() == 10);
        Asker.awaitBegun(10);
        awaitAllTasks(client);
        final java.util.concurrent.CompletableFuture<String> stopped =
                client.stopWithSavepoint(true, directory.toUri().toString(), SavepointFormatType.CANONICAL);
        Asker.until("calls are pending", () -> Asker.UNDER_WAY.get() > 0);
        assertThat(stopped).isNotDone();
        Asker.open();
        stopped.get();
        assertThat(outputs).hasSizeBetween(11, 9_999);
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(outputs.size()));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aJobIsCancelledWithCallsPending(final boolean stubborn) throws Exception {
        Asker.stubborn = stubborn;
        final StreamExecutionEnvironment flink = Cluster.env(2, config("hashmap"));
        Cluster.emitted(job(flink, 10_000));
        final JobClient client = flink.executeAsync("is cancelled");
        Asker.awaitBegun(KEYS);
        final long begun = System.nanoTime();
        client.cancel().get();
        assertThatThrownBy(() -> client.getJobExecutionResult().get()).hasMessageContaining("cancel");
        Asker.until("no subtask is left", () -> Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().startsWith("Asker")));
        // Calls that ignore their interrupts are left behind after five seconds, all together.
        assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(stubborn ? 20 : 10));
        if (!stubborn) {
            assertThat(Asker.INTERRUPTED.availablePermits()).isEqualTo(KEYS);
            Asker.awaitNoThreads();
        }
    }

    @Test
    void aJobIsCancelledWhileInputWaitsAtTheLimit() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, config("hashmap"));
        Cluster.emitted(job(flink, 10_000, Map.of("max-in-flight", 3)));
        final JobClient client = flink.executeAsync("is cancelled at the limit");
        Asker.awaitBegun(3);
        client.cancel().get();
        assertThatThrownBy(() -> client.getJobExecutionResult().get()).hasMessageContaining("cancel");
        Asker.awaitNoThreads();
    }

    @Test
    void atTheLimitOfRunsTheJobGoesOnAsCallsEnd() throws Exception {
        Asker.open();
        final List<Object> outputs = Cluster.run(job(Cluster.env(1, config("hashmap")), 200, Map.of("max-in-flight", 3)));
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(200));
        assertThat(Asker.MOST_UNDER_WAY.get()).isBetween(1, 4);
    }

    @Test
    void inBatchModeOneKeyRunsAtATime() throws Exception {
        Asker.open();
        final Configuration config = new Configuration();
        config.set(ExecutionOptions.RUNTIME_MODE, RuntimeExecutionMode.BATCH);
        final StreamExecutionEnvironment flink = Cluster.env(1, config);
        final List<String> inputs = LongStream.range(0, 70).mapToObj(AsyncJobsTest::input).collect(Collectors.toList());
        // In BATCH mode Flink sorts the records of a key by their timestamps.
        final DataStream<String> timed = flink.fromData(inputs)
                .assignTimestampsAndWatermarks(WatermarkStrategy.<String>forMonotonousTimestamps()
                        .withTimestampAssigner((input, none) -> Long.parseLong(input.substring(input.indexOf('/') + 1))));
        final List<Object> outputs = Cluster.run(AgentsExecutionEnvironment.getExecutionEnvironment(flink)
                .fromDataStream(timed, TestAgents::keyOf)
                .apply(new Asker())
                .toDataStream());
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(70));
        assertThat(Asker.MOST_UNDER_WAY.get()).isEqualTo(1);
    }

    @Test
    void fiftyRestartsInOneTaskManagerLeaveNothing() throws Exception {
        final Configuration config = config("hashmap");
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, 100);
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, Duration.ofMillis(1));
        final StreamExecutionEnvironment flink = Cluster.env(2, config);
        final Queue<Object> outputs = Cluster.emitted(job(flink, 200));
        final JobClient client = flink.executeAsync("restarts");
        for (int restart = 0; restart < 50; restart++) {
            Asker.awaitBegun(KEYS);
            // The one call that may end fails; the others are pending.
            Asker.CALLS_TO_FAILURE.set(1);
            Asker.GATE.release();
            Asker.until("the call has failed", () -> Asker.CALLS_TO_FAILURE.get() == 0);
            Asker.until("the calls were given up", () -> Asker.INTERRUPTED.availablePermits() >= KEYS - 1);
            Asker.INTERRUPTED.drainPermits();
        }
        Asker.awaitBegun(KEYS);
        final long threads = Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("flink-agents-java-async"))
                .count();
        // On each of two subtasks one for each key, and one that looks after locks.
        assertThat(threads).isLessThanOrEqualTo(KEYS + 4);
        Asker.CALLS_TO_FAILURE.set(-1);
        Asker.open();
        client.getJobExecutionResult().get();
        assertThat(outputs.stream().distinct().count()).isEqualTo(200);
    }
}
