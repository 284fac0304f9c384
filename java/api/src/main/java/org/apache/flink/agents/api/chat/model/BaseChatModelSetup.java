package org.apache.flink.agents.api.chat.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.skills.Skills;
import org.apache.flink.agents.api.tools.Tool;

/**
 * A chat model as an agent uses it: a connection, a model, and what goes with every question.
 *
 * <p>Arguments: {@code connection} (name), {@code model}, {@code prompt} (name or Prompt), {@code
 * tools} (names), {@code skills} (names), {@code allowed_commands}, {@code allowed_script_dirs},
 * {@code structured_output_strategy} ({@code AUTO}, {@code NATIVE}, {@code PROMPT}).
 */
public abstract class BaseChatModelSetup extends Resource {
    private static final String DEPLOYED_MODEL = "model_of_azure_deployment";

    /** An answer may have tool calls alone, and each of those wants its result. */
    private static final Set<MessageRole> KEPT_WITHOUT_TEXT = Set.of(MessageRole.ASSISTANT, MessageRole.TOOL);

    /** Whether a class asks the model in its own way. */
    private static final ClassValue<Boolean> CHATS_ITSELF =
            new ClassValue<Boolean>() {
                @Override
                protected Boolean computeValue(Class<?> type) {
                    try {
                        return type.getMethod("chat", List.class, Map.class, Map.class).getDeclaringClass()
                                != BaseChatModelSetup.class;
                    } catch (NoSuchMethodException e) {
                        return true;
                    }
                }
            };

    protected final String connectionName;
    @Nullable protected final String model;
    /** The name of a prompt, or after {@link #open()} the prompt; null without. */
    @Nullable protected Object prompt;

    protected final List<String> toolNames;
    @Nullable private final List<String> skills;
    protected final List<String> allowedCommands;
    protected final List<String> allowedScriptDirs;
    protected final StructuredOutputStrategy structuredOutputStrategy;

    /** What the model may call; filled by {@link #open()}. */
    protected final List<Tool> tools = new ArrayList<>();

    private BaseChatModelConnection connection;
    private String skillDiscoveryPrompt;

    public BaseChatModelSetup(ResourceDescriptor descriptor, ResourceContext resourceContext) {
        super(descriptor, resourceContext);
        this.connectionName = descriptor.getArgument("connection");
        this.model = descriptor.getArgument("model");
        this.prompt = descriptor.getArgument("prompt");
        this.toolNames = strings(descriptor, "tools");
        this.skills = descriptor.getArgument("skills") == null ? null : strings(descriptor, "skills");
        this.allowedCommands = strings(descriptor, "allowed_commands");
        this.allowedScriptDirs = strings(descriptor, "allowed_script_dirs");
        this.structuredOutputStrategy =
                StructuredOutputStrategy.fromArgument(
                        descriptor.getArgument("structured_output_strategy"),
                        StructuredOutputStrategy.AUTO);
    }

    private static List<String> strings(ResourceDescriptor descriptor, String argument) {
        final Object value = descriptor.getArgument(argument);
        final List<String> result = new ArrayList<>();
        if (value == null) {
            return result;
        }
        if (!(value instanceof Iterable)) {
            throw new IllegalArgumentException(
                    "Argument '"
                            + argument
                            + "' of chat model "
                            + descriptor.getClazz()
                            + " must be a list of names, not a "
                            + value.getClass().getName()
                            + ".");
        }
        for (final Object item : (Iterable<?>) value) {
            result.add(String.valueOf(item));
        }
        return result;
    }

    /**
     * Looks up the connection, the prompt and the tools.
     *
     * @throws IllegalArgumentException if one of them does not exist or is of another kind
     */
    @Override
    public void open() throws Exception {
        connection =
                lookUp(connectionName, ResourceType.CHAT_MODEL_CONNECTION, BaseChatModelConnection.class);
        if (prompt instanceof String) {
            prompt = lookUp((String) prompt, ResourceType.PROMPT, Prompt.class);
        }
        if (prompt != null && !(prompt instanceof Prompt)) {
            throw new IllegalArgumentException(
                    "Argument 'prompt' of a chat model must be the name of a prompt or a Prompt, not a "
                            + prompt.getClass().getName()
                            + ".");
        }
        if (skills != null && !skills.isEmpty()) {
            skillDiscoveryPrompt = resourceContext.generateAvailableSkillsPrompt(skills);
            addTool(Skills.LOAD_SKILL_TOOL);
            addTool(Skills.BASH_TOOL);
        }
        for (final String name : toolNames) {
            tools.add(lookUp(name, ResourceType.TOOL, Tool.class));
        }
    }

