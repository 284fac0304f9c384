package org.apache.flink.agents.api.chat.model;

import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.Tool;

/**
 * A connection to a service of chat models. One connection may serve several models; {@code chat}
 * may be called by several threads at once.
 */
public abstract class BaseChatModelConnection extends Resource {

    public BaseChatModelConnection(ResourceDescriptor descriptor, ResourceContext resourceContext) {
        super(descriptor, resourceContext);
    }

    @Override
    public ResourceType getResourceType() {
        return ResourceType.CHAT_MODEL_CONNECTION;
    }

    /**
     * Asks a model.
     *
     * @param messages what is said to it
     * @param tools what it may call
     * @param modelParams arguments of the model, such as {@code model} and {@code temperature}
     * @return its answer, never null
     */
    public abstract ChatMessage chat(
            List<ChatMessage> messages, List<Tool> tools, Map<String, Object> modelParams);

    /**
     * Asks a model for an answer in the shape of a schema.
     *
     * @param outputSchema a class or {@code OutputSchema}; null means a text
     * @throws UnsupportedOperationException if there is a schema and the connection has no means of
     *     its own for it
     */
    public ChatMessage chat(
            List<ChatMessage> messages,
            List<Tool> tools,
            Map<String, Object> modelParams,
            @Nullable Object outputSchema) {
        if (outputSchema != null) {
            throw new UnsupportedOperationException(
                    getClass().getSimpleName()
                            + " has no structured output of its own; ask without a schema and give the"
                            + " schema in the prompt.");
        }
        return chat(messages, tools, modelParams);
    }

    /**
     * Returns whose models answer, as live spans show it ({@code gen_ai.provider.name}); null if that is not known. An addition to
     * the reference's API.
     */
    @Nullable
    public String getProviderName() {
        return null;
    }

    /** Tells whether a model of this service can answer in the shape of a schema by itself. */
    protected boolean supportsNativeStructuredOutput(@Nullable String model) {
        return false;
    }
}
