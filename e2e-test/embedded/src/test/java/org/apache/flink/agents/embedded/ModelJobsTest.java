package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.integrations.ChatAgents;
import org.apache.flink.agents.integrations.ModelServer;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Metric;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole jobs that chat, against the scripted model server. */
@Timeout(value = 120, threadMode = ThreadMode.SEPARATE_THREAD)
class ModelJobsTest {
    private static final int KEYS = 7;
    private static final int RECORDS = 150;

    private static final String SCRIPT =
            "{'rules': [{'when': {'round': 0}, 'answers': [{'tool_calls': [{'name': 'add', 'arguments': {'a': 1, 'b': 2}}], 'delay_ms': 20}]},"
                    + "{'answers': [{'text': 'said $last'}]}]}";

    @TempDir Path directory;

    private static DataStream<Object> job(
            final ModelServer server, final StreamExecutionEnvironment flink, final Map<String, String> options) throws Exception {
        final DataGeneratorSource<String> source =
                new DataGeneratorSource<>(JournalJobsTest::input, RECORDS, RateLimiterStrategy.noOp(), Types.STRING);
        final DataStream<String> stream =
                flink.fromSource(source, WatermarkStrategy.noWatermarks(), "records").setParallelism(1);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        options.forEach(agents.getConfig()::setStr);
        return agents.fromDataStream(Cluster.spread(stream, TestAgents::keyOf), TestAgents::keyOf)
                .apply(ChatAgents.on(server, new ChatAgents.Asking()))
                .toDataStream();
    }

    private static List<Object> run(final ModelServer server, final StreamExecutionEnvironment flink, final Map<String, String> options)
            throws Exception {
        return Cluster.run(job(server, flink, options));
    }

    @Test
    void tokensAreCountedForEachModelInItsActionsGroup() throws Exception {
        final String script =
                "{'rules': [{'when': {'round': 0}, 'answers': [{'tool_calls': [{'name': 'add', 'arguments': {'a': 1, 'b': 2}}],"
                        + " 'usage': {'prompt': 5, 'completion': 1}}]},"
                        + "{'answers': [{'text': 'said', 'usage': {'prompt': 11, 'completion': 3}}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
            Cluster.emitted(job(server, flink, Map.of()));
            final JobID job = flink.execute("counted").getJobID();
            assertThat(tokens(job, "promptTokens")).isEqualTo(RECORDS * (5L + 11));
            assertThat(tokens(job, "completionTokens")).isEqualTo(RECORDS * (1L + 3));
        }
    }

    private static long tokens(final JobID job, final String name) {
        final Pattern path = Pattern.compile(".*[.]action[.]chat_model_action[.]model[.][^.]+[.]" + name);
        final Map<String, Metric> found = Cluster.metrics().findMetrics(job, name);
        found.keySet().removeIf(identifier -> !path.matcher(identifier).matches());
        assertThat(found).as(name).hasSize(1);
        return ((Counter) found.values().iterator().next()).getCount();
    }

    @Test
    void everyInputIsAnsweredAfterARoundOfTools() throws Exception {
        try (ModelServer server = ModelServer.start(SCRIPT)) {
            assertThat(run(server, Cluster.env(), Map.of())).hasSize(RECORDS).containsOnly("said 3 after 0");
            assertThat(server.requests()).hasSize(2 * RECORDS);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "sqlite"})
    void aJobThatFailsRepeatsOnlyChatsInFlight(final String store) throws Exception {
        final Map<String, String> options = new HashMap<>();
        options.put("actionStateStoreBackend", store);
        options.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        try (ModelServer server = ModelServer.start(SCRIPT)) {
            server.whenAsked(RECORDS / 2, () -> ChatAgents.Asking.FAILS.set(true));
            final List<Object> outputs = run(server, Cluster.env(2, JournalJobsTest.config("hashmap", 3_600_000)), options);
            assertThat(ChatAgents.Asking.FAILS).as("it did fail").isFalse();
            assertThat(outputs).hasSize(RECORDS).containsOnly("said 3 after 0");
            final Map<String, Long> asked =
                    server.conversations().stream().collect(Collectors.groupingBy(line -> line, Collectors.counting()));
            assertThat(asked.keySet()).containsExactlyInAnyOrderElementsOf(
                    LongStream.range(0, RECORDS)
                            .mapToObj(i -> "user: " + JournalJobsTest.input(i))
                            .flatMap(first -> List.of(first, first + " | assistant:  | tool: 3").stream())
                            .collect(Collectors.toList()));
            // A key has one chat in flight at a time.
            assertThat(server.requests().size() - 2 * RECORDS).as("chats made again").isLessThanOrEqualTo(KEYS);
        }
    }
}
