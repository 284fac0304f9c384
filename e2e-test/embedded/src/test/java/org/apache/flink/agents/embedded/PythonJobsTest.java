package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.apache.flink.agents.runtime.env.PythonEntry;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.Metric;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Python agents on a running Flink. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class PythonJobsTest {
    static final int RECORDS = 400;
    static final int KEYS = 7;

    @AfterEach
    void noWorkerIsLeft() {
        PythonTools.awaitNoWorkers();
    }

    static byte[] record(final long index) {
        final String key = "k" + index % KEYS;
        return PythonTools.record(key, List.of(key, (int) (index % 9), "t" + index));
    }

    static List<String> expected() {
        final List<String> lines = new ArrayList<>();
        for (int i = 0; i < RECORDS; i++) {
            lines.add("k" + i % KEYS + "/t" + i + "#" + (i / KEYS + 1) + " after " + i % 9);
        }
        return Cluster.byKey(lines);
    }

    static Configuration config() {
        final Configuration config = new Configuration();
        config.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(25));
        config.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, 10);
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, Duration.ofMillis(5));
        return config;
    }

    private static DataStream<Object> job(final StreamExecutionEnvironment flink, final String agent, final boolean slow)
            throws Exception {
        return job(flink, agent, Map.of(), slow);
    }

    static DataStream<Object> job(
            final StreamExecutionEnvironment flink, final String agent, final Map<String, ?> options, final boolean slow)
            throws Exception {
        final RateLimiterStrategy rate = slow ? RateLimiterStrategy.perCheckpoint(20) : RateLimiterStrategy.noOp();
        final DataGeneratorSource<byte[]> source =
                new DataGeneratorSource<>(
                        PythonJobsTest::record, RECORDS, rate, PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);
        final DataStream<byte[]> records =
                flink.fromSource(source, WatermarkStrategy.noWatermarks(), "records").setParallelism(1);
        return PythonEntry.connect(
                        records.rebalance().map(record -> record).returns(byte[].class),
                        PythonTools.plan(agent, options),
                        PythonTools.environment())
                .map(PythonTools::decode)
                .returns(Types.GENERIC(Object.class));
    }

    @ParameterizedTest
    @ValueSource(strings = {"Walker", "AsyncWalker", "CallWalker"})
    void aKilledWorkerIsFollowedByACleanOneAndNothingIsLostOrRepeated(final String agent) throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, config());
        final DataStream<Object> outputs = job(flink, agent, true);
        final Queue<Object> seen = Cluster.emitted(outputs);
        final Thread killer =
                new Thread(
                        () -> {
                            for (int part = 1; part <= 3; part++) {
                                while (seen.size() < part * RECORDS / 5) {
                                    LockSupport.parkNanos(200_000);
                                }
                                PythonTools.workers().forEach(ProcessHandle::destroyForcibly);
                            }
                        });
        killer.setDaemon(true);
        killer.start();
        final List<Object> all = Cluster.run(outputs);
        killer.join();
        assertThat(Cluster.byKey(all)).isEqualTo(expected());
    }

    @Test
    void inputOrderWithinAKeyStaysWhenTheJobIsSpread() throws Exception {
        assertThat(Cluster.byKey(Cluster.run(job(Cluster.env(1, new Configuration()), "Walker", false)))).isEqualTo(expected());
    }

    @Test
    void whatAnActionCountsIsAMetricOfFlink() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
        Cluster.emitted(job(flink, "Counts", false));
        final JobID job = flink.execute("counts").getJobID();
        assertThat(((Counter) metric(job, "seen")).getCount()).isEqualTo(2L * RECORDS);
        assertThat(((Gauge<?>) metric(job, "kind.a.level")).getValue()).isEqualTo(2.5);
        assertThat(((Histogram) metric(job, ".sizes")).getStatistics().getMax()).isEqualTo(7);
        assertThat(((Histogram) metric(job, ".sizes")).getStatistics().size()).isEqualTo(100);
        assertThat(((Histogram) metric(job, "wide sizes")).getStatistics().size()).isEqualTo(250);
        assertThat(((Counter) metric(job, "action.count.numOfActionsExecuted")).getCount()).isEqualTo(RECORDS);
    }

    @Test
    void resultsThatComeAfterTheirCallWasGivenUpAreCounted() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
        Cluster.emitted(job(flink, "Late", false));
        final JobID job = flink.execute("late").getJobID();
        assertThat(((Counter) metric(job, "numOfLateCallResults")).getCount()).isEqualTo(RECORDS);
    }

    private static Metric metric(final JobID job, final String name) {
        return Cluster.metrics().findMetrics(job, name).entrySet().stream()
                .filter(entry -> entry.getKey().endsWith(name))
                .map(Map.Entry<String, Metric>::getValue)
                .findFirst()
                .orElseThrow(() -> new AssertionError("no metric " + name));
    }

    @Test
    void inBatchModeEachKeyIsDoneInOneGo() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
        flink.setRuntimeMode(RuntimeExecutionMode.BATCH);
        // Flink sorts by key, and promises no order among the records of one.
        final List<String> lines = Cluster.byKey(Cluster.run(job(flink, "Walker", false)));
        assertThat(numbers(lines)).isEqualTo(numbers(expected()));
        assertThat(tags(lines)).isEqualTo(tags(expected()));
    }

    private static List<String> numbers(final List<String> lines) {
        return lines.stream().map(line -> line.replaceAll("/t\\d+#(\\d+) after .*", "#$1")).collect(Collectors.toList());
    }

    private static List<String> tags(final List<String> lines) {
        return lines.stream().map(line -> line.replaceAll("#\\d+", "")).sorted().collect(Collectors.toList());
    }

    @Test
    void aCancelledJobLeavesNoWorkerAlsoWhileAnActionHangs() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
        final DataGeneratorSource<byte[]> source =
                new DataGeneratorSource<>(
                        index -> PythonTools.record("k", "hang"),
                        1,
                        PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);
        Cluster.emitted(
                PythonEntry.connect(
                                flink.fromSource(source, WatermarkStrategy.noWatermarks(), "records"),
                                PythonTools.plan("Fails", Map.of()),
                                PythonTools.environment())
                        .map(PythonTools::decode)
                        .returns(Types.GENERIC(Object.class)));
        final JobClient client = flink.executeAsync("hangs");
        while (PythonTools.workers().isEmpty()) {
            LockSupport.parkNanos(1_000_000);
        }
        client.cancel().get();
        assertThatThrownBy(() -> client.getJobExecutionResult().get()).hasMessageContaining("cancel");
    }
}
