package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

/** Whole jobs, and runs without Flink, whose journal is in a topic of a real broker. */
@Timeout(value = 240, threadMode = ThreadMode.SEPARATE_THREAD)
class KafkaJobsTest {
    private static final int KEYS = 7;

    @TempDir static Path brokers;
    private static KafkaBroker broker;

    @TempDir Path directory;
    private String topic;

    @BeforeAll
    static void startBroker() throws Exception {
        broker = KafkaBroker.start(brokers.resolve("broker"));
    }

    @AfterAll
    static void stopBroker() throws Exception {
        if (broker != null) {
            broker.close();
        }
    }

    @BeforeEach
    void forget(final TestInfo test) {
        Bookkeeper.reset();
        topic = test.getTestMethod().orElseThrow().getName();
    }

    private Map<String, String> store() {
        final Map<String, String> options = new HashMap<>();
        options.put("actionStateStoreBackend", "kafka");
        options.put("kafkaBootstrapServers", broker.text("bootstrap"));
        options.put("kafkaActionStateTopic", topic);
        options.put("kafkaActionStateTopicNumPartitions", "3");
        return options;
    }

    @Test
    void failuresRepeatOnlyCallsInFlightAndTheJobGoesOnWithItsOwnRecords() throws Exception {
        Bookkeeper.STEPS_TO_FAILURE.set(700);
        final List<Object> outputs =
                Cluster.run(
                        JournalJobsTest.job(
                                Cluster.env(2, JournalJobsTest.config("hashmap", 25)), 120, RateLimiterStrategy.perCheckpoint(20), store()));
        assertThat(Bookkeeper.STEPS_TO_FAILURE.get()).as("it did fail").isLessThanOrEqualTo(0);
        assertThat(Cluster.byKey(outputs)).isEqualTo(JournalJobsTest.expected(120));
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(KEYS * 3);
    }

    @Test
    void aFailureBeforeTheFirstCheckpointRepeatsOnlyCallsInFlight() throws Exception {
        Bookkeeper.STEPS_TO_FAILURE.set(900);
        final List<Object> outputs =
                Cluster.run(
                        JournalJobsTest.job(
                                Cluster.env(2, JournalJobsTest.config("hashmap", 3_600_000)), 100, RateLimiterStrategy.noOp(), store()));
        assertThat(Bookkeeper.STEPS_TO_FAILURE.get()).as("it did fail").isLessThanOrEqualTo(0);
        assertThat(Cluster.byKey(outputs)).isEqualTo(JournalJobsTest.expected(100));
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(KEYS * 3);
    }

    @Test
    void anotherParallelismGoesOnFromASavepoint() throws Exception {
        final StreamExecutionEnvironment first = Cluster.env(3, JournalJobsTest.config("hashmap", 25));
        final Queue<Object> firstOutputs =
                Cluster.emitted(JournalJobsTest.job(first, 1_200, RateLimiterStrategy.perCheckpoint(3), store()));
        final JobClient client = first.executeAsync("stops");
        Asker.until("some outputs have come", () -> firstOutputs.size() >= 50);
        final String savepoint =
                client.stopWithSavepoint(false, directory.toUri().toString(), SavepointFormatType.CANONICAL).get();
        final List<Object> outputs = new ArrayList<>(firstOutputs);
        assertThat(outputs).as("outputs of the first job").hasSizeLessThan(1_200);

        final StreamExecutionEnvironment second = Cluster.env(2, JournalJobsTest.restoring(savepoint));
        final Queue<Object> secondOutputs =
                Cluster.emitted(JournalJobsTest.job(second, 1_200, RateLimiterStrategy.perCheckpoint(100), store()));
        second.execute("goes on");
        outputs.addAll(secondOutputs);
        assertThat(Cluster.byKey(outputs)).isEqualTo(JournalJobsTest.expected(1_200));
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(KEYS * 3);
    }

    @Test
    void twoJobsOfOneSavepointDoNotMix() throws Exception {
        JournalJobsTest.checkForks(directory, store());
    }

    // ---- without Flink

    private List<String> runHere(final String name, final int records) throws Exception {
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment();
        store().forEach(agents.getConfig()::setStr);
        final List<Object> inputs = new ArrayList<>();
        for (int index = 0; index < records; index++) {
            inputs.add(Map.of("key", "k" + index % KEYS, "value", JournalJobsTest.input(index)));
        }
        final List<Map<String, Object>> outputs = agents.fromList(inputs).apply(new Bookkeeper()).toList();
        agents.execute(name);
        return Cluster.byKey(outputs.stream().flatMap(output -> output.values().stream()).collect(Collectors.toList()));
    }

    @Test
    void aRunWithoutFlinkThatIsStartedAgainGoesOnWhereItWas() throws Exception {
        int failures = 0;
        for (int steps = 300; steps <= 900; steps += 300) {
            Bookkeeper.STEPS_TO_FAILURE.set(steps);
            assertThatThrownBy(() -> runHere("here", 100)).hasStackTraceContaining("A failure that the test asked for");
            failures++;
        }
        Bookkeeper.STEPS_TO_FAILURE.set(-1);
        assertThat(runHere("here", 100)).isEqualTo(JournalJobsTest.expected(100));
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(failures * KEYS * 3);
        // A run that has finished returns the same, and does nothing; what is new at the end of its list is done.
        final int made = Bookkeeper.ledger().size();
        assertThat(runHere("here", 100)).isEqualTo(JournalJobsTest.expected(100));
        assertThat(Bookkeeper.ledger()).hasSize(made);
        assertThat(runHere("here", 101)).isEqualTo(JournalJobsTest.expected(101));
        assertThat(Bookkeeper.ledger()).hasSize(made + Bookkeeper.CALLS);
        // Under another name it is another run.
        assertThat(runHere("there", 10)).isEqualTo(JournalJobsTest.expected(10));
        assertThat(Bookkeeper.ledger()).hasSize(made + 11 * Bookkeeper.CALLS);
    }

