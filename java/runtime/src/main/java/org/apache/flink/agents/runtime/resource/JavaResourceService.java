package org.apache.flink.agents.runtime.resource;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.model.BaseChatModelConnection;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelConnection;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelSetup;
import org.apache.flink.agents.api.embedding.model.EmbeddingResult;
import org.apache.flink.agents.api.embedding.model.EmbeddingTokenUsage;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResource;
import org.apache.flink.agents.api.resource.python.PythonResourceWrapper;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolMetadata;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.tools.ToolType;
import org.apache.flink.agents.api.vectorstores.BaseVectorStore;
import org.apache.flink.agents.api.vectorstores.CollectionManageableVectorStore;
import org.apache.flink.agents.api.vectorstores.VectorStoreQuery;
import org.apache.flink.agents.api.vectorstores.VectorStoreQueryMode;

/**
 * Answers what Python asks the resources that are made in Java. Questions and answers stand in
 * {@code docs/adr/0013-resources-of-the-other-language.md}. For use by any thread, by several at once.
 */
public final class JavaResourceService {
    private final ResourceCache resources;

    /** @param resources those of the subtask */
    public JavaResourceService(final ResourceCache resources) {
        this.resources = resources;
    }

    /**
     * Answers a question, with the user's class loader as the thread's context class loader. What the resource throws is thrown on.
     *
     * @param question {@code type}, {@code name}, {@code method} and {@code arguments}, plain data
     * @return plain data
     * @throws IllegalArgumentException if there is no such resource or method, or an argument does not fit
     */
    @Nullable
    public Object answer(final Map<String, Object> question) throws Exception {
        final Arguments asked = new Arguments("the question", question);
        final ResourceType type = ResourceType.fromValue(asked.get("type", PlainValues::text));
        final String name = asked.get("name", PlainValues::text);
        final String method = asked.get("method", PlainValues::text);
        final String what = ResourceCache.describe(name, type);
        final Arguments arguments =
                new Arguments("'" + method + "' of " + what, asked.orElse("arguments", PlainValues::map, Map.of()));
        if (!PythonResource.isAsked(type)) {
            throw new IllegalArgumentException(what + " is not asked by another language: only models, stores and tools are.");
        }
        final Thread thread = Thread.currentThread();
        final ClassLoader callers = thread.getContextClassLoader();
        thread.setContextClassLoader(resources.userCode());
        try {
            final Resource resource = resources.get(name, type);
            if (resource instanceof PythonResourceWrapper) {
                throw new IllegalArgumentException(what + " is made in Python, and not to be asked in Java.");
            }
            return PlainValues.data(call(type, resource, method, arguments, what));
        } finally {
            thread.setContextClassLoader(callers);
        }
    }

    private static Object call(
            final ResourceType type, final Resource resource, final String method, final Arguments arguments, final String what)
            throws Exception {
        switch (type) {
            case CHAT_MODEL:
                checkMethod(method, what, "chat");
                return given(chat(as(BaseChatModelSetup.class, resource, what), arguments), "message", what);
            case CHAT_MODEL_CONNECTION:
                checkMethod(method, what, "chat");
                return given(chat(as(BaseChatModelConnection.class, resource, what), arguments), "message", what);
            case EMBEDDING_MODEL:
                checkMethod(method, what, "embed");
                return embeddings(
                        as(BaseEmbeddingModelSetup.class, resource, what)
                                .embedWithUsage(arguments.get("texts", PlainValues::texts), arguments.parameters()));
            case EMBEDDING_MODEL_CONNECTION:
                checkMethod(method, what, "embed");
                return embeddings(
                        as(BaseEmbeddingModelConnection.class, resource, what)
                                .embedWithUsage(arguments.get("texts", PlainValues::texts), arguments.parameters()));
            case VECTOR_STORE:
                return ask(as(BaseVectorStore.class, resource, what), method, arguments, what);
            default:
                return ask(as(Tool.class, resource, what), method, arguments, what);
        }
    }

    // ---- models

    private static ChatMessage chat(final BaseChatModelSetup setup, final Arguments arguments) {
        return setup.chat(
                arguments.get("messages", PlainValues::messages),
                arguments.orElse("prompt_args", PlainValues::map, null),
                arguments.parameters());
    }

    private static ChatMessage chat(final BaseChatModelConnection connection, final Arguments arguments) {
        final List<Tool> tools = new ArrayList<>();
        for (final Object tool : arguments.orElse("tools", PlainValues::list, List.of())) {
            final Arguments offered = arguments.of("tools", tool);
            tools.add(
                    new OfferedTool(
                            new ToolMetadata(
                                    offered.get("name", PlainValues::text),
                                    offered.orElse("description", PlainValues::text, ""),
                                    offered.get("input_schema", PlainValues::text))));
        }
        return connection.chat(arguments.get("messages", PlainValues::messages), tools, arguments.parameters());
    }

    /** A tool that a model is told of, and that its connection does not call. */
    private static final class OfferedTool extends Tool {
        private static final long serialVersionUID = 1L;

        OfferedTool(final ToolMetadata metadata) {
            super(metadata);
        }

        @Override
        public ToolType getToolType() {
            return ToolType.REMOTE_FUNCTION;
        }