    private void addTool(String name) throws Exception {
        // A skill tool that is also in the list of tools would be offered twice.
        if (!toolNames.contains(name)) {
            tools.add(lookUp(name, ResourceType.TOOL, Tool.class));
        }
    }

    private <R extends Resource> R lookUp(String name, ResourceType type, Class<R> kind)
            throws Exception {
        if (name == null) {
            throw new IllegalArgumentException(
                    getClass().getSimpleName()
                            + " needs the name of a "
                            + type.getValue()
                            + " resource as argument 'connection'.");
        }
        final Resource resource = resourceContext.getResource(name, type);
        if (!kind.isInstance(resource)) {
            throw new IllegalArgumentException(
                    "Resource '"
                            + name
                            + "' of type "
                            + type.getValue()
                            + " must be a "
                            + kind.getSimpleName()
                            + ", not "
                            + (resource == null ? "null" : resource.getClass().getName())
                            + ".");
        }
        return kind.cast(resource);
    }

    /** Returns the arguments of the model that go with every question, such as its temperature. */
    public abstract Map<String, Object> getParameters();

    /**
     * Counts tokens below the action's metrics: {@code model.<modelName>.promptTokens} and {@code
     * .completionTokens}. Without a metric group nothing is counted.
     */
    public void recordTokenMetrics(
            @Nullable FlinkAgentsMetricGroup metricGroup,
            String modelName,
            long promptTokens,
            long completionTokens) {
        if (metricGroup == null) {
            return;
        }
        final FlinkAgentsMetricGroup group = metricGroup.getSubGroup("model", modelName);
        group.getCounter("promptTokens").inc(promptTokens);
        group.getCounter("completionTokens").inc(completionTokens);
    }

    /** Asks the model, without arguments for the prompt. */
    public ChatMessage chat(List<ChatMessage> messages) {
        return chat(messages, Collections.emptyMap(), Collections.emptyMap());
    }

    /**
     * Asks the model. With a prompt, that comes first, followed by those of the messages that are
     * not empty or come from the model or a tool.
     *
     * @param messages what is said to it
     * @param promptArgs values for the placeholders of the prompt, turned into text
     * @param parameters arguments of the model; they win over {@link #getParameters()}
     * @throws IllegalStateException if {@link #open()} has not been called
     */
    public ChatMessage chat(
            List<ChatMessage> messages,
            @Nullable Map<String, Object> promptArgs,
            @Nullable Map<String, Object> parameters) {
        return ask(messages, promptArgs, parameters, null);
    }

    /**
     * Asks the model for an answer in the shape of a schema. The service is told of the schema where {@code
     * structured_output_strategy} says so; whatever it is told, the messages have to say what is wanted, too. A class with a {@code
     * chat} of its own is asked by that, without the schema. An addition to the reference's API.
     *
     * @param outputSchema a class or {@code OutputSchema}; null means a text
     * @throws IllegalStateException if {@link #open()} has not been called
     */
    public ChatMessage chat(
            List<ChatMessage> messages,
            @Nullable Map<String, Object> promptArgs,
            @Nullable Map<String, Object> parameters,
            @Nullable Object outputSchema) {
        return CHATS_ITSELF.get(getClass())
                ? chat(messages, promptArgs, parameters)
                : ask(messages, promptArgs, parameters, outputSchema);
    }

    private ChatMessage ask(
            List<ChatMessage> messages,
            @Nullable Map<String, Object> promptArgs,
            @Nullable Map<String, Object> parameters,
            @Nullable Object outputSchema) {
        final List<ChatMessage> all = withPrompt(messages, promptArgs);
        final Map<String, Object> modelParams = withOwn(parameters);
        final Object schema = forService(outputSchema, modelParams);
        // Connections may have the first form only.
        return schema == null
                ? connection.chat(all, tools, modelParams)
                : connection.chat(all, tools, modelParams, schema);
    }

    /**
     * Tells whether {@link #chatAsync} asks the same as {@link #chat(List, Map, Map)}: the connection is an {@link
     * AsyncChatModelConnection}, no prompt has to be waited for, and this class has no {@code chat} of its own. An addition to the
     * reference's API.
     */
    public boolean isAsync() {
        return connection instanceof AsyncChatModelConnection
                && !(prompt instanceof Prompt && ((Prompt) prompt).isRemote())
                && !CHATS_ITSELF.get(getClass());
    }

    /**
     * Asks the model without a thread that waits; otherwise as {@link #chat(List, Map, Map)}. An addition to the reference's API.
     *
     * @throws IllegalStateException if {@link #open()} has not been called, or the connection only has {@code chat}
     */
    public CompletionStage<ChatMessage> chatAsync(
            List<ChatMessage> messages,
            @Nullable Map<String, Object> promptArgs,
            @Nullable Map<String, Object> parameters) {
        return chatAsync(messages, promptArgs, parameters, null);
    }

