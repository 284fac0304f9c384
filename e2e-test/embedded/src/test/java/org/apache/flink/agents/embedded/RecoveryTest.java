package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Failures, savepoints and new parallelism, with runs in flight, on a running Flink. */
class RecoveryTest {
    private static final int RECORDS = 240;
    private static final int PER_CHECKPOINT = 20;
    private static final List<String> INPUTS =
            IntStream.range(0, RECORDS).mapToObj(RecoveryTest::input).collect(Collectors.toList());

    @TempDir Path directory;

    private static String input(final long index) {
        return "k" + index % 5 + "/" + (100 + index * 37 % 900) + "/" + index;
    }

    private static Configuration config(final String backend, final boolean unaligned, final boolean reuse) {
        final Configuration config = new Configuration();
        config.set(StateBackendOptions.STATE_BACKEND, backend);
        config.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(25));
        config.set(CheckpointingOptions.ENABLE_UNALIGNED, unaligned);
        config.set(PipelineOptions.OBJECT_REUSE, reuse);
        config.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, 10);
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, Duration.ofMillis(5));
        return config;
    }

    private static DataStream<Object> job(final StreamExecutionEnvironment flink) {
        final DataGeneratorSource<String> source =
                new DataGeneratorSource<>(
                        RecoveryTest::input, RECORDS, RateLimiterStrategy.perCheckpoint(PER_CHECKPOINT), Types.STRING);
        final DataStream<String> records =
                flink.fromSource(source, WatermarkStrategy.noWatermarks(), "records").setParallelism(1);
        return AgentsExecutionEnvironment.getExecutionEnvironment(flink)
                .fromDataStream(Cluster.spread(records, TestAgents::keyOf), TestAgents::keyOf)
                .apply(new TestAgents.Walker())
                .toDataStream();
    }

    @AfterEach
    void noMoreFailures() {
        TestAgents.Walker.STEPS_TO_FAILURE.set(-1);
    }

    @ParameterizedTest
    @CsvSource({"hashmap,false,false", "hashmap,true,true", "rocksdb,false,true", "rocksdb,true,false"})
    void afterAFailureOutputAndMemoryAreExactlyOnce(final String backend, final boolean unaligned, final boolean reuse)
            throws Exception {
        final Random random = new Random(backend.hashCode() + (unaligned ? 1 : 0));
        for (int round = 0; round < 2; round++) {
            final int steps = 5_000 + random.nextInt(90_000);
            TestAgents.Walker.STEPS_TO_FAILURE.set(steps);
            final List<Object> outputs = Cluster.run(job(Cluster.env(2, config(backend, unaligned, reuse))));
            assertThat(TestAgents.Walker.STEPS_TO_FAILURE.get()).as("it did fail").isLessThanOrEqualTo(0);
            assertThat(Cluster.byKey(outputs))
                    .as("failure after %s steps", steps)
                    .isEqualTo(Cluster.byKey(TestAgents.walked(INPUTS)));
        }
    }

    @ParameterizedTest
    @CsvSource({"hashmap,2,2", "hashmap,1,3", "rocksdb,3,1"})
    void stopWithSavepointEmitsNothingAfterItAndTheNextJobGoesOn(final String backend, final int before, final int after)
            throws Exception {
        final StreamExecutionEnvironment first = Cluster.env(before, config(backend, false, false));
        final Queue<Object> firstOutputs = Cluster.emitted(job(first));
        final JobClient client = first.executeAsync("stops");
        await(firstOutputs, RECORDS / 4);
        final String savepoint =
                client.stopWithSavepoint(false, directory.toUri().toString(), SavepointFormatType.CANONICAL).get();
        final List<Object> outputs = new ArrayList<>(firstOutputs);
        assertThat(outputs).as("outputs of the first job").hasSizeLessThan(RECORDS);

        final Configuration config = config(backend, false, false);
        config.set(StateRecoveryOptions.SAVEPOINT_PATH, savepoint);
        final StreamExecutionEnvironment second = Cluster.env(after, config);
        final Queue<Object> secondOutputs = Cluster.emitted(job(second));
        second.execute("goes on");
        outputs.addAll(secondOutputs);
        assertThat(Cluster.byKey(outputs)).isEqualTo(Cluster.byKey(TestAgents.walked(INPUTS)));
    }

    @Test
    void stopWithDrainGivesTheOutputsOfAllInputsTaken() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(2, config("hashmap", false, false));
        final Queue<Object> outputs = Cluster.emitted(job(flink));
        final JobClient client = flink.executeAsync("drained");
        await(outputs, RECORDS / 4);
        client.stopWithSavepoint(true, directory.toUri().toString(), SavepointFormatType.CANONICAL).get();
        final List<String> byKey = Cluster.byKey(outputs);
        assertThat(byKey).isEqualTo(Cluster.byKey(TestAgents.walked(INPUTS.subList(0, outputs.size()))));
    }

    /** Gives way until so many have come; the limit is for a job that hangs. */
    private static void await(final Queue<Object> outputs, final int number) {
        final long limit = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (outputs.size() < number) {
            assertThat(System.nanoTime()).as("outputs: %s", outputs.size()).isLessThan(limit);
            java.util.concurrent.locks.LockSupport.parkNanos(1_000_000);
        }
    }
}
