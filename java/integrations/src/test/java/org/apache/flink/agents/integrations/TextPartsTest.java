package org.apache.flink.agents.integrations;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.model.TextPart;
import org.apache.flink.agents.api.chat.model.TextParts;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.integrations.ChatAgents.Asking;
import org.apache.flink.agents.integrations.chatmodels.ollama.OllamaChatModelConnection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What models say while they say it, in runs without Flink. */
@Timeout(value = 240, threadMode = ThreadMode.SEPARATE_THREAD)
class TextPartsTest {
    private static final String SAID = "Trains run at night, and nobody knows why.";
    private static final String WHOLE = "{'rules': [{'answers': [{'text': '" + SAID + "'}]}]}";
    private static final String CUT = "{'text': '" + SAID + "', 'cut_after': 400}";

    private final List<TextPart> parts = Collections.synchronizedList(new ArrayList<>());

    private static List<Object> run(
            final ModelServer server, final String async, final Consumer<TextPart> listener) throws Exception {
        final Asking agent = ChatAgents.on(server, new Asking());
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment();
        env.getConfig().setStr("chat.async", async);
        env.onText(listener);
        final List<Map<String, Object>> outputs =
                env.fromList(List.of(Map.of("key", "a", "value", "why?"), Map.of("key", "b", "value", "why?")))
                        .apply(agent)
                        .toList();
        env.execute();
        return outputs.stream().flatMap(output -> output.values().stream()).collect(Collectors.toList());
    }

    private String heard(final Object key) {
        return parts.stream().filter(part -> key.equals(part.getKey())).map(TextPart::getText).collect(Collectors.joining());
    }

    @ParameterizedTest
    @ValueSource(strings = {"true", "false"})
    void aListenerHearsWhatTheAgentGetsPartByPart(final String async) throws Exception {
        try (ModelServer server = ModelServer.start(WHOLE)) {
            assertThat(run(server, async, parts::add)).containsExactly(SAID + " after 0", SAID + " after 0");
        }
        assertThat(parts).hasSizeGreaterThan(2).allMatch(part -> part.getKind() == TextPart.Kind.TEXT);
        assertThat(parts).extracting(TextPart::getModel).containsOnly("model");
        assertThat(List.of(heard("a"), heard("b"))).containsExactly(SAID, SAID);
    }

    @Test
    void partsComeBeforeTheEndOfAnAnswer() throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': [{'answers': [" + CUT + "]}]}")) {
            assertThatThrownBy(() -> run(server, "true", parts::add)).hasStackTraceContaining("attempt 1 of 1");
        }
        final String heard = heard(parts.get(0).getKey());
        assertThat(heard).isNotEmpty().isNotEqualTo(SAID);
        assertThat(SAID).startsWith(heard);
    }

    @Test
    void aListenerThatThrowsCostsNothing() throws Exception {
        try (ModelServer server = ModelServer.start(WHOLE)) {
            assertThat(run(server, "true", part -> {
                throw new IllegalStateException("deaf");
            }))
                    .containsExactly(SAID + " after 0", SAID + " after 0");
        }
    }

    @Test
    void anAttemptThatFailsInBetweenIsToldOfAlsoOutsideOfAgents() throws Exception {
        final List<ChatMessage> question = List.of(ChatMessage.user("why?"));
        final Map<String, Object> model = Map.of("model", "m");
        final String script = "{'rules': [{'answers': [" + CUT + ", {'text': '" + SAID + "'}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            final OllamaChatModelConnection connection =
                    new OllamaChatModelConnection(
                            ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.OLLAMA_CONNECTION)
                                    .addInitialArgument("endpoint", server.url())
                                    .addInitialArgument("max_retries", 1)
                                    .build(),
                            null);
            assertThat(TextParts.listening(parts::add, () -> connection.chat(question, List.of(), model)).getContent()).isEqualTo(SAID);
            final List<TextPart.Kind> kinds = parts.stream().map(TextPart::getKind).collect(Collectors.toList());
            assertThat(kinds).containsOnlyOnce(TextPart.Kind.AGAIN);
            final List<TextPart> last = parts.subList(kinds.indexOf(TextPart.Kind.AGAIN), parts.size());
            assertThat(last.stream().map(TextPart::getText).collect(Collectors.joining())).isEqualTo(SAID);
            parts.clear();
            assertThat(connection.chat(question, List.of(), model).getContent()).isEqualTo(SAID);
            assertThat(parts).isEmpty();
            connection.close();
        }
    }
}
