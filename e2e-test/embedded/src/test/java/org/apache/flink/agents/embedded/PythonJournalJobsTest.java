package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import org.apache.flink.agents.runtime.env.PythonEntry;
import org.apache.flink.agents.runtime.host.EncodedRecord;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole jobs of a Python agent with a journal: killed workers, failures before the first checkpoint, new parallelism, a lost TaskManager. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class PythonJournalJobsTest {
    private static final int KEYS = 7;

    @TempDir Path directory;
    private PythonLedger ledger;

    @BeforeEach
    void makeLedger() throws Exception {
        ledger = new PythonLedger(Files.createDirectory(directory.resolve("ledger")));
    }

    @AfterEach
    void noWorkerIsLeft() {
        PythonTools.awaitNoWorkers();
    }

    private static List<String> expected(final int records) {
        return PythonJournalTest.expected(records, KEYS);
    }

    private static Configuration config(final long checkpointInterval) {
        final Configuration config = PythonJobsTest.config();
        config.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(checkpointInterval));
        return config;
    }

    private DataStream<Object> job(
            final StreamExecutionEnvironment flink, final String store, final int records, final RateLimiterStrategy rate)
            throws Exception {
        final Map<String, Object> options = new HashMap<>();
        options.put("actionStateStoreBackend", store);
        options.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        final String ledgerPath = directory.resolve("ledger").toString();
        final DataGeneratorSource<byte[]> source =
                new DataGeneratorSource<>(
                        index -> PythonTools.record("k" + index % KEYS, List.of(ledgerPath, "k" + index % KEYS, index)),
                        records,
                        rate,
                        PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);
        final DataStream<byte[]> stream = flink.fromSource(source, WatermarkStrategy.noWatermarks(), "records").setParallelism(1);
        // In as many subtasks as the job has, and in the order of a key.
        return PythonEntry.connect(
                        stream.keyBy(EncodedRecord::key, Types.STRING).map(record -> record).returns(byte[].class),
                        PythonTools.plan("Books", options),
                        PythonTools.environment())
                .map(PythonTools::decode)
                .returns(Types.GENERIC(Object.class));
    }

    @ParameterizedTest
    @CsvSource({"memory,raise,700", "sqlite,kill,300", "sqlite,raise,900"})
    void aFailureBeforeTheFirstCheckpointRepeatsOnlyCallsInFlight(final String store, final String how, final int step) throws Exception {
        ledger.failAt(how, step);
        final List<Object> outputs =
                Cluster.run(job(Cluster.env(1, config(3_600_000)), store, 100, RateLimiterStrategy.noOp()));
        assertThat(ledger.hasFailed()).isTrue();
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(100));
        assertThat(ledger.check()).as("calls made again").isLessThanOrEqualTo(KEYS * PythonLedger.AT_A_TIME);
    }

    @ParameterizedTest
    @CsvSource({"memory", "sqlite"})
    void workersThatAreKilledBetweenCheckpointsRepeatOnlyCallsInFlight(final String store) throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(2, config(25));
        final DataStream<Object> stream = job(flink, store, 200, RateLimiterStrategy.perCheckpoint(20));
        final Queue<Object> seen = Cluster.emitted(stream);
        final int kills = 3;
        final Thread killer =
                new Thread(
                        () -> {
                            for (int part = 1; part <= kills; part++) {
                                final int enough = part * 200 / 5;
                                Asker.until("enough outputs have come", () -> seen.size() >= enough);
                                PythonTools.workers().forEach(ProcessHandle::destroyForcibly);
                            }
                        });
        killer.setDaemon(true);
        killer.start();
        final List<Object> outputs = Cluster.run(stream);
        killer.join();
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(200));
        assertThat(ledger.check()).as("calls made again").isLessThanOrEqualTo(kills * KEYS * PythonLedger.AT_A_TIME);
    }

    @ParameterizedTest
    @CsvSource({"memory,1,2", "sqlite,2,1"})
    void anotherParallelismGoesOnFromASavepoint(final String store, final int before, final int after) throws Exception {
        final StreamExecutionEnvironment first = Cluster.env(before, config(25));
        final Queue<Object> firstOutputs = Cluster.emitted(job(first, store, 600, RateLimiterStrategy.perCheckpoint(10)));
        final JobClient client = first.executeAsync("stops");
        Asker.until("some outputs have come", () -> firstOutputs.size() >= 50);
        final String savepoint =
                client.stopWithSavepoint(false, directory.toUri().toString(), SavepointFormatType.CANONICAL).get();
        final List<Object> outputs = new ArrayList<>(firstOutputs);
        assertThat(outputs).as("outputs of the first job").hasSizeLessThan(600);

        final Configuration config = config(25);
        config.set(StateRecoveryOptions.SAVEPOINT_PATH, savepoint);
        final StreamExecutionEnvironment second = Cluster.env(after, config);
        final Queue<Object> secondOutputs = Cluster.emitted(job(second, store, 600, RateLimiterStrategy.perCheckpoint(40)));
        second.execute("goes on");
        outputs.addAll(secondOutputs);
        assertThat(Cluster.byKey(outputs)).isEqualTo(expected(600));
        assertThat(ledger.check()).as("calls made again").isLessThanOrEqualTo(KEYS * PythonLedger.AT_A_TIME);
    }

    @Test
    void aLostTaskManagerRepeatsOnlyCallsInFlight() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(2, config(25));
        final Queue<Object> outputs = Cluster.emitted(job(flink, "sqlite", 200, RateLimiterStrategy.perCheckpoint(20)));
        final JobClient client = flink.executeAsync("loses its TaskManager");
        Asker.until("some outputs have come", () -> outputs.size() >= 60);
        Cluster.flink().terminateTaskManager(0).get();
        Cluster.flink().startTaskManager();
        client.getJobExecutionResult().get();
        // Those after the last checkpoint come twice here, and are the same.
        assertThat(new HashSet<>(Cluster.byKey(outputs))).isEqualTo(new HashSet<>(expected(200)));
        assertThat(ledger.check()).as("calls made again").isLessThanOrEqualTo(KEYS * PythonLedger.AT_A_TIME);
    }
}
