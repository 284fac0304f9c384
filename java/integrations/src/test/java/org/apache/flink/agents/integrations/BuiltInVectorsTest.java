package org.apache.flink.agents.integrations;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.flink.agents.core.BuiltInDecisions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What the core wants done in Java: the conversations that every host replays. */
class BuiltInVectorsTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    static Stream<Arguments> conversations() throws Exception {
        Path root = Paths.get("").toAbsolutePath();
        while (!root.resolve("e2e-test/conformance").toFile().isDirectory()) {
            root = root.getParent();
        }
        final JsonNode all = MAPPER.readTree(root.resolve("e2e-test/conformance/built-in-actions.json").toFile());
        assertThat(all.size()).isGreaterThan(20);
        return StreamSupport.stream(all.spliterator(), false)
                .map(conversation -> Arguments.of(conversation.get("name").textValue(), conversation));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("conversations")
    void conversationsAreThoseOfTheVectors(final String name, final JsonNode conversation) throws Exception {
        try {
            play(conversation);
            assertThat(conversation.has("error")).isFalse();
        } catch (final IllegalArgumentException e) {
            assertThat(e).hasMessage(conversation.path("error").textValue());
        }
    }

    private static void play(final JsonNode conversation) throws Exception {
        try (BuiltInDecisions decisions = BuiltInDecisions.begin(MAPPER.writeValueAsBytes(conversation.get("start")))) {
            JsonNode commands = MAPPER.readTree(decisions.first());
            for (final JsonNode turn : conversation.get("turns")) {
                assertThat(commands).isEqualTo(turn.get("commands"));
                if (turn.has("answer")) {
                    commands = MAPPER.readTree(decisions.answer(MAPPER.writeValueAsBytes(turn.get("answer"))));
                }
            }
        }
    }

    @Test
    void anActionThatHasEndedTakesNoAnswer() throws Exception {
        final JsonNode start = ((JsonNode) conversations().findFirst().orElseThrow().get()[1]).get("start");
        final BuiltInDecisions decisions = BuiltInDecisions.begin(MAPPER.writeValueAsBytes(start));
        decisions.close();
        decisions.close();
        assertThatThrownBy(() -> decisions.answer("{}".getBytes("UTF-8")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("The built-in action has ended, there is nothing to answer");
    }
}