    /**
     * Does the same for an answer in the shape of a schema; see {@link #chat(List, Map, Map, Object)}. An addition to the reference's
     * API.
     *
     * @param outputSchema a class or {@code OutputSchema}; null means a text
     * @throws IllegalStateException if {@link #open()} has not been called, or the connection only has {@code chat}
     */
    public CompletionStage<ChatMessage> chatAsync(
            List<ChatMessage> messages,
            @Nullable Map<String, Object> promptArgs,
            @Nullable Map<String, Object> parameters,
            @Nullable Object outputSchema) {
        final List<ChatMessage> all = withPrompt(messages, promptArgs);
        if (!(connection instanceof AsyncChatModelConnection)) {
            throw new IllegalStateException(
                    "Connection '"
                            + connectionName
                            + "' is no AsyncChatModelConnection; ask by chat.");
        }
        final Map<String, Object> modelParams = withOwn(parameters);
        return ((AsyncChatModelConnection) connection)
                .chatAsync(all, tools, modelParams, forService(outputSchema, modelParams));
    }

    /** Returns the schema if the service is to be told of it, else null. */
    @Nullable
    private Object forService(@Nullable Object outputSchema, Map<String, Object> modelParams) {
        if (outputSchema == null) {
            return null;
        }
        // A deployment on Azure may have any name.
        final Object deployed = modelParams.get(DEPLOYED_MODEL);
        final Object asked = deployed == null ? modelParams.getOrDefault("model", getModel()) : deployed;
        final boolean capable =
                connection.supportsNativeStructuredOutput(asked == null ? null : asked.toString());
        return structuredOutputStrategy.resolvesToNative(capable) ? outputSchema : null;
    }

    private List<ChatMessage> withPrompt(
            List<ChatMessage> messages, @Nullable Map<String, Object> promptArgs) {
        if (connection == null) {
            throw new IllegalStateException(
                    getClass().getSimpleName()
                            + " has not been opened; get it by RunnerContext.getResource.");
        }
        final List<ChatMessage> all = new ArrayList<>();
        if (prompt == null) {
            all.addAll(messages);
        } else {
            final Map<String, String> texts = new LinkedHashMap<>();
            if (promptArgs != null) {
                promptArgs.forEach(
                        (name, value) -> texts.put(name, value == null ? null : value.toString()));
            }
            all.addAll(((Prompt) prompt).formatMessages(MessageRole.USER, texts));
            for (final ChatMessage message : messages) {
                if (!message.getContent().isEmpty() || KEPT_WITHOUT_TEXT.contains(message.getRole())) {
                    all.add(message);
                }
            }
        }
        if (skillDiscoveryPrompt != null) {
            all.add(
                    ChatMessage.findFirstSystemMessage(all) + 1,
                    ChatMessage.system(skillDiscoveryPrompt));
        }
        return all;
    }

    private Map<String, Object> withOwn(@Nullable Map<String, Object> parameters) {
        final Map<String, Object> modelParams = new LinkedHashMap<>(getParameters());
        if (parameters != null) {
            modelParams.putAll(parameters);
        }
        return modelParams;
    }

    @Override
    public ResourceType getResourceType() {
        return ResourceType.CHAT_MODEL;
    }

    /** Returns the provider of the connection, see there; null before {@link #open()}. An addition to the reference's API. */
    @Nullable
    public String getProviderName() {
        return connection == null ? null : connection.getProviderName();
    }

    /** Returns the name of the connection resource. */
    public String getConnectionName() {
        return connectionName;
    }

    /** Returns the id of the model; null if the connection decides. */
    @Nullable
    public String getModel() {
        return model;
    }

    /** Returns the name of the prompt, or after {@link #open()} the prompt; null without. */
    @Nullable
    public Object getPrompt() {
        return prompt;
    }

    /** Returns the names of the tools. */
    public List<String> getToolNames() {
        return toolNames;
    }

    /** Returns the names of the skills; null without. */
    @Nullable
    public List<String> getSkills() {
        return skills;
    }

    /** Returns the text that tells the model of its skills; null without, and before open. */
    @Nullable
    public String getSkillDiscoveryPrompt() {
        return skillDiscoveryPrompt;
    }

    /** Returns the commands that the model may run by the tool {@code bash}. */
    public List<String> getAllowedCommands() {
        return allowedCommands;
    }

    /** Returns the directories whose scripts the model may run by the tool {@code bash}. */
    public List<String> getAllowedScriptDirs() {
        return allowedScriptDirs;
    }

    /** Returns how the model is made to answer in the shape of a schema. */
    public StructuredOutputStrategy getStructuredOutputStrategy() {
        return structuredOutputStrategy;
    }
}
