package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.apache.flink.agents.runtime.env.PythonEntry;
import org.apache.flink.agents.runtime.host.PlainPython;
import org.apache.flink.agents.runtime.host.PythonEnvironment;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Several workers in one subtask, their start and its cancellation, and the limit of their memory. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class PythonWorkersTest {
    private static final Map<String, Integer> THREE = Map.of("python.workers", 3);
    private static final Map<String, String> SMALL = Map.of("python.worker.memory", "256 mb");

    @AfterEach
    void noWorkerIsLeft() {
        PythonTools.awaitNoWorkers();
    }

    private static Set<Long> processes() {
        return PythonTools.workers().stream().map(ProcessHandle::pid).collect(Collectors.toSet());
    }

    @Test
    void aKeyStaysWithItsWorkerAndAllWorkersHaveKeys() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Where", THREE).open()) {
            final Map<String, Set<String>> processes = new HashMap<>();
            final Set<Long> workers = processes();
            assertThat(workers).hasSize(3);
            // Other keys are in flight each time, so that a key has another slot.
            for (int round = 0; round < 5; round++) {
                final int keys = 40 - 7 * round;
                for (int key = keys - 1; key >= 0; key--) {
                    harness.in(PythonTools.record("k" + key, "k" + key));
                }
                for (final Object output : PythonTools.decode(harness.await(keys))) {
                    final String[] parts = output.toString().split("/");
                    processes.computeIfAbsent(parts[0], key -> new HashSet<>()).add(parts[1]);
                }
            }
            assertThat(processes).hasSize(40).allSatisfy((key, seen) -> assertThat(seen).hasSize(1));
            assertThat(processes.values().stream().flatMap(Set::stream).map(Long::valueOf)).containsOnlyElementsOf(workers);
            assertThat(processes()).isEqualTo(workers);
        }
        assertThat(PythonTools.workers()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"Walker", "AsyncWalker"})
    void severalWorkersGiveWhatOneGives(final String agent) throws Exception {
        final DataStream<Object> outputs =
                PythonJobsTest.job(Cluster.env(1, new Configuration()), agent, THREE, false);
        assertThat(Cluster.byKey(Cluster.run(outputs))).isEqualTo(PythonJobsTest.expected());
    }

    @Test
    void memoryIsSharedWithJavaActionsWhicheverWorkerAKeyHas() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Mixed", THREE).open()) {
            for (int round = 1; round <= 3; round++) {
                for (int key = 0; key < 9; key++) {
                    harness.in(PythonTools.record("k" + key, round));
                }
                for (final Object output : PythonTools.decode(harness.await(9))) {
                    assertThat(output)
                            .hasToString(
                                    "{trace=[python, java, python], value=" + round + ", count=" + 3 * round
                                            + ", seen=3, fields=[count, java], upstream=middle}");
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"3,2", "1,3", "3,1"})
    void whatIsInTheWorkersAtASnapshotRunsAgainInAnyNumberOfThem(final int from, final int to) throws Exception {
        final int all = PythonStateTest.KEYS * PythonStateTest.PER_KEY;
        final List<Object> outputs = new ArrayList<>();
        final OperatorSubtaskState state;
        try (Harness<String, byte[]> harness = PythonTools.job("Walker", Map.of("python.workers", from)).open()) {
            for (int index = 0; index < all; index++) {
                harness.in(PythonStateTest.record(index));
            }
            for (int mails = 0; mails < 3; mails++) {
                harness.awaitMail();
            }
            outputs.addAll(harness.out());
            state = harness.snapshot(1);
            assertThat(harness.storedInFlight()).isPositive();
        }
        try (Harness<String, byte[]> harness = PythonTools.job("Walker", Map.of("python.workers", to)).restore(state)) {
            harness.flink().endInput();
            outputs.addAll(harness.out());
        }
        assertThat(Cluster.byKey(PythonTools.decode(outputs))).isEqualTo(PythonStateTest.expected(0, all));
    }

    @Test
    void aNumberOfWorkersThatIsNoneIsRefused() {
        assertThatThrownBy(() -> PythonTools.job("Echo", Map.of("python.workers", 0)).open())
                .hasMessageContaining("Option python.workers is 0: it must be at least 1");
    }

    @Test
    void oneOfSeveralThatDiesFailsTheTaskAndSaysWhich() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Where", THREE).open()) {
            final ProcessHandle victim = PythonTools.workers().get(1);
            victim.destroyForcibly();
            assertThatThrownBy(harness::awaitMail)
                    .hasMessageContaining("The Python worker of agent 'Where' (task MockTask (1/1)#0, worker ")
                    .hasMessageContaining(" of 3, process " + victim.pid() + ") was killed by signal 9");
        }
        assertThat(PythonTools.workers()).isEmpty();
    }

    @Test
    void oneOfSeveralThatDiesIsFollowedByCleanOnesAndNothingIsLostOrRepeated() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, PythonJobsTest.config());
        final DataStream<Object> outputs = PythonJobsTest.job(flink, "Walker", THREE, true);
        final Queue<Object> seen = Cluster.emitted(outputs);
        final List<Set<Long>> attempts = new ArrayList<>();
        final Thread killer =
                new Thread(
                        () -> {
                            final Set<Long> former = new HashSet<>();
                            for (int part = 1; part <= 3; part++) {
                                List<ProcessHandle> workers = PythonTools.workers();
                                while (seen.size() < part * PythonJobsTest.RECORDS / 5
                                        || workers.size() != 3
                                        || workers.stream().anyMatch(worker -> former.contains(worker.pid()))) {
                                    LockSupport.parkNanos(200_000);
                                    workers = PythonTools.workers();
                                }
                                workers.forEach(worker -> former.add(worker.pid()));
                                attempts.add(workers.stream().map(ProcessHandle::pid).collect(Collectors.toSet()));
                                workers.get(part - 1).destroyForcibly();
                            }
                        });
        killer.setDaemon(true);
        killer.start();
        final List<Object> all = Cluster.run(outputs);
        killer.join();
        assertThat(Cluster.byKey(all)).isEqualTo(PythonJobsTest.expected());
        assertThat(attempts).hasSize(3);
    }

    /** Starts a job whose workers never get ready, waits for them, and cancels it. */
    private static void cancelWhileStarting(final PythonEnvironment python, final String module) throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
        Cluster.emitted(
                PythonEntry.connect(
                                flink.fromSource(
                                        new DataGeneratorSource<>(
                                                PythonJobsTest::record,
                                                1,
                                                PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO),
                                        WatermarkStrategy.noWatermarks(),
                                        "records"),
                                PythonTools.plan("Echo", Map.of("python.workers", 2)).replace("embedded_agents", module),
                                python)
                        .map(PythonTools::decode)
                        .returns(Types.GENERIC(Object.class)));
        final JobClient client = flink.executeAsync("never ready");
        while (PythonTools.workers().size() < 2) {
            LockSupport.parkNanos(1_000_000);
        }
        final long begun = System.nanoTime();
        client.cancel().get();
        assertThatThrownBy(() -> client.getJobExecutionResult().get()).hasMessageContaining("cancel");
        PythonTools.awaitNoWorkers();
        // Not the two minutes that a start may take.
        assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(45));
    }

    @Test
    void aJobIsCancelledWhileItsWorkersImportTheAgent() throws Exception {
        cancelWhileStarting(PythonTools.environment(), "never_ready");
    }

    @Test
    void aJobIsCancelledWhileItsWorkersDoNotConnect(@TempDir final Path directory) throws Exception {
        final Path program = directory.resolve("python");
        Files.writeString(program, "#!/bin/sh\nwhile :; do sleep 3600; done\n");
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
        cancelWhileStarting(new PlainPython(program.toString(), Map.of()), "embedded_agents");
    }

    @Test
    void aWorkerThatFillsTheMemoryFailsItsTaskWithTheRemedy(@TempDir final Path directory) throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Eats", SMALL).open()) {
            harness.in(PythonTools.record("k", List.of("k", directory.resolve("eater").toString())));
            assertThatThrownBy(
                            () -> {
                                while (true) {
                                    harness.awaitMail();
                                }
                            })
                    .hasMessageContainingAll(
                            "The Python worker of agent 'Eats' (task MockTask (1/1)#0, process ",
                            " MiB of memory, where option python.worker.memory allows 256",
                            "raise it",
                            "1 of its actions were unfinished");
        }
    }

    @Test
    void afterAWorkerThatFilledTheMemoryComesACleanOne(@TempDir final Path directory) throws Exception {
        final Path eater = directory.resolve("eater");
        final String path = eater.toString();
        final StreamExecutionEnvironment flink = Cluster.env(1, PythonJobsTest.config());
        final DataGeneratorSource<byte[]> source =
                new DataGeneratorSource<>(
                        index -> PythonTools.record("k" + index, List.of("k" + index, path)),
                        20,
                        PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);
        final List<Object> outputs =
                Cluster.run(
                        PythonEntry.connect(
                                        flink.fromSource(source, WatermarkStrategy.noWatermarks(), "records"),
                                        PythonTools.plan("Eats", SMALL),
                                        PythonTools.environment())
                                .map(PythonTools::decode)
                                .returns(Types.GENERIC(Object.class)));
        assertThat(outputs).hasSize(20).doesNotHaveDuplicates();
        assertThat(outputs).noneMatch(output -> output.toString().endsWith("/" + read(eater)));
    }

    private static String read(final Path path) {
        try {
            return Files.readString(path);
        } catch (final java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
