package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.api.trace.ExecutionReporters;
import org.apache.flink.agents.integrations.ChatAgents;
import org.apache.flink.agents.integrations.ModelServer;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.typeinfo.TypeHint;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.metrics.Metric;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Spans of operators, in both languages. What is in each, {@code python/tests/local/test_otlp.py} looks at. */
@Timeout(value = 120, threadMode = ThreadMode.SEPARATE_THREAD)
class LiveSpansTest {
    private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

    private final List<String> bodies = new CopyOnWriteArrayList<>();
    private HttpServer receiver;

    @BeforeEach
    void listen() throws IOException {
        receiver = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        receiver.createContext(
                "/v1/traces",
                exchange -> {
                    // A character for each byte.
                    bodies.add(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.ISO_8859_1));
                    exchange.sendResponseHeaders(200, -1);
                    exchange.close();
                });
        receiver.start();
    }

    @AfterEach
    void stop() {
        receiver.stop(0);
        Kept.context().reconfigure();
    }

    private Map<String, Object> config() {
        final Map<String, Object> config = new HashMap<>();
        config.put("otlp.endpoint", "http://127.0.0.1:" + receiver.getAddress().getPort());
        config.put("event-log.level", "OFF");
        return config;
    }

    private String sent() {
        return bodies.stream().collect(Collectors.joining());
    }

    private static int count(final String text, final String part) {
        return text.split(java.util.regex.Pattern.quote(part), -1).length - 1;
    }

    private static String bytes(final String hex) {
        final StringBuilder bytes = new StringBuilder();
        for (int at = 0; at < hex.length(); at += 2) {
            bytes.append((char) Integer.parseInt(hex.substring(at, at + 2), 16));
        }
        return bytes.toString();
    }

    /** Reports a tool. */
    public static final class Reporting extends Agent {
        @Action(EventType.InputEvent)
        public static void work(final Event event, final RunnerContext context) {
            ExecutionReporters.started(context, "tool", "add", Map.of("toolCallId", "1"));
            ExecutionReporters.succeeded(context, "tool", "add", Map.of("toolCallId", "1"));
            context.sendEvent(new OutputEvent("done"));
        }
    }

    @Test
    void runsOfAnOperatorAreSentWithoutAnEventLog() throws Exception {
        final Harness.Job<String, Map<String, String>> job =
                new Harness.Job<>(
                        new Reporting(), record -> "k", TypeInformation.of(String.class),
                        TypeInformation.of(new TypeHint<Map<String, String>>() {}), config());
        try (Harness<String, Map<String, String>> harness = job.open()) {
            harness.in(Map.of("traceparent", "00-" + TRACE + "-00f067aa0ba902b7-01"));
            harness.in(Map.of("other", "value"));
            harness.mails();
            assertThat(harness.out()).hasSize(2);
        }
        final String sent = sent();
        assertThat(count(sent, "invoke_agent Reporting")).isEqualTo(2);
        assertThat(count(sent, "action work")).isEqualTo(2);
        assertThat(count(sent, "execute_tool add")).isEqualTo(2);
        // Run, action and tool of the first.
        assertThat(count(sent, bytes(TRACE))).isEqualTo(3);
    }

    @Test
    void aRowMayNameWhereItComesFrom() throws Exception {
        final Row row = Row.withNames();
        row.setField("traceparent", "00-" + TRACE + "-00f067aa0ba902b7-01");
        final Harness.Job<String, Row> job =
                new Harness.Job<>(
                        new Reporting(), record -> "k", TypeInformation.of(String.class), TypeInformation.of(Row.class), config());
        try (Harness<String, Row> harness = job.open()) {
            harness.in(row);
            harness.mails();
        }
        assertThat(count(sent(), bytes(TRACE))).isEqualTo(3);
    }

    @Test
    void runsOfPythonAgentsAreSentAlike() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Reports", config()).open()) {
            harness.in(PythonTools.record("k", "a"));
            harness.in(PythonTools.record("k", Map.of("traceparent", "00-" + TRACE + "-00f067aa0ba902b7-01")));
            harness.await(2);
        }
        final String sent = sent();
        assertThat(count(sent, "execute_tool add")).isEqualTo(2);
        assertThat(count(sent, "model_call_failed")).isEqualTo(2);
        assertThat(count(sent, "call embedded_agents._slow_async")).isEqualTo(2);
        // Run, two actions, tool, call and model of the second.
        assertThat(count(sent, bytes(TRACE))).isEqualTo(6);
    }

    /** A call that fails if its name says so. */
    private static final class Named implements DurableCallable<String> {
        static final List<String> MADE = new CopyOnWriteArrayList<>();

        private final String name;

        Named(final String name) {
            this.name = name;
        }

        @Override
        public String getId() {
            return name;
        }

        @Override
        public Class<String> getResultClass() {
            return String.class;
        }

        @Override
        public String call() {
            MADE.add(name);
            if ("unlucky".equals(name)) {
                throw new IllegalStateException("not today");
            }
            return name;
        }
    }

    /** Makes six calls in every way there is; then it fails if the test says so. */
    public static final class Calling extends Agent {
        static final int CALLS = 6;
        static volatile boolean broken;

        @Action(EventType.InputEvent)
        public static void work(final Event event, final RunnerContext context) throws Exception {
            context.durableExecute(new Named("plain"));
            context.durableExecuteAsync(new Named("later"));
            context.durableExecuteAllAsync(List.of(new Named("one"), new Named("two")), true);
            try {
                context.durableExecute(new Named("unlucky"));
            } catch (final IllegalStateException e) {
                // It begins when those before it have been recorded for good.
                context.durableExecute(new Named("last"));
            }
            if (broken) {
                throw new IllegalStateException("broken here");
            }
            context.sendEvent(new OutputEvent("done"));
        }
    }

    private static void assertCalls(final String sent) {
        for (final String name : List.of("plain", "later", "one", "two", "unlucky", "last")) {
            assertThat(count(sent, "call " + name)).as(name).isEqualTo(1);
        }
        assertThat(count(sent, "flink_agents.call.number")).isEqualTo(Calling.CALLS);
        assertThat(count(sent, "error.type")).isEqualTo(1);
        assertThat(sent).contains("java.lang.IllegalStateException", "not today");
    }

    @ParameterizedTest
    @ValueSource(strings = {"none", "memory"})
    void callsOfAnActionAreSent(final String store) throws Exception {
        Calling.broken = false;
        final Map<String, Object> config = config();
        if (!"none".equals(store)) {
            config.put("actionStateStoreBackend", store);
        }
        try (Harness<String, String> harness =
                new Harness.Job<>(new Calling(), TestAgents::keyOf, String.class, String.class, config).open()) {
            harness.in("k/a");
            harness.await(1);
        }
        assertCalls(sent());
        assertThat(sent()).doesNotContain("flink_agents.replayed");
    }

    @Test
    void callsThatTheJournalReplaysAreMarked(@TempDir final Path directory) throws Exception {
        final Map<String, Object> config = config();
        config.put("actionStateStoreBackend", "sqlite");
        config.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        final Harness.Job<String, String> job =
                new Harness.Job<>(new Calling(), TestAgents::keyOf, String.class, String.class, config);
        Calling.broken = true;
        assertThatThrownBy(
                        () -> {
                            try (Harness<String, String> harness = job.open()) {
                                harness.in("k/a");
                                harness.await(1);
                            }
                        })
                .hasStackTraceContaining("broken here");
        assertThat(sent()).doesNotContain("flink_agents.replayed");
        bodies.clear();
        Calling.broken = false;
        Named.MADE.clear();
        try (Harness<String, String> harness = job.open()) {
            harness.in("k/a");
            harness.await(1);
        }
        assertCalls(sent());
        // What came after the last that is in the store for good may have been made again.
        assertThat(Named.MADE).doesNotContain("plain", "later", "one", "two", "unlucky");
        // And the run.
        assertThat(count(sent(), "flink_agents.replayed")).isEqualTo(Calling.CALLS - Named.MADE.size() + 1);
    }

    @Test
    void callsOfPythonThatTheJournalReplaysAreMarked(@TempDir final Path directory) throws Exception {
        final Map<String, Object> config = config();
        config.put("actionStateStoreBackend", "sqlite");
        config.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        final PythonLedger ledger = new PythonLedger(directory);
        ledger.failAt("raise", 8);
        final Harness.Job<String, byte[]> job = PythonTools.job("Books", config);
        assertThatThrownBy(
                        () -> {
                            try (Harness<String, byte[]> harness = job.open()) {
                                harness.in(ledger.record("a", 1));
                                harness.await(1);
                            }
                        })
                .hasStackTraceContaining("A failure that the test asked for");
        assertThat(sent()).contains("call journalled_agents.charge").doesNotContain("flink_agents.replayed");
        bodies.clear();
        try (Harness<String, byte[]> harness = job.open()) {
            harness.in(ledger.record("a", 1));
            assertThat(PythonTools.decode(harness.await(1))).isEqualTo(List.of(PythonLedger.output("a", 1, 1)));
        }
        assertThat(ledger.lines("ledger")).filteredOn(line -> line.startsWith("a/1 0 charge")).hasSize(1);
        assertThat(count(sent(), "call journalled_agents.charge")).isEqualTo(1);
        assertThat(count(sent(), "flink_agents.call.number")).isEqualTo(PythonLedger.CALLS);
        assertThat(count(sent(), "flink_agents.replayed")).isGreaterThan(1);
    }

    /** Asks for an object. */
    public static final class AskingForAPlace extends Agent {
        @Action(EventType.InputEvent)
        public static void ask(final Event event, final RunnerContext context) {
            context.sendEvent(new ChatRequestEvent("model", List.of(ChatMessage.user("Where?")), ChatAgents.Place.class));
        }

        @Action(EventType.ChatResponseEvent)
        public static void answer(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent("done"));
        }
    }

    @Test
    void chatsAndToolsAreOneSpanEachWithTheTokens() throws Exception {
        final String script =
                "{'rules': [{'when': {'round': 0}, 'answers': [{'tool_calls': [{'name': 'add', 'arguments': {'a': 1, 'b': 2}}]}]},"
                        + "{'answers': [{'text': 'three'}]}]}";
        try (ModelServer server = ModelServer.start(script);
                Harness<String, String> harness =
                        new Harness.Job<>(
                                        ChatAgents.on(server, new ChatAgents.Asking()), TestAgents::keyOf, String.class,
                                        String.class, config())
                                .open()) {
            harness.in("k/a");
            harness.await(1);
        }
        final String sent = sent();
        assertThat(count(sent, "chat m")).isEqualTo(2);
        assertThat(count(sent, "execute_tool add")).isEqualTo(1);
        // What carries them is no call more.
        assertThat(sent).doesNotContain("flink_agents.call", "flink_agents.replayed");
        for (final String name : List.of("gen_ai.provider.name", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")) {
            assertThat(count(sent, name)).as(name).isEqualTo(2);
        }
        assertThat(sent).contains("ollama");
    }

    @Test
    void aChatThatTheJournalReplaysIsMarkedAndItsTokensAreCountedOnce(@TempDir final Path directory) throws Exception {
        final Map<String, Object> config = config();
        config.put("actionStateStoreBackend", "sqlite");
        config.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        // The task ends while the answer is repaired.
        final String script =
                "{'rules': [{'answers': [{'text': 'nowhere'}, {'text': 'never', 'delay_ms': 600000},"
                        + "{'text': '{\\'city\\': \\'Ulm\\', \\'zip\\': 89073}'}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            final Harness.Job<String, String> job =
                    new Harness.Job<>(
                            ChatAgents.on(server, new AskingForAPlace()), TestAgents::keyOf, String.class, String.class, config);
            try (Harness<String, String> harness = job.open()) {
                harness.in("k/a");
                while (server.requests().size() < 2) {
                    harness.mails();
                }
            }
            assertThat(count(sent(), "gen_ai.usage.input_tokens")).isEqualTo(1);
            try (Harness<String, String> harness = job.open()) {
                harness.in("k/a");
                harness.await(1);
            }
            assertThat(server.requests()).hasSize(3);
        }
        // The one that was answered and the repair; that one's first attempt has no end.
        assertThat(count(sent(), "gen_ai.usage.input_tokens")).isEqualTo(2);
        assertThat(count(sent(), "chat m")).isEqualTo(3);
        // The actions before, the chat, and the run.
        assertThat(count(sent(), "flink_agents.replayed")).isEqualTo(3);
    }

    @Test
    void aReceiverThatIsGoneCostsSpansAndNothingElse() throws Exception {
        receiver.stop(0);
        try (Harness<String, byte[]> harness = PythonTools.job("Reports", config()).open()) {
            harness.in(PythonTools.record("k", "a"));
            assertThat(PythonTools.decode(harness.await(1))).isEqualTo(List.of("a"));
        }
        assertThat(bodies).isEmpty();
    }

    /** As {@link Reporting}; the last record waits for a call until the test lets that end. */
    public static final class Held extends Agent {
        static final String LAST = "k/last";
        static volatile CountDownLatch released;

        @Action(EventType.InputEvent)
        public static void work(final Event event, final RunnerContext context) throws Exception {
            if (LAST.equals(InputEvent.fromEvent(event).getInput())) {
                context.durableExecuteAsync(new Release());
            }
            Reporting.work(event, context);
        }

        private static final class Release implements DurableCallable<String> {
            @Override
            public String getId() {
                return "release";
            }

            @Override
            public Class<String> getResultClass() {
                return String.class;
            }

            @Override
            public String call() throws Exception {
                released.await();
                return "released";
            }
        }
    }

    /** What a job of so many records, and the last one, is going to emit. */
    private static Queue<Object> emitted(final StreamExecutionEnvironment flink, final Agent agent, final int records, final String url) {
        final List<String> inputs = IntStream.range(0, records).mapToObj(number -> "k/" + number).collect(Collectors.toList());
        inputs.add(Held.LAST);
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        env.getConfig().setStr("otlp.endpoint", url);
        env.getConfig().setStr("event-log.level", "OFF");
        return Cluster.emitted(env.fromDataStream(flink.fromData(inputs), TestAgents::keyOf).apply(agent).toDataStream());
    }

    @Test
    void aReceiverThatNeverAnswersCostsSpansAndIsNamedOnce() throws Exception {
        final Kept warnings = Kept.warnings();
        // More spans than may wait: who waited for room would wait for ever.
        final int records = 8_000;
        final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
        final Queue<Object> seen;
        final JobID job;
        // The system takes connections for it.
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            final String url = "http://127.0.0.1:" + silent.getLocalPort();
            seen = emitted(flink, new Reporting(), records, url);
            job = flink.execute("never answered").getJobID();
            assertThat(warnings.messages)
                    .singleElement()
                    .asString()
                    .contains(url + "/v1/traces (otlp.endpoint): there was no answer in time: see whether the receiver keeps up");
        }
        assertThat(seen).hasSize(records + 1);
        final Map<String, Metric> metrics = MetricsTest.metrics(job);
        assertThat(MetricsTest.count(metrics, "otlpSpansSent")).isZero();
        assertThat(MetricsTest.count(metrics, "otlpSpansDropped")).isEqualTo(3L * (records + 1));
    }

    @Test
    void aReceiverThatAnswersLateHoldsUpNothingAndGetsEverything() throws Exception {
        final CountDownLatch answers = new CountDownLatch(1);
        receiver.createContext(
                "/late",
                exchange -> {
                    bodies.add(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.ISO_8859_1));
                    try {
                        answers.await();
                    } catch (final InterruptedException e) {
                        throw new IOException(e);
                    }
                    exchange.sendResponseHeaders(200, -1);
                    exchange.close();
                });
        Held.released = new CountDownLatch(1);
        // Of some requests.
        final int records = 600;
        final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
        final Queue<Object> seen =
                emitted(flink, new Held(), records, "http://127.0.0.1:" + receiver.getAddress().getPort() + "/late");
        final JobID job;
        try {
            final JobClient client = flink.executeAsync("answered late");
            job = client.getJobID();
            Asker.until("a request has come", () -> !bodies.isEmpty());
            Asker.until("all outputs have come before its answer", () -> seen.size() == records);
            answers.countDown();
            Asker.until(
                    "all spans are sent",
                    () -> MetricsTest.count(MetricsTest.metrics(job), "otlpSpansSent") == 3L * records);
            Held.released.countDown();
            client.getJobExecutionResult().get();
        } finally {
            answers.countDown();
            Held.released.countDown();
        }
        assertThat(seen).hasSize(records + 1);
        final Map<String, Metric> metrics = MetricsTest.metrics(job);
        // The last has a call.
        assertThat(MetricsTest.count(metrics, "otlpSpansSent")).isEqualTo(3L * (records + 1) + 1);
        assertThat(MetricsTest.count(metrics, "otlpSpansDropped")).isZero();
        assertThat(count(sent(), "execute_tool add")).isGreaterThanOrEqualTo(records + 1);
    }

    @Test
    void anEndpointThatIsNoneFailsTheTaskByName() {
        final Map<String, Object> config = config();
        config.put("otlp.endpoint", "localhost:4318");
        assertThatThrownBy(
                        () ->
                                new Harness.Job<>(new EventLogTest.Twostep(), TestAgents::keyOf, String.class, String.class, config)
                                        .open())
                .hasStackTraceContaining("Option otlp.endpoint is \"localhost:4318\": it must be a URL");
    }
}