        @Override
        public ToolResponse call(final ToolParameters parameters) {
            throw new UnsupportedOperationException("Tool '" + getName() + "' is called where its agent is, not by a connection.");
        }
    }

    private static Map<String, Object> embeddings(final EmbeddingResult<List<float[]>> result) {
        final EmbeddingTokenUsage usage = result.getTokenUsage();
        final Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("embeddings", result.getEmbeddings());
        answer.put("prompt_tokens", usage == null ? null : usage.getPromptTokens());
        answer.put("total_tokens", usage == null ? null : usage.getTotalTokens());
        return answer;
    }

    // ---- stores

    private static Object ask(final BaseVectorStore store, final String method, final Arguments arguments, final String what)
            throws Exception {
        final String collection = arguments.orElse("collection", PlainValues::text, null);
        final Map<String, Object> filters = arguments.orElse("filters", PlainValues::map, null);
        final Integer limit = arguments.orElse("limit", given -> Math.toIntExact(PlainValues.number(given).longValue()), null);
        final List<String> ids = arguments.orElse("ids", PlainValues::texts, null);
        switch (method) {
            case "add":
                return store.add(arguments.get("documents", PlainValues::documents), collection, arguments.parameters());
            case "update":
                store.update(arguments.get("documents", PlainValues::documents), collection, arguments.parameters());
                return null;
            case "query":
                return store.query(
                                new VectorStoreQuery(
                                        arguments.orElse("mode", mode -> VectorStoreQueryMode.fromValue(PlainValues.text(mode)), null),
                                        arguments.get("query_text", PlainValues::text),
                                        limit,
                                        collection,
                                        filters,
                                        arguments.parameters()))
                        .getDocuments();
            case "get":
                return store.get(ids, collection, filters, limit, arguments.parameters());
            case "delete":
                store.delete(ids, collection, filters, arguments.parameters());
                return null;
            case "create_collection_if_not_exists":
                as(CollectionManageableVectorStore.class, store, what)
                        .createCollectionIfNotExists(arguments.get("name", PlainValues::text), arguments.parameters());
                return null;
            case "delete_collection":
                as(CollectionManageableVectorStore.class, store, what).deleteCollection(arguments.get("name", PlainValues::text));
                return null;
            default:
                throw noMethod(
                        method, what, "add, update, query, get, delete, create_collection_if_not_exists and delete_collection");
        }
    }

    // ---- tools

    private static Object ask(final Tool tool, final String method, final Arguments arguments, final String what) {
        switch (method) {
            case "metadata":
                final Map<String, Object> metadata = new LinkedHashMap<>();
                metadata.put("name", tool.getName());
                metadata.put("description", tool.getDescription());
                metadata.put("input_schema", tool.getMetadata().getInputSchema());
                return metadata;
            case "call":
                final ToolResponse response =
                        given(
                                tool.call(new ToolParameters(arguments.orElse("arguments", PlainValues::map, Map.of()))),
                                "ToolResponse",
                                what);
                if (response.isError()) {
                    throw new IllegalStateException(response.getError());
                }
                return response.getResult();
            default:
                throw noMethod(method, what, "metadata and call");
        }
    }

    // ---- checks

    private static void checkMethod(final String method, final String what, final String only) {
        if (!method.equals(only)) {
            throw noMethod(method, what, only);
        }
    }

    private static IllegalArgumentException noMethod(final String method, final String what, final String known) {
        return new IllegalArgumentException(what + " has no method '" + method + "' that can be asked for; it has " + known + ".");
    }

    private static <T> T as(final Class<T> type, final Resource resource, final String what) {
        if (!type.isInstance(resource)) {
            throw new IllegalArgumentException(
                    what + " is of class " + resource.getClass().getName() + ", which is no " + type.getSimpleName() + ".");
        }
        return type.cast(resource);
    }

    private static <T> T given(@Nullable final T result, final String kind, final String what) {
        if (result == null) {
            throw new IllegalStateException(what + " gave null instead of a " + kind + ".");
        }
        return result;
    }

    /** What a question says, by name; an error says whose it is. */
    private static final class Arguments {
        private final String owner;
        private final Map<String, Object> given;

        Arguments(final String owner, final Map<String, Object> given) {
            this.owner = owner;
            this.given = given;
        }

        /** One of the maps of a list. */
        Arguments of(final String name, final Object map) {
            return new Arguments(name + " for " + owner, read(name, map, PlainValues::map));
        }

        <T> T get(final String name, final Function<Object, T> reading) {
            return read(name, given.get(name), reading);
        }

        <T> T orElse(final String name, final Function<Object, T> reading, @Nullable final T absent) {
            final Object value = given.get(name);
            return value == null ? absent : read(name, value, reading);
        }

        Map<String, Object> parameters() {
            return orElse("parameters", PlainValues::map, new LinkedHashMap<>());
        }

        private <T> T read(final String name, @Nullable final Object value, final Function<Object, T> reading) {
            try {
                return reading.apply(value);
            } catch (final IllegalArgumentException | ArithmeticException e) {
                throw new IllegalArgumentException("Argument '" + name + "' for " + owner + ": " + e.getMessage(), e);
            }
        }
    }
}
