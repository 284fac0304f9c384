package org.apache.flink.agents.api.agents;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonMappingException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.api.java.typeutils.RowTypeInfo;
import org.apache.flink.types.Row;

/**
 * An agent that asks a model about every input, lets it call tools until it has an answer, and gives
 * that answer out.
 *
 * <p>Inputs are strings, numbers, booleans and characters (placeholder {@code input} of the prompt),
 * or rows, maps and POJOs (a placeholder per field; these need a prompt). Cannot be subclassed.
 */
public class ReActAgent extends Agent {
    private static final String DEFAULT_CHAT_MODEL = "_default_chat_model";
    private static final String DEFAULT_SCHEMA_PROMPT = "_default_schema_prompt";
    private static final String DEFAULT_USER_PROMPT = "_default_user_prompt";
    private static final String OUTPUT_SCHEMA = "output_schema";

    /**
     * Creates an agent.
     *
     * @param chatModel the chat model, a {@code BaseChatModelSetup}
     * @param prompt what is said to the model; null means the input as it is
     * @param outputSchema what its answer is parsed as: a POJO class or a {@code RowTypeInfo} of basic
     *     types; null means a text
     * @throws IllegalArgumentException if the output schema is anything else
     */
    public ReActAgent(
            ResourceDescriptor chatModel, @Nullable Prompt prompt, @Nullable Object outputSchema) {
        addResource(DEFAULT_CHAT_MODEL, ResourceType.CHAT_MODEL, chatModel);
        Map<String, Object> config = null;
        if (outputSchema != null) {
            final Object schema;
            final String text;
            if (outputSchema instanceof RowTypeInfo) {
                schema = new OutputSchema((RowTypeInfo) outputSchema);
                text = outputSchema.toString();
            } else if (outputSchema instanceof Class) {
                schema = outputSchema;
                text = jsonSchema((Class<?>) outputSchema);
            } else {
                throw new IllegalArgumentException(
                        "The output schema of a ReActAgent must be a class or a RowTypeInfo, not a "
                                + outputSchema.getClass().getName()
                                + ".");
            }
            config = new LinkedHashMap<>();
            config.put(OUTPUT_SCHEMA, schema);
            addResource(
                    DEFAULT_SCHEMA_PROMPT,
                    ResourceType.PROMPT,
                    Prompt.fromText(
                            "The final response should be json format, and match the schema "
                                    + text));
        }
        if (prompt != null) {
            addResource(DEFAULT_USER_PROMPT, ResourceType.PROMPT, prompt);
        }
        try {
            addAction(
                    new String[] {EventType.InputEvent},
                    ReActAgent.class.getMethod("startAction", Event.class, RunnerContext.class),
                    config);
        } catch (NoSuchMethodException e) {
            throw new IllegalStateException("ReActAgent has lost its own action startAction.", e);
        }
    }

    // Deprecated for want of newer schema drafts; those come with another library, for this one use.
    @SuppressWarnings("deprecation")
    private static String jsonSchema(Class<?> type) {
        try {
            return UserJson.newMapper().generateJsonSchema(type).toString();
        } catch (JsonMappingException e) {
            throw new IllegalArgumentException(
                    "No JSON schema can be made of the output schema "
                            + type.getName()
                            + ": "
                            + e.getOriginalMessage(),
                    e);
        }
    }

    /** Asks the model about an input. */
    public static void startAction(Event event, RunnerContext context) {
        final Object input = InputEvent.fromEvent(event).getInput();
        final Prompt prompt = promptOrNull(context, DEFAULT_USER_PROMPT);

        final List<ChatMessage> messages = new ArrayList<>();
        if (prompt != null) {
            messages.addAll(prompt.formatMessages(MessageRole.USER, promptArgs(input)));
        } else if (isPlain(input)) {
            messages.add(ChatMessage.user(input.toString()));
        } else {
            throw new RuntimeException(
                    "ReActAgent got an input of "
                            + (input == null ? "null" : input.getClass().getName())
                            + " and has no prompt to say it to the model with: give the ReActAgent a"
                            + " Prompt, or inputs that are strings, numbers, booleans or characters.");
        }

        final Map<String, Object> config = context.getActionConfig();
        final Object outputSchema = config == null ? null : config.get(OUTPUT_SCHEMA);
        if (outputSchema != null) {
            final Prompt schemaPrompt = requirePrompt(context, DEFAULT_SCHEMA_PROMPT);
            messages.addAll(
                    ChatMessage.findFirstSystemMessage(messages) + 1,
                    schemaPrompt.formatMessages(MessageRole.SYSTEM, Collections.emptyMap()));
        }
        context.sendEvent(new ChatRequestEvent(DEFAULT_CHAT_MODEL, messages, outputSchema));
    }

    /** Gives the answer of the model out. */
    @Action(EventType.ChatResponseEvent)
    public static void stopAction(Event event, RunnerContext context) {
        final ChatMessage response = ChatResponseEvent.fromEvent(event).getResponse();
        final Object structured = response.getExtraArgs().get(STRUCTURED_OUTPUT);
        context.sendEvent(new OutputEvent(structured == null ? response.getContent() : structured));
    }

    @Nullable
    private static Prompt promptOrNull(RunnerContext context, String name) {
        try {
            return requirePrompt(context, name);
        } catch (IllegalArgumentException e) {
            // This is how a context says that there is no such resource.
            return null;
        }
    }

    private static Prompt requirePrompt(RunnerContext context, String name) {
        try {
            return (Prompt) context.getResource(name, ResourceType.PROMPT);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new RuntimeException("Prompt '" + name + "' of the ReActAgent cannot be opened: " + e, e);
        }
    }

    private static boolean isPlain(@Nullable Object input) {
        return input instanceof String
                || input instanceof Number
                || input instanceof Boolean
                || input instanceof Character;
    }

    private static Map<String, String> promptArgs(@Nullable Object input) {
        if (input == null || isPlain(input)) {
            return Collections.singletonMap("input", input == null ? null : input.toString());
        }
        final Map<String, String> args = new LinkedHashMap<>();
        if (input instanceof Row) {
            final Row row = (Row) input;
            final Set<String> names = row.getFieldNames(true);
            if (names == null) {
                // The names that Flink gives to fields without one.
                for (int i = 0; i < row.getArity(); i++) {
                    args.put("f" + i, text(row.getField(i)));
                }
            } else {
                names.forEach(name -> args.put(name, text(row.getField(name))));
            }
            return args;
        }
        try {
            UserJson.mapperFor(input)
                    .convertValue(input, new TypeReference<Map<String, Object>>() {})
                    .forEach((name, value) -> args.put(name, text(value)));
        } catch (IllegalArgumentException e) {
            throw new RuntimeException(
                    "ReActAgent cannot take the fields of its input of "
                            + input.getClass().getName()
                            + " for placeholders of the prompt: "
                            + e.getMessage(),
                    e);
        }
        return args;
    }

    @Nullable
    private static String text(@Nullable Object value) {
        return value == null ? null : value.toString();
    }
}
