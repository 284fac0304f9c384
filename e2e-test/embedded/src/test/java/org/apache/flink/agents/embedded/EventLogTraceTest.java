package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.trace.ExecutionReporters;
import org.apache.flink.agents.core.CommandLine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

/** What the execution trace says of actions in both languages, and that {@code flink-agents trace} rebuilds runs of it. */
@Timeout(value = 120, threadMode = ThreadMode.SEPARATE_THREAD)
class EventLogTraceTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path directory;

    private Map<String, Object> config() {
        final Map<String, Object> config = new HashMap<>();
        config.put("baseLogDir", directory.toString());
        config.put("event-log.trace.enabled", true);
        config.put("log.keys", "plain");
        return config;
    }

    /** Reports a tool; fails for inputs that end so. */
    public static final class Reporting extends Agent {
        @Action(EventType.InputEvent)
        public static void work(final Event event, final RunnerContext context) {
            ExecutionReporters.started(context, "tool", "add", Map.of("toolCallId", "1"));
            ExecutionReporters.succeeded(context, "tool", "add", Map.of("toolCallId", "1"));
            if (((String) InputEvent.fromEvent(event).getInput()).endsWith("fail")) {
                throw new IllegalStateException("outer", new IOException("inner"));
            }
            context.sendEvent(new OutputEvent("done"));
        }
    }

    private List<JsonNode> traced(final String input) throws Exception {
        final Map<String, Object> config = config();
        final Harness<String, String> harness =
                new Harness.Job<>(new Reporting(), TestAgents::keyOf, String.class, String.class, config).open();
        try {
            harness.in(input);
            harness.mails();
        } finally {
            harness.close();
        }
        return Lines.in(directory);
    }

    @Test
    void theTraceHasRecordsOfActionsAndOfWhatTheyReport() throws Exception {
        final List<JsonNode> lines = traced("k/a");
        assertThat(Lines.types(lines))
                .containsExactly(
                        "_input_event",
                        "_execution_started_event",
                        "_execution_started_event",
                        "_execution_finished_event",
                        "_execution_finished_event",
                        "_output_event");
        assertThat(lines).allMatch(line -> line.get("inputRunId").equals(lines.get(0).get("inputRunId")));
        assertThat(lines).allMatch(line -> line.get("businessKey").asText().equals("k"));
        assertThat(lines).allMatch(line -> line.has("agentName"));
        assertThat(lines.get(0).has("executionId")).isFalse();
        final JsonNode action = lines.get(1);
        assertThat(action.get("entityType").asText()).isEqualTo("action");
        assertThat(action.get("entityName").asText()).isEqualTo("work");
        assertThat(action.get("status").asText()).isEqualTo("started");
        assertThat(lines.get(2).get("parentExecutionId")).isEqualTo(action.get("executionId"));
        assertThat(lines.get(2).get("entityMetadata").toString()).isEqualTo("{\"toolCallId\":\"1\"}");
        assertThat(lines.get(3).get("executionId")).isEqualTo(lines.get(2).get("executionId"));
        assertThat(lines.get(4).get("executionId")).isEqualTo(action.get("executionId"));
        assertThat(lines.get(5).get("executionId")).isEqualTo(action.get("executionId"));
        assertThat(lines.get(5).get("eventAttributes").toString()).isEqualTo("{\"output\":\"done\"}");
    }

    @Test
    void theTraceHasTheFailureThatEndsTheTask() throws Exception {
        assertThatThrownBy(() -> traced("k/fail")).hasStackTraceContaining("inner");
        final List<JsonNode> lines = Lines.in(directory);
        final JsonNode failed = lines.get(lines.size() - 1);
        assertThat(failed.get("eventType").asText()).isEqualTo("_execution_failed_event");
        assertThat(failed.get("problemCategory").asText()).isEqualTo("action_execution_failed");
        assertThat(failed.get("eventAttributes").toString())
                .isEqualTo("{\"errorType\":\"java.io.IOException\",\"errorMessage\":\"inner\"}");
    }

    @Test
    void theTraceSaysWhatWasReplayed() throws Exception {
        final Map<String, Object> config = config();
        config.put("actionStateStoreBackend", "sqlite");
        config.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        final Harness.Job<String, String> job =
                new Harness.Job<>(new EventLogTest.Twostep(), TestAgents::keyOf, String.class, String.class, config);
        for (int attempt = 0; attempt < 2; attempt++) {
            try (Harness<String, String> harness = job.open()) {
                harness.in("k/a");
                harness.await(1);
            }
        }
        assertThat(Lines.types(Lines.in(directory))).filteredOn("_execution_reused_event"::equals).hasSize(2);
        assertThat(Lines.types(Lines.in(directory))).filteredOn("_execution_started_event"::equals).hasSize(2);
    }

    /** What {@code flink-agents trace} makes of the logs. */
    private JsonNode runs() throws Exception {
        final ByteArrayOutputStream output = new ByteArrayOutputStream();
        final ByteArrayOutputStream errors = new ByteArrayOutputStream();
        final int status =
                CommandLine.run(
                        new PrintStream(output, true, StandardCharsets.UTF_8), new PrintStream(errors, true, StandardCharsets.UTF_8),
                        "trace", directory.toString(), "--format", "json");
        assertThat(errors.toString(StandardCharsets.UTF_8)).isEmpty();
        assertThat(status).isZero();
        return JSON.readTree(output.toByteArray()).get("runs");
    }

    private static List<String> texts(final JsonNode items, final String field) {
        final List<String> texts = new ArrayList<>();
        items.forEach(item -> texts.add(item.get(field).asText()));
        return texts;
    }

    @Test
    void theCommandRebuildsRunsOfSeveralKeysAndSubtasks() throws Exception {
        final Harness.Job<String, String> job =
                new Harness.Job<>(new Reporting(), TestAgents::keyOf, String.class, String.class, config());
        for (int subtask = 0; subtask < 2; subtask++) {
            try (Harness<String, String> harness = job.open(null, 2, subtask)) {
                for (int i = 0; i < 50; i++) {
                    final String record = "k" + i % 10 + "/" + i;
                    if (Harness.subtaskOf(TestAgents.keyOf(record), 2) == subtask) {
                        harness.in(record);
                    }
                }
                harness.mails();
            }
        }
        final JsonNode runs = runs();
        assertThat(runs).hasSize(50);
        for (final JsonNode run : runs) {
            assertThat(run.get("status").asText()).isEqualTo("done");
            assertThat(run.get("traced").asBoolean()).isTrue();
            assertThat(texts(run.get("events"), "type")).containsExactly("_input_event", "_output_event");
            assertThat(run.get("events").get(0).get("attributes").get("input").asText()).startsWith(run.get("key").asText() + "/");
            assertThat(texts(run.get("executions"), "name")).containsExactly("work", "add");
            assertThat(run.get("executions").get(1).get("parent").asInt()).isZero();
        }
    }

    @Test
    void theCommandShowsWhereARunFailed() throws Exception {
        assertThatThrownBy(() -> traced("k/fail")).hasStackTraceContaining("inner");
        final JsonNode run = runs().get(0);
        assertThat(run.get("status").asText()).isEqualTo("failed");
        final JsonNode work = run.get("executions").get(0);
        assertThat(work.get("status").asText()).isEqualTo("failed");
        assertThat(work.get("errorMessage").asText()).isEqualTo("inner");
    }

    @Test
    void theCommandMergesWhatWasReplayed() throws Exception {
        theTraceSaysWhatWasReplayed();
        final JsonNode runs = runs();
        // An input has another id each time it is read; what the journal replays has the same.
        assertThat(runs.size()).isLessThanOrEqualTo(2);
        assertThat(runs.findValuesAsText("reused")).containsExactly("2");
    }

    @Test
    void whatPythonSendsAndReportsIsInTheLogAsJavasIs() throws Exception {
        final List<Object> outputs = new ArrayList<>();
        try (Harness<String, byte[]> harness = PythonTools.job("Reports", config()).open()) {
            for (int i = 0; i < 20; i++) {
                harness.in(PythonTools.record("k" + i % 4, "ä" + i));
            }
            outputs.addAll(PythonTools.decode(harness.await(20)));
        }
        assertThat(outputs).hasSize(20);
        final List<JsonNode> lines = Lines.in(directory);
        final JsonNode step = lines.stream().filter(line -> line.get("eventType").asText().equals("step")).findFirst().orElseThrow();
        assertThat(step.fieldNames())
                .toIterable()
                .containsExactly(
                        "timestamp", "logLevel", "inputRunId", "businessKey", "agentName", "executionId", "entityType", "entityName",
                        "eventId", "eventType", "upstreamEventId", "upstreamActionName", "eventAttributes");
        assertThat(step.get("businessKey").asText()).startsWith("k");
        assertThat(step.get("upstreamActionName").asText()).isEqualTo("begin");
        assertThat(step.get("eventAttributes").get("text").asText()).startsWith("ä");
        final JsonNode runs = runs();
        assertThat(runs).hasSize(20);
        for (final JsonNode run : runs) {
            assertThat(run.get("status").asText()).isEqualTo("problems");
            assertThat(texts(run.get("events"), "type")).containsExactly("_input_event", "step", "_output_event");
            assertThat(texts(run.get("executions"), "name")).containsExactly("begin", "add", "end", "model");
            assertThat(run.get("executions").get(1).get("metadata").toString()).isEqualTo("{\"toolCallId\":\"7\"}");
            final JsonNode model = run.get("executions").get(3);
            assertThat(model.get("problem").asText()).isEqualTo("model_call_failed");
            assertThat(model.get("errorType").asText()).isEqualTo("KeyError");
        }
    }

    @Test
    void anErrorOfPythonIsInTheLogBeforeTheTaskFails() throws Exception {
        assertThatThrownBy(
                        () -> {
                            try (Harness<String, byte[]> harness = PythonTools.job("Reports", config()).open()) {
                                harness.in(PythonTools.record("k", "fail"));
                                harness.await(1);
                            }
                        })
                .hasStackTraceContaining("not today");
        final List<JsonNode> lines = Lines.in(directory);
        final JsonNode failed = lines.get(lines.size() - 1);
        assertThat(failed.get("problemCategory").asText()).isEqualTo("action_execution_failed");
        assertThat(failed.get("eventAttributes").toString())
                .isEqualTo("{\"errorType\":\"ValueError\",\"errorMessage\":\"not today\"}");
    }

    @Test
    void withoutATraceReportsAreNotToldToTheHost() throws Exception {
        final Map<String, Object> config = config();
        config.remove("event-log.trace.enabled");
        try (Harness<String, byte[]> harness = PythonTools.job("Reports", config).open()) {
            harness.in(PythonTools.record("k", "a"));
            harness.await(1);
        }
        assertThat(Lines.types(Lines.in(directory))).containsExactly("_input_event", "step", "_output_event");
    }
}
