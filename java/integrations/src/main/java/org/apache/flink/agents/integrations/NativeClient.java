package org.apache.flink.agents.integrations;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Function;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.api.chat.model.TextPart;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.core.ModelClient;

/**
 * A native client of one resource, with what is said to it and by it as JSON.
 *
 * <p><i>Lifecycle</i>: a connection is opened by {@link #open()}, or by its first call; so one that is only made holds nothing that
 * would have to be closed. <i>Threads</i>: any, and several at once.
 */
public final class NativeClient implements AutoCloseable {
    private static final TypeReference<LinkedHashMap<String, Object>> MAP = new TypeReference<>() {};

    /** In the order of {@link ModelClient.PartListener}. */
    private static final TextPart.Kind[] KINDS = {TextPart.Kind.TEXT, TextPart.Kind.REASONING, TextPart.Kind.AGAIN};

    /** Has seen the user's classes, so it must not outlive the resource. */
    private final ObjectMapper mapper = UserJson.newMapper();

    private final byte[] opening;

    // Guarded by this.
    private ModelClient client;
    private boolean closed;

    private NativeClient(final Map<String, Object> opening) {
        this.opening = write(mapper, opening);
    }

    /**
     * Returns a connection to models, not open yet.
     *
     * @param kind {@code chat} or {@code embedding}
     * @param provider whose protocol it speaks
     * @throws IllegalArgumentException if an argument cannot be written as JSON
     */
    public static NativeClient connect(
            final String kind,
            final String provider,
            final ResourceDescriptor descriptor,
            @Nullable final ResourceContext context) {
        final Map<String, Object> opening = new LinkedHashMap<>();
        opening.put("kind", kind);
        opening.put("provider", provider);
        opening.put("name", nameOf(descriptor, context));
        opening.put("scope", context == null ? "" : context.getJob());
        opening.put("parallelism", context == null ? 1 : context.getParallelism());
        opening.put("arguments", descriptor.getInitialArguments());
        return new NativeClient(opening);
    }

    /**
     * Returns a tool server, with which there is no session yet.
     *
     * @throws IllegalArgumentException if an argument cannot be written as JSON
     */
    public static NativeClient toolServer(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        final Map<String, Object> opening = new LinkedHashMap<>();
        opening.put("kind", "mcp");
        opening.put("name", nameOf(descriptor, context));
        opening.put("arguments", descriptor.getInitialArguments());
        return new NativeClient(opening);
    }

    /** Returns the name of a resource for messages: outside of agents it has only that of its class. */
    public static String nameOf(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        final String name = context == null ? "" : context.getResourceName();
        return name.isEmpty() ? descriptor.getClazz().substring(descriptor.getClazz().lastIndexOf('.') + 1) : name;
    }

    /**
     * Opens a vector store.
     *
     * @param store {@code embedded} or {@code chroma}
     * @param name of the resource, for messages
     * @throws IllegalArgumentException if an argument is unknown or does not fit
     * @throws IllegalStateException if it cannot be opened
     */
    public static NativeClient vectorStore(final String store, final String name, final ResourceDescriptor descriptor) {
        final Map<String, Object> opening = new LinkedHashMap<>();
        opening.put("kind", "vector_store");
        opening.put("store", store);
        opening.put("name", name);
        opening.put("arguments", descriptor.getInitialArguments());
        final NativeClient client = new NativeClient(opening);
        client.open();
        return client;
    }

    /**
     * Checks the arguments. Nothing is sent yet.
     *
     * @throws IllegalArgumentException if an argument is unknown, missing or does not fit
     * @throws IllegalStateException if this is closed
     */
    public void open() {
        client();
    }

    private synchronized ModelClient client() {
        if (closed) {
            throw new IllegalStateException("The model client is closed: it cannot be used any more");
        }
        if (client == null) {
            client = ModelClient.open(opening);
        }
        return client;
    }

    /** Tells whether the provider itself makes a model's answers fit a schema. */
    public boolean nativeStructuredOutput(final String model) {
        return client().nativeStructuredOutput(model);
    }

    /**
     * Makes the parameters of calls from the arguments of a setup.
     *
     * @param kind {@code chat} or {@code embedding}
     * @throws IllegalArgumentException if an argument is unknown, missing or does not fit
     */
    public static Map<String, Object> parameters(
            final String kind, final String provider, final ResourceDescriptor descriptor) {
        final Map<String, Object> setting = new LinkedHashMap<>();
        setting.put("kind", kind);
        setting.put("provider", provider);
        setting.put("arguments", descriptor.getInitialArguments());
        final ObjectMapper mapper = UserJson.newMapper();
        try {
            return mapper.readValue(ModelClient.parameters(write(mapper, setting)), MAP);
        } catch (final IOException e) {
            throw new IllegalStateException("The parameters of a model cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * Begins a call.
     *
     * @param request written by Jackson
     * @param answer what is made of its answer
     * @throws IllegalArgumentException if the request cannot be written
     */
    public <T> CompletableFuture<T> call(final Object request, final TypeReference<T> answer) {
        return client().call(write(mapper, request), json -> mapper.readValue(json, answer));
    }

    /**
     * Begins a call.
     *
     * @param request written by Jackson
     * @param answer what is made of its answer
     * @param made and of that; run by the thread that completes the future
     * @throws IllegalArgumentException if the request cannot be written
     */
    public <T, R> CompletableFuture<R> call(
            final Object request, final TypeReference<T> answer, final Function<T, R> made) {
        return client().call(write(mapper, request), json -> made.apply(mapper.readValue(json, answer)));
    }

    /**
     * Begins a chat.
     *
     * @param request written by Jackson
     * @param answer what is made of its answer
     * @param listener told of its parts as they come; null for nobody
     * @throws IllegalArgumentException if the request cannot be written
     */
    public <T> CompletableFuture<T> chat(
            final Object request, final TypeReference<T> answer, @Nullable final Consumer<TextPart> listener) {
        final ModelClient.PartListener heard =
                listener == null ? null : (kind, text) -> listener.accept(new TextPart(KINDS[kind], text, null, null));
        return client().call(write(mapper, request), json -> mapper.readValue(json, answer), heard);
    }

    /** Waits for a call, on this thread. */
    public <T> T ask(final Object request, final TypeReference<T> answer) {
        return ModelClient.await(call(request, answer));
    }

    private static byte[] write(final ObjectMapper mapper, final Object value) {
        try {
            return mapper.writeValueAsBytes(value);
        } catch (final JsonProcessingException e) {
            throw new IllegalArgumentException(
                    "Something that a model is asked or given cannot be written as JSON: " + e.getOriginalMessage(), e);
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (client != null) {
            client.close();
        }
    }
}
