package org.apache.flink.agents.api.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.chat.model.BaseChatModelConnection;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.chat.model.StructuredOutputStrategy;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolMetadata;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.tools.ToolType;
import org.junit.jupiter.api.Test;

class ModelsTest {
    private static final class Connection extends BaseChatModelConnection {
        private List<ChatMessage> messages;
        private List<Tool> tools;
        private Map<String, Object> params;

        private Connection() {
            super(new ResourceDescriptor("c", null), null);
        }

        @Override
        public ChatMessage chat(List<ChatMessage> messages, List<Tool> tools, Map<String, Object> params) {
            this.messages = messages;
            this.tools = tools;
            this.params = params;
            return ChatMessage.assistant("answer");
        }
    }

    private static final class Setup extends BaseChatModelSetup {
        private Setup(ResourceDescriptor descriptor, ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public Map<String, Object> getParameters() {
            return Map.of("model", "m", "temperature", 0.1);
        }
    }

    private static final class NamedTool extends Tool {
        private static final long serialVersionUID = 1L;

        private NamedTool(String name) {
            super(new ToolMetadata(name, "", "{}"));
        }

        @Override
        public ToolType getToolType() {
            return ToolType.FUNCTION;
        }

        @Override
        public ToolResponse call(ToolParameters parameters) {
            return ToolResponse.success(getName());
        }
    }

    private final Connection connection = new Connection();
    private final Map<String, Resource> resources = new HashMap<>(Map.of("conn", connection));

    private Setup setup(Object... arguments) throws Exception {
        final ResourceDescriptor.Builder builder =
                ResourceDescriptor.Builder.newBuilder("setup").addInitialArgument("connection", "conn");
        for (int i = 0; i < arguments.length; i += 2) {
            builder.addInitialArgument((String) arguments[i], arguments[i + 1]);
        }
        final Setup setup =
                new Setup(
                        builder.build(),
                        new ResourceContext() {
                            @Override
                            public Resource getResource(String name, ResourceType type) {
                                if (!resources.containsKey(name)) {
                                    throw new IllegalArgumentException("Resource not found: " + name);
                                }
                                return resources.get(name);
                            }

                            @Override
                            public String generateAvailableSkillsPrompt(List<String> names) {
                                return "skills " + names;
                            }

                            @Override
                            public List<String> getSkillDirs(List<String> names) {
                                return names;
                            }
                        });
        setup.open();
        return setup;
    }

    @Test
    void messagesToolsAndParametersReachTheConnection() throws Exception {
        resources.put("add", new NamedTool("add"));
        final Setup setup = setup("tools", List.of("add"), "model", "m");
        final List<ChatMessage> messages = List.of(ChatMessage.user("hi"), ChatMessage.user(""));
        assertThat(setup.chat(messages, null, Map.of("temperature", 1.0)))
                .isEqualTo(ChatMessage.assistant("answer"));
        assertThat(connection.messages).isEqualTo(messages);
        assertThat(connection.tools).extracting(Tool::getName).containsExactly("add");
        assertThat(connection.params).isEqualTo(Map.of("model", "m", "temperature", 1.0));
        assertThat(setup.getResourceType()).isEqualTo(ResourceType.CHAT_MODEL);
        assertThat(setup.getSkills()).isNull();
    }

    @Test
    void promptComesFirstAndEmptyMessagesGoUnlessTheModelSaidThem() throws Exception {
        resources.put("p", Prompt.fromText("say {n} {none}"));
        final Map<String, Object> args = new HashMap<>();
        args.put("n", 5);
        args.put("none", null);
        setup("prompt", "p")
                .chat(
                        List.of(ChatMessage.user(""), ChatMessage.assistant(""), ChatMessage.user("x")),
                        args,
                        null);
        assertThat(connection.messages)
                .containsExactly(
                        new ChatMessage(MessageRole.USER, "say 5 "),
                        ChatMessage.assistant(""),
                        ChatMessage.user("x"));
        setup("prompt", Prompt.fromText("own")).chat(new ArrayList<>());
        assertThat(connection.messages).containsExactly(ChatMessage.user("own"));
    }

    @Test
    void skillsBringTwoToolsAndAMessageAfterTheFirstSystemMessage() throws Exception {
        resources.put("load_skill", new NamedTool("load_skill"));
        resources.put("bash", new NamedTool("bash"));
        final Setup setup = setup("skills", List.of("s1"));
        setup.chat(List.of(ChatMessage.system("a"), ChatMessage.user("b")));
        assertThat(connection.messages)
                .containsExactly(
                        ChatMessage.system("a"), ChatMessage.system("skills [s1]"), ChatMessage.user("b"));
        assertThat(connection.tools).extracting(Tool::getName).containsExactly("load_skill", "bash");
        assertThat(setup.getSkillDiscoveryPrompt()).isEqualTo("skills [s1]");
    }

    @Test
    void wrongArgumentsAreNamed() {
        assertThatIllegalArgumentException().isThrownBy(() -> setup("connection", null));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> setup("tools", "add"))
                .withMessageContaining("'tools'");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> setup("prompt", 5))
                .withMessageContaining("'prompt'");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> setup("tools", List.of("conn")))
                .withMessageContaining("must be a Tool");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> setup("structured_output_strategy", "sometimes"))
                .withMessageContaining("sometimes");
        assertThatIllegalStateException()
                .isThrownBy(
                        () ->
                                new Setup(new ResourceDescriptor("s", null), null)
                                        .chat(List.of(ChatMessage.user("x"))))
                .withMessageContaining("not been opened");
    }

    @Test
    void connectionsWithoutStructuredOutputRefuseSchemas() {
        assertThat(connection.chat(List.of(), List.of(), Map.of(), null)).isNotNull();
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(() -> connection.chat(List.of(), List.of(), Map.of(), String.class));
    }

    @Test
    void strategiesAreReadWithoutRegardToCase() {
        assertThat(StructuredOutputStrategy.fromArgument("native", StructuredOutputStrategy.AUTO))
                .isEqualTo(StructuredOutputStrategy.NATIVE);
        assertThat(StructuredOutputStrategy.fromArgument(null, StructuredOutputStrategy.PROMPT))
                .isEqualTo(StructuredOutputStrategy.PROMPT);
        assertThat(StructuredOutputStrategy.AUTO.resolvesToNative(true)).isTrue();
        assertThat(StructuredOutputStrategy.AUTO.resolvesToNative(false)).isFalse();
        assertThat(StructuredOutputStrategy.NATIVE.resolvesToNative(false)).isTrue();
        assertThat(StructuredOutputStrategy.PROMPT.resolvesToNative(true)).isFalse();
    }
}
