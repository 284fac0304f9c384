package org.apache.flink.agents.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;

class PlainValuesTest {
    public static final class City {
        public String name = "Oslo";
        public float height = 0.5f;
        public MessageRole role = MessageRole.TOOL;
    }

    @Test
    void whatEveryLanguageHasStaysAsItIs() {
        final byte[] bytes = {1, 2};
        for (final Object value :
                new Object[] {true, "x", 1, 1L << 40, 0.1, new BigInteger("99999999999999999999"), new BigDecimal("1.10"), bytes}) {
            assertThat(PlainValues.data(value)).isSameAs(value);
        }
        assertThat(PlainValues.data(null)).isNull();
    }

    @Test
    void ofOtherThingsIsSentWhatJacksonShows() {
        final UUID id = UUID.randomUUID();
        assertThat(PlainValues.data(Arrays.asList((short) 3, (byte) 4, 'c', 0.5f, null, new City[] {new City()}, id, String.class)))
                .isEqualTo(
                        Arrays.asList(
                                3, 4, "c", 0.5, null, List.of(Map.of("name", "Oslo", "height", 0.5, "role", "tool")), id.toString(),
                                "java.lang.String"));
        assertThat(PlainValues.data(Map.of(7, new LinkedHashSet<>(List.of("a", "b"))))).isEqualTo(Map.of("7", List.of("a", "b")));
        assertThat(PlainValues.data(Collections.singletonMap("x", new float[] {0.5f, 2}))).isEqualTo(Map.of("x", List.of(0.5, 2.0)));
        final Row named = Row.withNames();
        named.setField("city", new City());
        assertThat(PlainValues.data(List.of(named, Row.of(1, "x"))))
                .isEqualTo(
                        List.of(
                                Map.of(
                                        "type", "Row",
                                        "values", List.of(Map.of("name", "Oslo", "height", 0.5, "role", "tool")),
                                        "fields", List.of("city")),
                                Map.of("type", "Row", "values", List.of(1, "x"))));
    }

    @Test
    void whatJacksonCannotShowIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PlainValues.data(Map.of("lock", new Object())))
                .withMessageContaining("java.lang.Object");
    }

    @Test
    void messagesDocumentsAndResponsesAreMapsAndComeBack() {
        final ChatMessage message =
                new ChatMessage(
                        MessageRole.ASSISTANT,
                        "",
                        List.of(Map.of("id", "1", "function", Map.of("name", "add", "arguments", Map.of("a", 1L)))),
                        Map.of("promptTokens", 3, "big", 1L << 40));
        final Object said = PlainValues.data(message);
        assertThat(said)
                .isEqualTo(
                        Map.of(
                                "role", "assistant",
                                "content", "",
                                "tool_calls", message.getToolCalls(),
                                "extra_args", message.getExtraArgs()));
        assertThat(PlainValues.message(said)).isEqualTo(message);
        assertThat(PlainValues.message(Map.of("role", "tool", "extra_args", Map.of("raw", new byte[] {1}))).getExtraArgs().get("raw"))
                .isEqualTo(new byte[] {1});
        assertThat(PlainValues.messages(List.of(said, Map.of("role", "user", "content", "x"))))
                .containsExactly(message, ChatMessage.user("x"));

        final Document document = new Document("text", Map.of("n", 1), "id", new float[] {0.5f}, 0.25f);
        final Object map = PlainValues.data(document);
        assertThat(map)
                .isEqualTo(Map.of("content", "text", "metadata", Map.of("n", 1), "id", "id", "embedding", List.of(0.5), "score", 0.25));
        assertThat(PlainValues.documents(List.of(map, Map.of("content", "y"))))
                .containsExactly(document, new Document("y", null, null));
        assertThat(PlainValues.data(ToolResponse.error("no", 5, "t")))
                .isEqualTo(PlainValues.plain(ToolResponse.error("no", 5, "t")))
                .asString()
                .contains("error=no");
    }

    @Test
    void whatIsNotWhatItShouldBeIsSaidWithoutItsValue() {
        assertThatIllegalArgumentException().isThrownBy(() -> PlainValues.message(null)).withMessage("not a map, but null");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PlainValues.texts(List.of(1)))
                .withMessage("not a text, but a java.lang.Integer");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PlainValues.vectors(List.of(List.of(1, "secret"))))
                .withMessage("not a number, but a java.lang.String");
        assertThatIllegalArgumentException().isThrownBy(() -> PlainValues.messages("x")).withMessageStartingWith("not a list");
        assertThatIllegalArgumentException().isThrownBy(() -> PlainValues.message(Map.of("role", "boss"))).withMessageContaining("boss");
        assertThat(PlainValues.vectors(List.of(List.of(1, 0.5), List.of()))).containsExactly(new float[] {1, 0.5f}, new float[0]);
    }
}