    @Test
    void withoutFlinkToNobodyThereIsSaidAfterABoundedWait() throws Exception {
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment();
        store().forEach(agents.getConfig()::setStr);
        final String address = "127.0.0.1:" + freePort();
        agents.getConfig().setStr("kafkaBootstrapServers", address);
        agents.getConfig().setStr("kafka.properties.message.timeout.ms", "3000");
        agents.fromList(List.of(Map.of("key", "k0", "value", JournalJobsTest.input(0)))).apply(new Bookkeeper());
        assertThatThrownBy(() -> agents.execute("nowhere"))
                .hasStackTraceContaining(address + " within 3s")
                .hasStackTraceContaining("kafkaBootstrapServers");
        assertThat(Bookkeeper.ledger()).isEmpty();
    }

    @Test
    void aBrokerThatIsKilledOnlyDelays() throws Exception {
        final Configuration config = JournalJobsTest.config("hashmap", 100);
        config.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
        final StreamExecutionEnvironment flink = Cluster.env(2, config);
        final Queue<Object> outputs = Cluster.emitted(JournalJobsTest.job(flink, 200, RateLimiterStrategy.perCheckpoint(10), store()));
        final JobClient client = flink.executeAsync("waits for the broker");
        Asker.until("some outputs have come", () -> outputs.size() >= 20);
        broker.kill();
        broker.again();
        client.getJobExecutionResult().get();
        assertThat(Cluster.byKey(outputs)).isEqualTo(JournalJobsTest.expected(200));
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isZero();
    }

    // ---- what users get wrong

    private String failure(final Map<String, String> options) {
        final Configuration config = JournalJobsTest.config("hashmap", 100);
        config.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
        final Throwable thrown =
                catchThrowable(
                        () -> Cluster.runToFailure(JournalJobsTest.job(Cluster.env(1, config), 5, RateLimiterStrategy.noOp(), options)));
        assertThat(thrown).isNotNull();
        final StringWriter text = new StringWriter();
        thrown.printStackTrace(new PrintWriter(text));
        return text.toString();
    }

    private static int freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return free.getLocalPort();
        }
    }

    @Test
    void nobodyThereIsSaidAfterABoundedWait() throws Exception {
        final int port = freePort();
        final Map<String, String> options = store();
        options.put("kafkaBootstrapServers", "127.0.0.1:" + port);
        options.put("kafka.properties.message.timeout.ms", "3000");
        final long begin = System.nanoTime();
        assertThat(failure(options))
                .contains("127.0.0.1:" + port + " within 3s", "Connection refused", "kafkaBootstrapServers");
        assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(60));
        assertThat(Bookkeeper.ledger()).isEmpty();
    }

    @Test
    void aWrongPasswordIsSaidAndNotShown() throws Exception {
        final Path secret = Files.writeString(directory.resolve("secret"), "quite-another\n");
        final Map<String, String> options = store();
        options.put("kafkaBootstrapServers", broker.text("sasl_ssl"));
        options.put("kafka.properties.security.protocol", "SASL_SSL");
        options.put("kafka.properties.ssl.ca.location", broker.text("ca"));
        options.put("kafka.properties.sasl.mechanism", "SCRAM-SHA-512");
        options.put("kafka.properties.sasl.username", "alice");
        options.put("kafka.properties.sasl.password", "${file:" + secret + "}");
        assertThat(failure(options))
                .contains("access was denied", "kafka.properties.sasl.")
                .doesNotContain("quite-another");
        Files.writeString(secret, broker.text("alice") + "\n");
        final List<Object> outputs =
                Cluster.run(
                        JournalJobsTest.job(
                                Cluster.env(1, JournalJobsTest.config("hashmap", 100)), 5, RateLimiterStrategy.noOp(), options));
        assertThat(Cluster.byKey(outputs)).isEqualTo(JournalJobsTest.expected(5));
    }

    @Test
    void wrongOptionsAreNamedWithWhatToDo() {
        final Map<String, String> unsafe = store();
        unsafe.put("kafka.properties.acks", "1");
        assertThat(failure(unsafe)).contains("kafka.properties.acks: it must be all");
        final Map<String, String> nowhere = store();
        nowhere.remove("kafkaActionStateTopic");
        assertThat(failure(nowhere)).contains("kafkaActionStateTopic: it is not set");
        final Map<String, String> replicas = store();
        replicas.put("kafkaActionStateTopicReplicationFactor", "3");
        assertThat(failure(replicas)).contains("creating the topic", "InvalidReplicationFactor");
        assertThat(Bookkeeper.ledger()).isEmpty();
    }

    @Test
    void aResultOfTenMegabytesTakesALargerLimitAndComesFromTheTopicAfterAFailure() throws Exception {
        LargeResultsTest.checkWithALargerLimit(store());
    }

    @Test
    void aResultThatIsTooLargeIsRefused() {
        final Map<String, String> options = store();
        options.put("action-state.max-record-size", "20 b");
        assertThat(failure(options)).contains("action-state.max-record-size");
    }
}
