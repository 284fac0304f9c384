package org.apache.flink.agents.api.event;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.OutputSchema;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.typeutils.RowTypeInfo;
import org.junit.jupiter.api.Test;

/** The events of the samples, written by the reference system, are read and written the same. */
class EventVectorsTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Path SAMPLES =
            Path.of(System.getProperty("basedir", "."), "../../e2e-test/conformance/plan-samples");

    /** As the generator of the samples has it. */
    public static class OutPojo {
        public int result;
        public String why;
    }

    private static JsonNode samples(String file) throws Exception {
        return MAPPER.readTree(new File(SAMPLES.toFile(), file));
    }

    private static JsonNode attributes(Event event) {
        try {
            // By way of the text, so that numbers compare as they are written.
            return MAPPER.readTree(MAPPER.writeValueAsString(event)).get("attributes");
        } catch (JsonProcessingException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void samplesOfAllVersionsSurviveReadingAndWriting() throws Exception {
        int seen = 0;
        for (final String file :
                new String[] {
                    "0.3.1/java-events.json", "0.3.1/python-events.json", "head/python-events.json"
                }) {
            for (final Iterator<Map.Entry<String, JsonNode>> it = samples(file).fields();
                    it.hasNext(); ) {
                final Map.Entry<String, JsonNode> sample = it.next();
                if (sample.getValue().isTextual()) {
                    continue;
                }
                seen++;
                final Event event = Event.fromJson(sample.getValue().toString());
                final JsonNode written = MAPPER.valueToTree(event);
                assertThat(written.get("id")).isEqualTo(sample.getValue().get("id"));
                assertThat(written.get("type")).isEqualTo(sample.getValue().get("type"));
                assertThat(written.get("attributes"))
                        .as("%s of %s", sample.getKey(), file)
                        .isEqualTo(sample.getValue().get("attributes"));
            }
        }
        assertThat(seen).isGreaterThan(35);
    }

    @Test
    void eventsMadeHereHaveTheAttributesOfTheJavaSamples() throws Exception {
        final JsonNode samples = samples("0.3.1/java-events.json");
        final List<ChatMessage> hi = List.of(ChatMessage.user("hi"));
        final Map<String, Event> made =
                Map.of(
                        "InputEvent(String)",
                        new InputEvent("hello"),
                        "InputEvent(POJO)",
                        new InputEvent(new OutPojo()),
                        "OutputEvent",
                        new OutputEvent(Map.of("x", 1)),
                        "ChatRequestEvent",
                        new ChatRequestEvent("model", hi, Map.of("input", "v"), null),
                        "ChatRequestEvent(row schema)",
                        new ChatRequestEvent(
                                "model",
                                hi,
                                new OutputSchema(
                                        new RowTypeInfo(
                                                new org.apache.flink.api.common.typeinfo.TypeInformation<?>[] {
                                                    Types.INT, Types.STRING
                                                },
                                                new String[] {"result", "why"}))),
                        "ToolRequestEvent",
                        new ToolRequestEvent(
                                "model",
                                List.of(
                                        Map.of(
                                                "id",
                                                "c1",
                                                "type",
                                                "function",
                                                "function",
                                                Map.of("name", "add", "arguments", Map.of("a", 1))))),
                        "ContextRetrievalRequestEvent",
                        new ContextRetrievalRequestEvent("q", "store"));
        made.forEach(
                (name, event) ->
                        assertThat(attributes(event))
                                .as(name)
                                .isEqualTo(samples.get(name).get("attributes")));

        assertThat(
                        attributes(new ChatRequestEvent("model", hi, OutPojo.class))
                                .get("output_schema")
                                .asText())
                .isEqualTo(OutPojo.class.getName());

        final JsonNode chat = samples.get("ChatResponseEvent").get("attributes");
        assertThat(
                        attributes(
                                new ChatResponseEvent(
                                        UUID.fromString(chat.get("request_id").asText()),
                                        ChatMessage.assistant("ok"),
                                        1,
                                        2)))
                .isEqualTo(chat);

        final JsonNode tool = samples.get("ToolResponseEvent").get("attributes");
        final ToolResponseEvent toolResponse =
                new ToolResponseEvent(
                        UUID.fromString(tool.get("request_id").asText()),
                        Map.of("c1", ToolResponse.success(3)),
                        Map.of("c1", true),
                        Map.of(),
                        Map.of("c1", "ext-1"));
        toolResponse.setAttr("timestamp", tool.get("timestamp").asLong());
        assertThat(attributes(toolResponse)).isEqualTo(tool);

        final JsonNode docs = samples.get("ContextRetrievalResponseEvent").get("attributes");
        assertThat(
                        attributes(
                                new ContextRetrievalResponseEvent(
                                        UUID.fromString(docs.get("request_id").asText()),
                                        "q",
                                        List.of(new Document("c", Map.of("k", "v"), "d1")))))
                .isEqualTo(docs);
    }

    @Test
    void viewsOfEventsFromJsonConvertNestedValues() throws Exception {
        for (final String file :
                new String[] {
                    "0.3.1/java-events.json", "0.3.1/python-events.json", "head/python-events.json"
                }) {
            final JsonNode samples = samples(file);
            final ChatRequestEvent request =
                    ChatRequestEvent.fromEvent(
                            Event.fromJson(samples.get("ChatRequestEvent").toString()));
            assertThat(request.getModel()).isEqualTo("model");
            assertThat(request.getMessages()).containsExactly(ChatMessage.user("hi"));
            assertThat(request.getPromptArgs()).containsEntry("input", "v");
            assertThat(request.getOutputSchema()).isNull();

            final JsonNode chat = samples.get("ChatResponseEvent");
            final ChatResponseEvent response =
                    ChatResponseEvent.fromEvent(Event.fromJson(chat.toString()));
            assertThat(response.getRequestId().toString())
                    .isEqualTo(chat.get("attributes").get("request_id").asText());
            assertThat(response.getResponse()).isEqualTo(ChatMessage.assistant("ok"));
            assertThat(response.getRetryCount()).isEqualTo(1);
            assertThat(response.getTotalRetryWaitSec()).isEqualTo(2);

            final ToolRequestEvent toolRequest =
                    ToolRequestEvent.fromEvent(
                            Event.fromJson(samples.get("ToolRequestEvent").toString()));
            assertThat(toolRequest.getToolCalls()).hasSize(1);
            assertThat(toolRequest.getToolCalls().get(0)).containsEntry("id", "c1");

            final ToolResponseEvent toolResponse =
                    ToolResponseEvent.fromEvent(
                            Event.fromJson(samples.get("ToolResponseEvent").toString()));
            assertThat(toolResponse.getResponses().get("c1")).isEqualTo(ToolResponse.success(3));
            assertThat(toolResponse.getExternalIds()).containsEntry("c1", "ext-1");
            assertThat(toolResponse.getError()).isEmpty();
            assertThat(toolResponse.getSuccess().getOrDefault("c1", true)).isTrue();

            final ContextRetrievalResponseEvent documents =
                    ContextRetrievalResponseEvent.fromEvent(
                            Event.fromJson(samples.get("ContextRetrievalResponseEvent").toString()));
            assertThat(documents.getQuery()).isEqualTo("q");
            assertThat(documents.getDocuments())
                    .containsExactly(new Document("c", Map.of("k", "v"), "d1"));
        }
    }

    @Test
    void outputSchemasOfEveryKindAreRead() throws Exception {
        final RowTypeInfo row = new RowTypeInfo(Types.INT, Types.STRING);
        final Event withRow = new ChatRequestEvent("m", List.of(), row);
        assertThat(ChatRequestEvent.fromEvent(withRow).getOutputSchema())
                .isEqualTo(new OutputSchema(row));
        assertThat(roundTrip(withRow).getOutputSchema()).isEqualTo(new OutputSchema(row));

        assertThat(roundTrip(new ChatRequestEvent("m", List.of(), OutPojo.class)).getOutputSchema())
                .isEqualTo(OutPojo.class);

        final ChatRequestEvent gone = new ChatRequestEvent("m", List.of());
        gone.setAttr("output_schema", "no.such.Pojo");
        assertThatIllegalStateException()
                .isThrownBy(gone::getOutputSchema)
                .withMessageContaining("no.such.Pojo");

        final JsonNode python = samples("head/python-events.json").get("ChatRequestEvent(row schema)");
        assertThat(ChatRequestEvent.fromEvent(Event.fromJson(python.toString())).getOutputSchema())
                .isInstanceOf(Map.class);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ChatRequestEvent("m", List.of(), "a text"));
    }

    private static ChatRequestEvent roundTrip(Event event) throws Exception {
        return ChatRequestEvent.fromEvent(Event.fromJson(MAPPER.writeValueAsString(event)));
    }

    @Test
    void wrongAttributesAreNamed() {
        final ToolRequestEvent event = new ToolRequestEvent(null, Map.of("tool_calls", 5));
        assertThatIllegalStateException()
                .isThrownBy(event::getToolCalls)
                .withMessageContaining("tool_calls")
                .withMessageContaining(event.getId().toString());
        final ChatResponseEvent response =
                new ChatResponseEvent(null, Map.of("request_id", "no uuid", "response", 5));
        assertThatIllegalStateException().isThrownBy(response::getRequestId);
        assertThatIllegalStateException().isThrownBy(response::getResponse);
    }

    @Test
    void memoryEventsAreViewedByTheirType() {
        final List<MemoryEvent> events = new ArrayList<>();
        events.add(new SensoryWriteEvent("k", Map.of("a", 1)));
        events.add(new ShortTermWriteEvent("k", Map.of("a", 1)));
        events.add(new SensoryReadEvent("k", Map.of("a", 1)));
        events.add(new ShortTermReadEvent("k", Map.of("a", 1)));
        events.add(new LongTermUpdateEvent("k", Map.of("a", 1), List.of("old")));
        events.add(new LongTermGetEvent("k", Map.of("a", 1)));
        events.add(new LongTermSearchEvent("k", Map.of("a", 1)));
        for (final MemoryEvent event : events) {
            assertThat(MemoryEvent.isMemoryType(event.getType())).isTrue();
            final MemoryEvent view = MemoryEvent.fromEvent(Event.fromEvent(event));
            assertThat(view).isEqualTo(event).isNotSameAs(event);
            assertThat(view.getKey()).isEqualTo("k");
            assertThat(view.getValue()).containsEntry("a", 1).isUnmodifiable();
        }
        assertThat(((LongTermUpdateEvent) events.get(4)).getClearedSets()).containsExactly("old");
        assertThat(MemoryEvent.isMemoryType(AgentRunBeginEvent.EVENT_TYPE)).isFalse();
        assertThat(MemoryEvent.isMemoryType(null)).isFalse();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> MemoryEvent.fromEvent(new Event("other")))
                .withMessageContaining("other");
    }

    @Test
    void messagesDefaultToSystemAndReadSparseJson() throws Exception {
        assertThat(new ChatMessage().getRole()).isEqualTo(MessageRole.SYSTEM);
        final ChatMessage sparse =
                MAPPER.readValue("{\"role\":\"tool\",\"content\":null,\"x\":1}", ChatMessage.class);
        assertThat(sparse).isEqualTo(ChatMessage.tool(""));
        assertThat(MAPPER.writeValueAsString(ChatMessage.system("s")))
                .isEqualTo("{\"role\":\"system\",\"content\":\"s\",\"tool_calls\":[],\"extra_args\":{}}");
        assertThat(
                        ChatMessage.findFirstSystemMessage(
                                List.of(ChatMessage.user("a"), ChatMessage.system("b"))))
                .isEqualTo(1);
        assertThat(ChatMessage.findFirstSystemMessage(List.of())).isEqualTo(-1);
    }
}
