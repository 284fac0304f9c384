package org.apache.flink.agents.api.agents;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.RecordingContext;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.typeutils.RowTypeInfo;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;

class ReActAgentTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final ResourceDescriptor MODEL =
            ResourceDescriptor.Builder.newBuilder("some.Model").addInitialArgument("connection", "c").build();

    /** As the generator of the samples has it. */
    public static class OutPojo {
        public int result;
        public String why;
    }

    private static JsonNode samplePrompt(String sample) throws Exception {
        return MAPPER.readTree(
                        new File(
                                Path.of(System.getProperty("basedir", ".")).toFile(),
                                "../../e2e-test/conformance/plan-samples/0.3.1/" + sample))
                .at("/resource_providers/prompt/_default_schema_prompt/serializedResource");
    }

    private static List<ChatMessage> ask(ReActAgent agent, Object input) {
        final RecordingContext context = new RecordingContext(agent);
        context.actionConfig = agent.getActions().get("startAction").f2;
        ReActAgent.startAction(new InputEvent(input), context);
        final ChatRequestEvent request = ChatRequestEvent.fromEvent(context.sent.get(0));
        assertThat(request.getModel()).isEqualTo("_default_chat_model");
        return request.getMessages();
    }

    @Test
    void schemaPromptsAreThoseOfTheSamples() throws Exception {
        final ReActAgent pojo = new ReActAgent(MODEL, null, OutPojo.class);
        assertThat(
                        MAPPER.writeValueAsString(
                                pojo.getResources().get(ResourceType.PROMPT).get("_default_schema_prompt")))
                .isEqualTo(samplePrompt("java-react-agent-pojo-schema.plan.json").asText());
        assertThat(pojo.getActions().get("startAction").f2).containsEntry("output_schema", OutPojo.class);

        final RowTypeInfo row =
                new RowTypeInfo(
                        new TypeInformation<?>[] {Types.INT, Types.STRING},
                        new String[] {"result", "why"});
        final ReActAgent rows = new ReActAgent(MODEL, null, row);
        assertThat(
                        MAPPER.writeValueAsString(
                                rows.getResources().get(ResourceType.PROMPT).get("_default_schema_prompt")))
                .isEqualTo(samplePrompt("java-react-agent-row-schema.plan.json").asText());
        assertThat(rows.getActions().get("startAction").f2)
                .containsEntry("output_schema", new OutputSchema(row));
    }

    @Test
    void otherSchemasAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ReActAgent(MODEL, null, "text"))
                .withMessageContaining("java.lang.String");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> new ReActAgent(MODEL, null, new RowTypeInfo(Types.LIST(Types.INT))))
                .withMessageContaining("f0");
    }

    @Test
    void plainInputsAreSaidAsTheyAre() {
        final ReActAgent agent = new ReActAgent(MODEL, null, null);
        assertThat(ask(agent, 5)).containsExactly(ChatMessage.user("5"));
        assertThat(ask(agent, "five")).containsExactly(ChatMessage.user("five"));
        assertThatThrownBy(() -> ask(agent, new OutPojo()))
                .isInstanceOf(RuntimeException.class)
                .hasMessageContaining("Prompt");
    }

    @Test
    void promptsTakeTheInputOrItsFields() {
        assertThat(ask(new ReActAgent(MODEL, Prompt.fromText("n={input}"), null), 5))
                .containsExactly(ChatMessage.user("n=5"));
        final ReActAgent fields = new ReActAgent(MODEL, Prompt.fromText("{result} {why} {f0}"), null);
        assertThat(ask(fields, new OutPojo())).containsExactly(ChatMessage.user("0  {f0}"));
        assertThat(ask(fields, Map.of("result", List.of(1)))).containsExactly(ChatMessage.user("[1] {why} {f0}"));
        final Row named = Row.withNames();
        named.setField("result", 3);
        named.setField("why", "x");
        assertThat(ask(fields, named)).containsExactly(ChatMessage.user("3 x {f0}"));
        assertThat(ask(fields, Row.of(9))).containsExactly(ChatMessage.user("{result} {why} 9"));
    }

    @Test
    void schemaInstructionFollowsTheFirstSystemMessage() {
        final ReActAgent agent =
                new ReActAgent(
                        MODEL,
                        Prompt.fromMessages(
                                List.of(
                                        ChatMessage.user("a"),
                                        ChatMessage.system("s"),
                                        ChatMessage.user("{input}"))),
                        OutPojo.class);
        final List<ChatMessage> messages = ask(agent, 1);
        assertThat(messages).hasSize(4);
        assertThat(messages.get(1).getContent()).isEqualTo("s");
        assertThat(messages.get(2).getContent()).startsWith("The final response should be json");
        assertThat(ask(new ReActAgent(MODEL, null, OutPojo.class), 1).get(0).getContent())
                .startsWith("The final response should be json");
    }

    @Test
    void answerIsTheStructuredOutputElseTheText() {
        final RecordingContext context = new RecordingContext(new ReActAgent(MODEL, null, null));
        ReActAgent.stopAction(
                new ChatResponseEvent(UUID.randomUUID(), ChatMessage.assistant("text")), context);
        final ChatMessage structured = ChatMessage.assistant("{}");
        structured.getExtraArgs().put(Agent.STRUCTURED_OUTPUT, Map.of("a", 1));
        ReActAgent.stopAction(new ChatResponseEvent(UUID.randomUUID(), structured), context);
        assertThat(context.sent)
                .extracting((Event event) -> OutputEvent.fromEvent(event).getOutput())
                .containsExactly("text", Map.of("a", 1));
    }
}
