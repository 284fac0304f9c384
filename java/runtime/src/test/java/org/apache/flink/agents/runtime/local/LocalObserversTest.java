package org.apache.flink.agents.runtime.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventContext;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.listener.EventListener;
import org.apache.flink.agents.api.logger.EventLogger;
import org.apache.flink.agents.api.logger.EventLoggerOpenParams;
import org.apache.flink.agents.api.trace.ExecutionReporters;
import org.apache.flink.agents.runtime.env.LocalExecutionEnvironment;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What can be seen of runs without Flink: event log, execution trace, live spans, listeners and loggers of users' own. */
@Timeout(60)
class LocalObserversTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path directory;

    private LocalExecutionEnvironment env;

    @BeforeEach
    void nothingIsTold() {
        Own.TOLD.clear();
    }

    /** A call without effects. */
    private static final class Charge implements DurableCallable<String> {
        @Override
        public String getId() {
            return "charge";
        }

        @Override
        public Class<String> getResultClass() {
            return String.class;
        }

        @Override
        public String call() {
            return "charged";
        }
    }

    /** Reports a tool; fails at the input {@code fail}, and makes a call at {@code call}. */
    public static final class Reporting extends Agent {
        @Action(EventType.InputEvent)
        public static void work(final Event event, final RunnerContext context) throws IOException {
            final Object input = InputEvent.fromEvent(event).getInput();
            ExecutionReporters.started(context, "tool", "add", Map.of("toolCallId", "1"));
            ExecutionReporters.succeeded(context, "tool", "add", Map.of("toolCallId", "1"));
            if ("fail".equals(input)) {
                throw new IOException("inner");
            }
            if (input instanceof Path) {
                vanish((Path) input);
            }
            if ("call".equals(input)) {
                call(context);
            }
            context.sendEvent(new OutputEvent("done"));
        }

        private static void call(final RunnerContext context) throws IOException {
            try {
                context.durableExecute(new Charge());
            } catch (final IOException e) {
                throw e;
            } catch (final Exception e) {
                throw new IllegalStateException(e);
            }
        }

        private static void vanish(final Path directory) throws IOException {
            // The test has made it, and nothing else is in it but the log.
            for (final Path file : files(directory)) {
                Files.delete(file);
            }
            Files.delete(directory);
        }
    }

    private static List<Path> files(final Path directory) throws IOException {
        try (Stream<Path> found = Files.list(directory)) {
            return found.collect(Collectors.toList());
        }
    }

    private List<Map<String, Object>> run(final Map<String, String> config, final Object... inputs) throws Exception {
        env = new LocalExecutionEnvironment();
        config.forEach((key, value) -> env.getConfig().setStr(key, value));
        final List<Object> elements = new ArrayList<>();
        for (final Object input : inputs) {
            elements.add(Map.of("key", "k", "value", input));
        }
        final List<Map<String, Object>> outputs = env.fromList(elements).apply(new Reporting()).toList();
        env.execute();
        return outputs;
    }

    private Map<String, String> inFiles() {
        final Map<String, String> config = new HashMap<>();
        config.put("baseLogDir", directory.toString());
        return config;
    }

    private List<JsonNode> lines() throws IOException {
        final List<JsonNode> lines = new ArrayList<>();
        for (final Path file : files(directory)) {
            for (final String line : Files.readAllLines(file)) {
                lines.add(JSON.readTree(line));
            }
        }
        return lines;
    }

    private static List<String> types(final List<JsonNode> lines) {
        return lines.stream().map(line -> line.get("eventType").asText()).collect(Collectors.toList());
    }

    // ---- the event log and its trace

    @Test
    void theTraceHasRecordsOfActionsAndOfWhatTheyReport() throws Exception {
        final Map<String, String> config = inFiles();
        config.put("event-log.trace.enabled", "true");
        config.put("log.keys", "plain");
        assertThat(run(config, "a")).hasSize(1);
        final List<JsonNode> lines = lines();
        assertThat(types(lines))
                .containsExactly(
                        "_input_event",
                        "_execution_started_event",
                        "_execution_started_event",
                        "_execution_finished_event",
                        "_execution_finished_event",
                        "_output_event");
        assertThat(lines).allMatch(line -> line.get("inputRunId").equals(lines.get(0).get("inputRunId")));
        assertThat(lines).allMatch(line -> line.get("businessKey").asText().equals("k"));
        assertThat(lines).allMatch(line -> line.get("agentName").asText().equals("Reporting"));
        final JsonNode action = lines.get(1);
        assertThat(action.get("entityName").asText()).isEqualTo("work");
        assertThat(lines.get(2).get("parentExecutionId")).isEqualTo(action.get("executionId"));
        assertThat(lines.get(2).get("entityMetadata").toString()).isEqualTo("{\"toolCallId\":\"1\"}");
        assertThat(lines.get(3).get("executionId")).isEqualTo(lines.get(2).get("executionId"));
        assertThat(lines.get(4).get("executionId")).isEqualTo(action.get("executionId"));
    }

    @Test
    void theTraceHasTheFailureThatEndsTheRun() throws Exception {
        final Map<String, String> config = inFiles();
        config.put("event-log.trace.enabled", "true");
        assertThatThrownBy(() -> run(config, "fail")).hasStackTraceContaining("inner");
        final List<JsonNode> lines = lines();
        final JsonNode failed = lines.get(lines.size() - 1);
        assertThat(failed.get("eventType").asText()).isEqualTo("_execution_failed_event");
        assertThat(failed.get("problemCategory").asText()).isEqualTo("action_execution_failed");
        assertThat(failed.get("eventAttributes").toString())
                .isEqualTo("{\"errorType\":\"java.io.IOException\",\"errorMessage\":\"inner\"}");
    }

    @Test
    void aFullDiskLosesLinesAndTheRunGoesOn() throws Exception {
        run(inFiles(), "a");
        final Path log = files(directory).get(0);
        Files.delete(log);
        Files.createSymbolicLink(log, Path.of("/dev/full"));
        final Object[] inputs = new Object[100];
        java.util.Arrays.fill(inputs, "a");
        assertThat(run(inFiles(), inputs)).hasSize(100);
        counted(0, 200, 0);
        assertThat(env.metrics().toPrometheus().lines())
                .contains("flink_agents_eventLogWriteFailures{agent=\"Reporting\"} 200")
                .anyMatch(line -> line.startsWith("# HELP flink_agents_eventLogWriteFailures Events that could not be written"));
    }

    private void counted(final long truncated, final long failures, final long dropped) {
        assertThat(env.metrics().values())
                .containsEntry("eventLogTruncatedEvents", truncated)
                .containsEntry("eventLogWriteFailures", failures)
                .containsEntry("eventLogDroppedEvents", dropped);
    }

    @Test
    void whatIsCutIsCounted() throws Exception {
        final Map<String, String> config = inFiles();
        config.put("event-log.standard.max-string-length", "2");
        run(config, "a");
        counted(1, 0, 0);
    }

    @Test
    void aDirectoryThatIsReadOnlyOrNoneLosesLinesAndTheRunGoesOn() throws Exception {
        // Also for root, for whom permissions of files are none.
        assertThat(run(Map.of("baseLogDir", "/sys/kernel/logs"), "a")).hasSize(1);
        counted(0, 2, 0);
        final Path file = Files.createFile(directory.resolve("file"));
        assertThat(run(Map.of("baseLogDir", file.resolve("below").toString()), "a")).hasSize(1);
        counted(0, 2, 0);
    }

    @Test
    void aDirectoryThatVanishesEndsNoRun() throws Exception {
        final Path logs = directory.resolve("logs");
        assertThat(run(Map.of("baseLogDir", logs.toString(), "values.verify", "false"), "a", logs, "b")).hasSize(3);
    }

    // ---- spans

    @Test
    void runsActionsAndReportsAreSentAsSpans() throws Exception {
        final List<String> bodies = new CopyOnWriteArrayList<>();
        final HttpServer receiver = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        receiver.createContext(
                "/v1/traces",
                exchange -> {
                    // A character for each byte.
                    bodies.add(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.ISO_8859_1));
                    exchange.sendResponseHeaders(200, -1);
                    exchange.close();
                });
        receiver.start();
        try {
            final Map<String, String> config = new HashMap<>();
            config.put("otlp.endpoint", "http://127.0.0.1:" + receiver.getAddress().getPort());
            config.put("event-log.level", "OFF");
            run(config, "a", "call");
            assertThat(env.metrics().values()).containsEntry("otlpSpansSent", 7L).containsEntry("otlpSpansDropped", 0L);
        } finally {
            receiver.stop(0);
        }
        final String sent = String.join("", bodies);
        assertThat(sent).contains("invoke_agent Reporting", "action work", "execute_tool add");
        assertThat(sent).containsOnlyOnce("call charge");
    }

    @Test
    void aReceiverThatIsGoneCostsSpansAndNothingElse() throws Exception {
        final HttpServer gone = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        final int port = gone.getAddress().getPort();
        gone.stop(0);
        assertThat(run(Map.of("otlp.endpoint", "http://127.0.0.1:" + port), "a")).hasSize(1);
        assertThat(env.metrics().values()).containsEntry("otlpSpansSent", 0L).containsEntry("otlpSpansDropped", 3L);
    }

    // ---- listeners and loggers of users' own

    /** Throws at every event. */
    public static final class Moody implements EventListener {
        @Override
        public void onEventProcessed(final EventContext context, final Event event) {
            throw new IllegalStateException("not in the mood");
        }
    }

    /** What a logger was told; throws at outputs. */
    public static final class Own implements EventLogger {
        static final List<String> TOLD = new CopyOnWriteArrayList<>();

        @Override
        public void open(final EventLoggerOpenParams params) {
            TOLD.add("open");
        }

        @Override
        public void append(final EventContext context, final Event event) {
            TOLD.add(event.getType());
            if (event.getType().equals(OutputEvent.EVENT_TYPE)) {
                throw new IllegalStateException("no outputs, please");
            }
        }

        @Override
        public void flush() {
            // Nothing is kept back.
        }

        @Override
        public void close() {
            TOLD.add("close");
        }
    }

    @Test
    void aListenerThatThrowsIsCountedAndTheRunGoesOn() throws Exception {
        env = new LocalExecutionEnvironment();
        env.getConfig().setStr("event-listeners", Moody.class.getName());
        final List<Map<String, Object>> outputs =
                env.fromList(List.of(Map.of("key", "k", "value", "a"))).apply(new Reporting()).toList();
        env.execute();
        assertThat(outputs).hasSize(1);
        assertThat(env.metrics().values()).containsEntry("eventListenerFailures", 2L);
    }

    @Test
    void aLoggerThatAnOptionNamesIsUsedInPlaceOfOurs() throws Exception {
        final Map<String, String> config = inFiles();
        config.put("event-logger", Own.class.getName());
        assertThat(run(config, "a")).hasSize(1);
        assertThat(Own.TOLD).containsExactly("open", "_input_event", "_output_event", "close");
        counted(0, 1, 0);
        assertThat(files(directory)).isEmpty();
    }

    @Test
    void whatCannotBeMadeIsNamed() {
        assertThatThrownBy(() -> run(Map.of("event-logger", "com.acme.Gone"), "a"))
                .hasStackTraceContaining("Option event-logger names com.acme.Gone, which cannot be made");
        assertThatThrownBy(() -> run(Map.of("event-logger", Moody.class.getName()), "a"))
                .hasStackTraceContaining("it must implement EventLogger");
        assertThatThrownBy(() -> run(Map.of("event-listeners", "my_module:Hears"), "a"))
                .hasStackTraceContaining("names listeners or an event logger of Python (options event-listeners, event-logger)")
                .hasStackTraceContaining("there is no Python here");
    }
}
