package org.apache.flink.agents.api.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.agents.OutputSchema;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.api.java.typeutils.RowTypeInfo;

/** Asks a chat model; the answer is a {@link ChatResponseEvent}. */
public class ChatRequestEvent extends Event {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_chat_request_event";

    /** Asks a model without arguments for its prompt, for a text. */
    public ChatRequestEvent(String model, List<ChatMessage> messages) {
        this(model, messages, null, null);
    }

    /** Asks a model without arguments for its prompt. */
    public ChatRequestEvent(
            String model, List<ChatMessage> messages, @Nullable Object outputSchema) {
        this(model, messages, null, outputSchema);
    }

    /**
     * Asks a model.
     *
     * @param model name of a chat model resource
     * @param messages what is said to it
     * @param promptArgs values for the placeholders of its prompt; null means none
     * @param outputSchema what its answer is parsed as: a POJO class, an {@link OutputSchema}, or a
     *     {@code RowTypeInfo}; null means a text
     * @throws IllegalArgumentException if the output schema is of another class
     */
    public ChatRequestEvent(
            String model,
            List<ChatMessage> messages,
            @Nullable Map<String, Object> promptArgs,
            @Nullable Object outputSchema) {
        super(EVENT_TYPE, attributes(model, messages, promptArgs, outputSchema));
    }

    private static Map<String, Object> attributes(
            String model,
            List<ChatMessage> messages,
            Map<String, Object> promptArgs,
            Object outputSchema) {
        final Map<String, Object> result =
                Attributes.of(
                        "model",
                        model,
                        "messages",
                        messages,
                        "prompt_args",
                        promptArgs == null ? new LinkedHashMap<>() : promptArgs);
        if (outputSchema instanceof RowTypeInfo) {
            result.put("output_schema", new OutputSchema((RowTypeInfo) outputSchema));
        } else if (outputSchema instanceof Class || outputSchema instanceof OutputSchema) {
            result.put("output_schema", outputSchema);
        } else if (outputSchema != null) {
            throw new IllegalArgumentException(
                    "The output schema of a chat request must be a class, an OutputSchema or a"
                            + " RowTypeInfo, not a "
                            + outputSchema.getClass().getName()
                            + ".");
        }
        return result;
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied
     */
    @JsonCreator
    public ChatRequestEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }

    /** Returns any event as one of this class: same id, lineage, timestamp and attributes. */
    public static ChatRequestEvent fromEvent(Event event) {
        return reconstructFrom(event, ChatRequestEvent::new);
    }

    /** Returns the name of the chat model resource. */
    @JsonIgnore
    public String getModel() {
        return Attributes.string(this, "model");
    }

    /** Returns what is said to the model. */
    @JsonIgnore
    public List<ChatMessage> getMessages() {
        return Attributes.beans(this, "messages", ChatMessage.class);
    }

    /** Returns the class or {@link OutputSchema} the answer is parsed as; null means a text. */
    @Nullable
    @JsonIgnore
    public Object getOutputSchema() {
        return Attributes.outputSchema(this, "output_schema");
    }

    /** Returns the values for the placeholders of the model's prompt, never null. */
    @JsonIgnore
    public Map<String, Object> getPromptArgs() {
        return Attributes.map(this, "prompt_args");
    }
}
