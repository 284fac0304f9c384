package org.apache.flink.agents.integrations.chatmodels;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.util.RawValue;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.model.AsyncChatModelConnection;
import org.apache.flink.agents.api.chat.model.BaseChatModelConnection;
import org.apache.flink.agents.api.chat.model.TextParts;
import org.apache.flink.agents.api.context.CurrentDurableCall;
import org.apache.flink.agents.api.context.DurableCallContext;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.core.ModelClient;
import org.apache.flink.agents.integrations.NativeClient;

/**
 * A connection by the native client of a provider. It is pooled, limited, and tries again what may pass; its arguments stand in
 * {@code docs/guides/models-java.md}.
 *
 * <p>{@link #chat} blocks the calling thread, inside of actions and outside; the built-in chat action uses {@link #chatAsync}.
 */
public abstract class NativeChatModelConnection extends BaseChatModelConnection implements AsyncChatModelConnection {
    private static final TypeReference<ChatMessage> ANSWER = new TypeReference<>() {};

    private final NativeClient client;
    private final String provider;

    /**
     * Reads the arguments; {@link #open()} checks them.
     *
     * @param provider whose protocol it speaks
     */
    protected NativeChatModelConnection(
            final ResourceDescriptor descriptor, @Nullable final ResourceContext context, final String provider) {
        super(descriptor, context);
        client = NativeClient.connect("chat", provider, descriptor, context);
        this.provider = provider;
    }

    @Override
    public String getProviderName() {
        return provider;
    }

    /**
     * Checks the arguments. Nothing is sent yet.
     *
     * @throws IllegalArgumentException if an argument is unknown, missing or does not fit
     */
    @Override
    public void open() throws Exception {
        super.open();
        client.open();
    }

    @Override
    protected boolean supportsNativeStructuredOutput(@Nullable final String model) {
        return client.nativeStructuredOutput(model == null ? "" : model);
    }

    @Override
    public ChatMessage chat(final List<ChatMessage> messages, final List<Tool> tools, final Map<String, Object> modelParams) {
        return chat(messages, tools, modelParams, null);
    }

    @Override
    public ChatMessage chat(
            final List<ChatMessage> messages,
            final List<Tool> tools,
            final Map<String, Object> modelParams,
            @Nullable final Object outputSchema) {
        return ModelClient.await(begin(messages, tools, modelParams, outputSchema));
    }

    @Override
    public CompletableFuture<ChatMessage> chatAsync(
            final List<ChatMessage> messages,
            final List<Tool> tools,
            final Map<String, Object> modelParams,
            @Nullable final Object outputSchema) {
        return begin(messages, tools, modelParams, outputSchema);
    }

    private CompletableFuture<ChatMessage> begin(
            final List<ChatMessage> messages,
            @Nullable final List<Tool> tools,
            final Map<String, Object> modelParams,
            @Nullable final Object outputSchema) {
        final Map<String, Object> request = new LinkedHashMap<>();
        request.put("messages", messages);
        final List<Object> offered = new ArrayList<>();
        for (final Tool tool : tools == null ? List.<Tool>of() : tools) {
            final Map<String, Object> definition = new LinkedHashMap<>();
            definition.put("name", tool.getName());
            definition.put("description", tool.getDescription());
            definition.put("parameters", new RawValue(tool.getMetadata().getInputSchema()));
            offered.add(definition);
        }
        request.put("tools", offered);
        request.put("parameters", modelParams);
        if (outputSchema != null) {
            final Map<String, Object> wanted = new LinkedHashMap<>();
            wanted.put("name", OutputSchemas.nameOf(outputSchema));
            wanted.put("schema", OutputSchemas.jsonSchemaOf(outputSchema));
            request.put("output_schema", wanted);
        }
        final DurableCallContext call = CurrentDurableCall.get();
        if (call != null) {
            request.put("idempotency_key", call.idempotencyKey());
        }
        return client.chat(request, ANSWER, TextParts.listener());
    }

    /** Closes the client; chats under way are cancelled. */
    @Override
    public void close() throws Exception {
        client.close();
        super.close();
    }
}
