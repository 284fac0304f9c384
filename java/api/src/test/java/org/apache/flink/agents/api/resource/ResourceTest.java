package org.apache.flink.agents.api.resource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.chat.model.BaseChatModelConnection;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelSetup;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.vectorstores.BaseVectorStore;
import org.junit.jupiter.api.Test;

class ResourceTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    public static class Unwritable extends SerializableResource {
        private static final long serialVersionUID = 1L;

        @Override
        public ResourceType getResourceType() {
            return ResourceType.TOOL;
        }

        public Object getSelf() {
            return this;
        }
    }

    @Test
    void descriptorJsonIsThatOfThePlan() throws Exception {
        final ResourceDescriptor descriptor =
                ResourceDescriptor.Builder.newBuilder("my.Model")
                        .addInitialArgument("connection", "conn")
                        .addInitialArgument("tools", List.of("add"))
                        .build();
        final String json = MAPPER.writeValueAsString(descriptor);
        assertThat(json)
                .isEqualTo(
                        "{\"target_module\":\"\",\"target_clazz\":\"my.Model\","
                                + "\"arguments\":{\"connection\":\"conn\",\"tools\":[\"add\"]}}");
        assertThat(MAPPER.readValue(json, ResourceDescriptor.class))
                .isEqualTo(descriptor)
                .hasSameHashCodeAs(descriptor);
        assertThat(MAPPER.readValue("{\"target_clazz\":\"C\"}", ResourceDescriptor.class).getModule())
                .isEmpty();
    }

    @Test
    void argumentsHaveDefaultsAndStayOutOfTexts() {
        final ResourceDescriptor descriptor = new ResourceDescriptor("C", Map.of("api_key", "secret"));
        assertThat(descriptor.<String>getArgument("api_key")).isEqualTo("secret");
        assertThat(descriptor.<String>getArgument("absent")).isNull();
        assertThat(descriptor.getArgument("absent", 5)).isEqualTo(5);
        assertThat(descriptor.toString()).contains("api_key").doesNotContain("secret");
        assertThatIllegalArgumentException().isThrownBy(() -> new ResourceDescriptor("", null));
    }

    @Test
    void typesAreReadByValue() {
        for (final ResourceType type : ResourceType.values()) {
            assertThat(ResourceType.fromValue(type.getValue())).isEqualTo(type);
            assertThat(type.getValue()).isEqualTo(type.name().toLowerCase(java.util.Locale.ROOT));
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ResourceType.fromValue("x"))
                .withMessageContaining("chat_model");
    }

    @Test
    void resourcesThatCannotBeWrittenAreNamed() {
        assertThatIllegalStateException()
                .isThrownBy(() -> new Unwritable().validateSerializable())
                .withMessageContaining(Unwritable.class.getName());
    }

    @Test
    void subclassesFindTheProtectedMembersOfTheSpecification() {
        assertProtected(Resource.class, "resourceContext", "getMetricGroup", "<init>/0", "<init>/2");
        assertProtected(
                BaseChatModelSetup.class,
                "connectionName",
                "model",
                "prompt",
                "toolNames",
                "allowedCommands",
                "allowedScriptDirs",
                "structuredOutputStrategy",
                "tools");
        assertProtected(BaseChatModelConnection.class, "supportsNativeStructuredOutput");
        assertProtected(BaseEmbeddingModelSetup.class, "connectionName", "model");
        assertProtected(
                BaseVectorStore.class,
                "embeddingModelName",
                "embeddingModel",
                "collection",
                "ensureEmbeddings",
                "getEmbeddingModel");
        assertProtected(Tool.class, "metadata", "setMetadata", "<init>/1");
        assertProtected(Event.class, "reconstructFrom");
        assertProtected(AgentsExecutionEnvironment.class, "resources", "agents", "<init>/0");
    }

    private static void assertProtected(Class<?> type, String... names) {
        final List<String> found =
                Stream.of(
                                Arrays.<Member>stream(type.getDeclaredFields()),
                                Arrays.<Member>stream(type.getDeclaredMethods()),
                                Arrays.<Member>stream(type.getDeclaredConstructors()))
                        .flatMap(members -> members)
                        .filter(member -> Modifier.isProtected(member.getModifiers()))
                        .map(ResourceTest::nameOf)
                        .collect(Collectors.toList());
        assertThat(found).as(type.getName()).contains(names);
    }

    private static String nameOf(Member member) {
        if (member instanceof Constructor) {
            return "<init>/" + ((Executable) member).getParameterCount();
        }
        assertThat(member).isInstanceOfAny(Field.class, Method.class);
        return member.getName();
    }
}
