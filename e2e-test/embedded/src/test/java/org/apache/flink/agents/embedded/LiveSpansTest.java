package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.trace.ExecutionReporters;
import org.apache.flink.api.common.typeinfo.TypeHint;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

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
        // Run, two actions, tool and model of the second.
        assertThat(count(sent, bytes(TRACE))).isEqualTo(5);
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
