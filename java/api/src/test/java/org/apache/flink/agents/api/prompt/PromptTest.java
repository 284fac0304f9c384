package org.apache.flink.agents.api.prompt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.resource.SerializableResource;
import org.apache.flink.agents.api.skills.Skills;
import org.junit.jupiter.api.Test;

class PromptTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private static JsonNode sample() throws Exception {
        return MAPPER.readTree(
                        new File(
                                System.getProperty("basedir", "."),
                                "../../e2e-test/conformance/plan-samples/0.3.1/java-small-agent.plan.json"))
                .get("resource_providers");
    }

    @Test
    void placeholdersAreFilledInOnceAndUnknownOnesStay() {
        final Map<String, String> args = new HashMap<>();
        args.put("a", "{b}");
        args.put("b", "$1\\");
        args.put("none", null);
        assertThat(Prompt.fromText("{a}-{b}-{none}-{unknown}-{}-{{b}}").formatString(args))
                .isEqualTo("{b}-$1\\--{unknown}-{}-{$1\\}");
        assertThat(Prompt.fromText("{a}").formatString(null)).isEqualTo("{a}");
    }

    @Test
    @SuppressWarnings({"unchecked", "rawtypes"})
    void valuesThatAreNoStringsAreTurnedIntoText() {
        final Map args = Map.of("n", 5);
        assertThat(Prompt.fromText("{n}").formatString(args)).isEqualTo("5");
    }

    @Test
    void textBecomesOneMessageOfTheDefaultRole() {
        assertThat(Prompt.fromText("hi {n}").formatMessages(MessageRole.USER, Map.of("n", "x")))
                .containsExactly(ChatMessage.user("hi x"));
    }

    @Test
    void messagesKeepRolesAndBecomeLines() {
        final ChatMessage withArgs =
                new ChatMessage(MessageRole.ASSISTANT, "{n}", List.of(Map.of("id", "c")), Map.of("k", 1));
        final Prompt prompt = Prompt.fromMessages(List.of(ChatMessage.system("s {n}"), withArgs));
        final List<ChatMessage> formatted =
                prompt.formatMessages(MessageRole.USER, Map.of("n", "x"));
        assertThat(formatted)
                .containsExactly(
                        ChatMessage.system("s x"),
                        new ChatMessage(
                                MessageRole.ASSISTANT, "x", List.of(Map.of("id", "c")), Map.of("k", 1)));
        assertThat(withArgs.getContent()).isEqualTo("{n}");
        assertThat(prompt.formatString(Map.of("n", "x"))).isEqualTo("system: s x\nassistant: x");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Prompt.fromMessages(Collections.emptyList()));
    }

    @Test
    void jsonIsThatOfTheSamplesAndCanBeReadBack() throws Exception {
        final String text = sample().at("/prompt/greetPrompt/serializedResource").asText();
        final String messages = sample().at("/prompt/chatPrompt/serializedResource").asText();
        final Prompt greet = Prompt.fromText("Say hello to {name}");
        final Prompt chat =
                Prompt.fromMessages(
                        List.of(ChatMessage.system("You are {role}"), ChatMessage.user("{input}")));
        assertThat(MAPPER.writeValueAsString(greet)).isEqualTo(text);
        assertThat(MAPPER.writeValueAsString(chat)).isEqualTo(messages);
        assertThat(MAPPER.readValue(text, Prompt.class)).isEqualTo(greet);
        assertThat(MAPPER.readValue(messages, Prompt.LocalPrompt.class)).isEqualTo(chat);
    }

    @Test
    void skillsJsonIsThatOfTheSampleAndCanBeReadBack() throws Exception {
        final String json = sample().at("/skills/_skills_config/serializedResource").asText();
        assertThat(MAPPER.writeValueAsString(Skills.fromLocalDir("/data/skills"))).isEqualTo(json);
        final Skills back = MAPPER.readValue(json, Skills.class);
        assertThat(back.getSources()).isEqualTo(Skills.fromLocalDir("/data/skills").getSources());
        assertThat(Skills.fromUrl("u").getSources().get(0).getParams()).containsEntry("url", "u");
        assertThat(Skills.fromClasspath("r").getSources().get(0).getScheme()).isEqualTo("classpath");
        assertThatIllegalArgumentException().isThrownBy(Skills::fromLocalDir);
        assertThatIllegalArgumentException().isThrownBy(() -> Skills.fromUrl(" "));
    }

    @Test
    void serializableResourcesSurviveJavaSerialisation() throws Exception {
        for (final SerializableResource resource :
                new SerializableResource[] {
                    Prompt.fromText("t"),
                    Prompt.fromMessages(List.of(ChatMessage.user("u"))),
                }) {
            final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
                out.writeObject(resource.validateSerializable());
            }
            try (ObjectInputStream in =
                    new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
                assertThat(in.readObject()).isEqualTo(resource);
            }
        }
    }
}
