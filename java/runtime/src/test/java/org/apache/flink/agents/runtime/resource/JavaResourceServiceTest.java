package org.apache.flink.agents.runtime.resource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.chat.model.BaseChatModelConnection;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelConnection;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelSetup;
import org.apache.flink.agents.api.embedding.model.EmbeddingResult;
import org.apache.flink.agents.api.embedding.model.EmbeddingTokenUsage;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResourceException;
import org.apache.flink.agents.api.tools.FunctionTool;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.vectorstores.BaseVectorStore;
import org.apache.flink.agents.api.vectorstores.CollectionManageableVectorStore;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.agents.api.vectorstores.VectorStoreQuery;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.ValueReader;
import org.apache.flink.agents.core.value.ValueWriter;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.plan.AgentPlan;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Questions of the other language to resources of Java, and wrappers that ask them. */
class JavaResourceServiceTest {
    /** What resources were given; the tests of a class run one after another. */
    private static final List<String> LOG = Collections.synchronizedList(new ArrayList<>());

    private static CyclicBarrier both;

    @AfterEach
    void forget() {
        LOG.clear();
        both = null;
    }

    public static final class Connection extends BaseChatModelConnection {
        public Connection(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public ChatMessage chat(final List<ChatMessage> messages, final List<Tool> tools, final Map<String, Object> parameters) {
            final List<String> offered = new ArrayList<>();
            tools.forEach(tool -> offered.add(tool.getMetadata().toString()));
            LOG.add(messages + " " + offered + " " + parameters);
            if (parameters.containsKey("fail")) {
                throw new IllegalStateException("no such model");
            }
            if (parameters.containsKey("call")) {
                tools.get(0).call(new ToolParameters());
            }
            return parameters.containsKey("silent") ? null : new ChatMessage(MessageRole.ASSISTANT, "hello", Map.of("promptTokens", 3));
        }
    }

    public static final class Setup extends BaseChatModelSetup {
        public Setup(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public Map<String, Object> getParameters() {
            return new LinkedHashMap<>(Map.of("model", "small"));
        }
    }

    public static final class Embeddings extends BaseEmbeddingModelConnection {
        public Embeddings(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public float[] embed(final String text, final Map<String, Object> parameters) {
            return new float[] {text.length(), 0.5f};
        }

        @Override
        public List<float[]> embed(final List<String> texts, final Map<String, Object> parameters) {
            final List<float[]> vectors = new ArrayList<>();
            texts.forEach(text -> vectors.add(embed(text, parameters)));
            return vectors;
        }

        @Override
        public EmbeddingResult<List<float[]>> embedWithUsage(final List<String> texts, final Map<String, Object> parameters) {
            LOG.add(texts + " " + parameters);
            return new EmbeddingResult<>(
                    embed(texts, parameters), parameters.containsKey("free") ? null : new EmbeddingTokenUsage(3, 4));
        }
    }

    public static final class EmbeddingSetup extends BaseEmbeddingModelSetup {
        public EmbeddingSetup(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public Map<String, Object> getParameters() {
            return Map.of("model", "small");
        }
    }

    public static class Store extends BaseVectorStore {
        public Store(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public Map<String, Object> getStoreKwargs() {
            return Map.of();
        }

        @Override
        public List<Document> get(
                final List<String> ids,
                final String collection,
                final Map<String, Object> filters,
                final Integer limit,
                final Map<String, Object> extraArgs) {
            LOG.add("get " + ids + " " + collection + " " + filters + " " + limit + " " + extraArgs);
            return List.of(new Document("found", Map.of("n", 1), "1", new float[] {0.5f}));
        }

        @Override
        public void delete(
                final List<String> ids, final String collection, final Map<String, Object> filters, final Map<String, Object> extraArgs) {
            LOG.add("delete " + ids + " " + collection + " " + filters + " " + extraArgs);
        }

        @Override
        public List<Document> queryEmbedding(
                final float[] embedding,
                final int limit,
                final String collection,
                final Map<String, Object> filters,
                final Map<String, Object> args) {
            LOG.add("query " + Arrays.toString(embedding) + " " + limit + " " + collection + " " + filters + " " + args);
            return List.of(new Document("like it", null, "2", null, 0.25f));
        }

        @Override
        public List<String> addEmbedding(
                final List<Document> documents, final String collection, final Map<String, Object> extraArgs) {
            LOG.add("add " + documents + " " + Arrays.toString(documents.get(0).getEmbedding()) + " " + collection + " " + extraArgs);
            return List.of("1");
        }

        @Override
        public void updateEmbedding(
                final List<Document> documents, final String collection, final Map<String, Object> extraArgs) {
            LOG.add("update " + documents + " " + collection + " " + extraArgs);
        }
    }

    public static final class Shelves extends Store implements CollectionManageableVectorStore {
        public Shelves(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public void createCollectionIfNotExists(final String name, final Map<String, Object> kwargs) {
            LOG.add("create " + name + " " + kwargs);
        }

        @Override
        public void deleteCollection(final String name) {
            LOG.add("drop " + name);
        }
    }

    /** A resource of a type whose base class it does not extend. */
    public static final class Stranger extends Resource {
        public Stranger(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public ResourceType getResourceType() {
            return ResourceType.CHAT_MODEL;
        }
    }

    public static final class City {
        public String name = "Oslo";
        public float height = 0.5f;
    }

    public static final class Tools {
        private Tools() {}

        @org.apache.flink.agents.api.annotation.Tool(description = "Finds a city.")
        public static Object find(@ToolParam(name = "what", required = false) @Nullable final String what) throws Exception {
            LOG.add(what + " by " + Thread.currentThread().getContextClassLoader());
            if ("both".equals(what)) {
                both.await(30, TimeUnit.SECONDS);
            }
            if ("unknown".equals(what)) {
                throw new IllegalArgumentException("no such city");
            }
            return what == null ? null : new City();
        }
    }

    private static ResourceDescriptor of(final Class<?> type, final Object... arguments) {
        final ResourceDescriptor.Builder builder = ResourceDescriptor.Builder.newBuilder(type.getName());
        for (int i = 0; i < arguments.length; i += 2) {
            builder.addInitialArgument((String) arguments[i], arguments[i + 1]);
        }
        return builder.build();
    }

    private static ResourceCache cache(final Agent agent, final ClassLoader loader) {
        return new ResourceCache(AgentPlan.compile(agent, null, new AgentConfiguration()).toJson(), loader);
    }

    private static ResourceCache java(final ClassLoader loader) throws Exception {
        final Agent agent =
                new Agent()
                        .addResource("server", ResourceType.CHAT_MODEL_CONNECTION, of(Connection.class))
                        .addResource("say", ResourceType.PROMPT, Prompt.fromText("Say {what}."))
                        .addResource("model", ResourceType.CHAT_MODEL, of(Setup.class, "connection", "server", "prompt", "say"))
                        .addResource("stranger", ResourceType.CHAT_MODEL, of(Stranger.class))
                        .addResource("vectors", ResourceType.EMBEDDING_MODEL_CONNECTION, of(Embeddings.class))
                        .addResource("embed", ResourceType.EMBEDDING_MODEL, of(EmbeddingSetup.class, "connection", "vectors"))
                        .addResource("store", ResourceType.VECTOR_STORE, of(Store.class, "embedding_model", "embed"))
                        .addResource("shelves", ResourceType.VECTOR_STORE, of(Shelves.class))
                        .addResource(
                                "python",
                                ResourceType.CHAT_MODEL,
                                new ResourceDescriptor(
                                        ResourceName.ChatModel.PYTHON_WRAPPER_SETUP, Map.of("pythonClazz", "pkg.Mine")))
                        .addResource(
                                "find",
                                ResourceType.TOOL,
                                FunctionTool.fromMethod(Tools.class.getMethod("find", String.class)));
        final ResourceCache cache = cache(agent, loader);
        cache.connect(
                (type, name, method, arguments) -> {
                    throw new AssertionError("Python is asked of nothing");
                });
        return cache;
    }

    /** As it comes out of a pipe; refuses what is no plain data. */
    private static Object sent(final Object value) {
        final ValueWriter writer = new ValueWriter(ForeignValues.REFUSE);
        writer.writeValue(value);
        final ValueReader reader = new ValueReader(ForeignValues.REFUSE);
        reader.reset(writer.buffer(), 0, writer.size());
        return reader.readValue();
    }

    @SuppressWarnings("unchecked")
    private static Object ask(
            final JavaResourceService service, final String type, final String name, final String method, final Map<String, Object> arguments)
            throws Exception {
        final Map<String, Object> question = new LinkedHashMap<>();
        question.put("type", type);
        question.put("name", name);
        question.put("method", method);
        question.put("arguments", arguments);
        return sent(service.answer((Map<String, Object>) sent(question)));
    }

    private static Object ask(final String type, final String name, final String method, final Map<String, Object> arguments)
            throws Exception {
        try (ResourceCache cache = java(JavaResourceServiceTest.class.getClassLoader())) {
            return ask(new JavaResourceService(cache), type, name, method, arguments);
        }
    }

    private static Map<String, Object> map(final Object... entries) {
        final Map<String, Object> map = new HashMap<>();
        for (int i = 0; i < entries.length; i += 2) {
            map.put((String) entries[i], entries[i + 1]);
        }
        return map;
    }

    // ---- each type and method

    @Test
    void chatsAreAnsweredByMessages() throws Exception {
        final Map<String, Object> hello =
                Map.of("role", "assistant", "content", "hello", "tool_calls", List.of(), "extra_args", Map.of("promptTokens", 3));
        final List<Object> messages = List.of(Map.of("role", "user", "content", "hi"));
        assertThat(
                        ask(
                                "chat_model_connection",
                                "server",
                                "chat",
                                map(
                                        "messages", messages,
                                        "tools", List.of(Map.of("name", "add", "description", "Adds.", "input_schema", "{}")),
                                        "parameters", Map.of("seed", 7))))
                .isEqualTo(hello);
        final Map<String, Object> no = Map.of("what", "no");
        assertThat(ask("chat_model", "model", "chat", map("messages", messages, "prompt_args", no, "parameters", Map.of("seed", 8))))
                .isEqualTo(hello);
        assertThat(ask("chat_model", "model", "chat", map("messages", messages, "prompt_args", null, "parameters", null)))
                .isEqualTo(hello);
        assertThat(LOG)
                .containsExactly(
                        "[user: hi] [ToolMetadata{name='add', description='Adds.', inputSchema={}}] {seed=7}",
                        "[user: Say no., user: hi] [] {model=small, seed=8}",
                        "[user: Say {what}., user: hi] [] {model=small}");
    }

    @Test
    void aChatThatFailsOrSaysNothingIsAFailure() {
        assertThatIllegalStateException()
                .isThrownBy(() -> ask("chat_model_connection", "server", "chat", map("messages", List.of(), "parameters", Map.of("fail", true))))
                .withMessage("no such model");
        assertThatIllegalStateException()
                .isThrownBy(() -> ask("chat_model", "model", "chat", map("messages", List.of(), "parameters", Map.of("silent", true))))
                .withMessage("Resource 'model' of type chat_model gave null instead of a message.");
        assertThatThrownBy(
                        () ->
                                ask(
                                        "chat_model_connection",
                                        "server",
                                        "chat",
                                        map(
                                                "messages", List.of(),
                                                "tools", List.of(Map.of("name", "add", "input_schema", "{}")),
                                                "parameters", Map.of("call", true))))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("'add'");
    }

    @Test
    void embeddingsAreListsOfNumbers() throws Exception {
        assertThat(ask("embedding_model_connection", "vectors", "embed", map("texts", List.of("a", "bc"), "parameters", Map.of("free", true))))
                .isEqualTo(map("embeddings", List.of(List.of(1.0, 0.5), List.of(2.0, 0.5)), "prompt_tokens", null, "total_tokens", null));
        assertThat(ask("embedding_model", "embed", "embed", map("texts", List.of("a"), "parameters", null)))
                .isEqualTo(map("embeddings", List.of(List.of(1.0, 0.5)), "prompt_tokens", 3L, "total_tokens", 4L));
        assertThat(LOG).containsExactly("[a, bc] {free=true}", "[a] {model=small}");
    }

    @Test
    void storesDoWhatIsAsked() throws Exception {
        final Map<String, Object> document = map("content", "text", "metadata", Map.of("n", 1), "id", "1", "embedding", null);
        assertThat(ask("vector_store", "store", "add", map("documents", List.of(document), "collection", null, "parameters", null)))
                .isEqualTo(List.of("1"));
        assertThat(
                        ask(
                                "vector_store",
                                "store",
                                "update",
                                map(
                                        "documents", List.of(map("content", "new", "id", "1", "embedding", List.of(0.5))),
                                        "collection", "c",
                                        "parameters", Map.of("x", 1))))
                .isNull();
        assertThat(
                        ask(
                                "vector_store",
                                "store",
                                "query",
                                map("query_text", "abc", "limit", 2L, "collection", "c", "mode", "semantic", "filters", Map.of("n", 1),
                                        "parameters", Map.of("y", 2))))
                .isEqualTo(List.of(map("content", "like it", "metadata", Map.of(), "id", "2", "embedding", null, "score", 0.25)));
        ask("vector_store", "store", "query", map("query_text", "abc"));
        assertThat(ask("vector_store", "store", "get", map("ids", List.of("1"), "limit", 5, "filters", null)))
                .isEqualTo(List.of(map("content", "found", "metadata", Map.of("n", 1), "id", "1", "embedding", List.of(0.5), "score", null)));
        ask("vector_store", "store", "get", map("ids", null, "collection", "c", "filters", Map.of("n", 1), "parameters", Map.of("z", 3)));
        assertThat(ask("vector_store", "store", "delete", map("ids", List.of("1"), "collection", "c"))).isNull();
        assertThat(ask("vector_store", "shelves", "create_collection_if_not_exists", map("name", "c", "parameters", Map.of("k", "v")))).isNull();
        ask("vector_store", "shelves", "delete_collection", map("name", "c"));
        assertThat(LOG)
                .containsExactly(
                        "add [Document{id='1', content='text', metadata={n=1}, score=null}] [4.0, 0.5] null {}",
                        "update [Document{id='1', content='new', metadata={}, score=null}] c {x=1}",
                        "query [3.0, 0.5] 2 c {n=1} {y=2}",
                        "query [3.0, 0.5] 10 null null {}",
                        "get [1] null null 5 {}",
                        "get null c {n=1} null {z=3}",
                        "delete [1] c null {}",
                        "create c {k=v}",
                        "drop c");
    }

    @Test
    void toolsTellOfThemselvesAndAreCalled() throws Exception {
        assertThat(ask("tool", "find", "metadata", Map.of()))
                .asInstanceOf(InstanceOfAssertFactories.MAP)
                .containsEntry("name", "find")
                .containsEntry("description", "Finds a city.")
                .hasEntrySatisfying("input_schema", schema -> assertThat((String) schema).contains("\"what\""))
                .hasSize(3);
        assertThat(ask("tool", "find", "call", map("arguments", map("what", "city"))))
                .isEqualTo(Map.of("name", "Oslo", "height", 0.5));
        assertThat(ask("tool", "find", "call", map("arguments", null))).isNull();
        assertThatIllegalStateException()
                .isThrownBy(() -> ask("tool", "find", "call", map("arguments", map("what", "unknown"))))
                .withMessage("no such city");
    }

    // ---- what is refused

    @Test
    void whatIsNotThereIsSaid() {
        refused("llm", "x", "chat", "Unknown resource type 'llm'");
        refused("prompt", "say", "format", "Resource 'say' of type prompt is not asked by another language");
        refused("chat_model", "nobody", "chat", "Resource not found: 'nobody' of type chat_model");
        refused("chat_model", "model", "think", "Resource 'model' of type chat_model has no method 'think' that can be asked for; it has chat.");
        refused("chat_model_connection", "server", "embed", "it has chat.");
        refused("embedding_model", "embed", "chat", "it has embed.");
        refused("embedding_model_connection", "vectors", "chat", "it has embed.");
        refused("vector_store", "store", "drop", "it has add, update, query, get, delete, create_collection");
        refused("tool", "find", "close", "it has metadata and call.");
        refused("vector_store", "store", "delete_collection", "which is no CollectionManageableVectorStore.");
        refused("chat_model", "stranger", "chat", "Stranger, which is no BaseChatModelSetup.");
        refused("chat_model", "python", "chat", "is made in Python, and not to be asked in Java.");
        refused("tool", "find", "call", Map.of("arguments", "x"), "Argument 'arguments' for 'call' of Resource 'find' of type tool: not a map");
        refused("chat_model", "model", "chat", "Argument 'messages' for 'chat' of Resource 'model' of type chat_model: not a list, but null");
        refused(
                "chat_model_connection",
                "server",
                "chat",
                Map.of("messages", List.of(), "tools", List.of(Map.of("name", 1))),
                "Argument 'name' for tools for 'chat' of Resource 'server' of type chat_model_connection: not a text");
        refused("vector_store", "store", "query", Map.of("query_text", "x", "mode", "keyword"), "Argument 'mode'");
        refused("vector_store", "store", "get", Map.of("limit", 1L << 40), "Argument 'limit'");
        for (final Map<String, Object> question :
                List.<Map<String, Object>>of(Map.of(), Map.of("type", "tool"), Map.of("type", "tool", "name", "find"))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new JavaResourceService(java(getClass().getClassLoader())).answer(question))
                    .withMessageContaining("for the question: not a text, but null");
        }
        assertThat(LOG).isEmpty();
    }

    private static void refused(final String type, final String name, final String method, final String said) {
        refused(type, name, method, Map.of(), said);
    }

    private static void refused(
            final String type, final String name, final String method, final Map<String, Object> arguments, final String said) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ask(type, name, method, arguments))
                .withMessageContaining(said);
    }

    // ---- threads and class loaders

    @Test
    void theUsersClassLoaderIsThatOfTheCall() throws Exception {
        final ClassLoader before = Thread.currentThread().getContextClassLoader();
        try (URLClassLoader user =
                        new URLClassLoader(new URL[0], before) {
                            @Override
                            public String toString() {
                                return "user";
                            }
                        };
                ResourceCache cache = java(user)) {
            final JavaResourceService service = new JavaResourceService(cache);
            ask(service, "tool", "find", "call", map("arguments", Map.of("what", "city")));
            assertThat(Thread.currentThread().getContextClassLoader()).isSameAs(before);
            assertThatThrownBy(() -> ask(service, "tool", "find", "call", map("arguments", Map.of("what", "unknown"))))
                    .hasMessage("no such city");
            assertThat(Thread.currentThread().getContextClassLoader()).isSameAs(before);
            assertThat(LOG).containsExactly("city by user", "unknown by user");
        }
    }

    @Test
    void twoAreAnsweredAtOnce() throws Exception {
        both = new CyclicBarrier(2);
        final ExecutorService threads = Executors.newFixedThreadPool(2);
        try (ResourceCache cache = java(getClass().getClassLoader())) {
            final JavaResourceService service = new JavaResourceService(cache);
            final List<Future<Object>> answers = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                answers.add(threads.submit(() -> ask(service, "tool", "find", "call", map("arguments", Map.of("what", "both")))));
            }
            for (final Future<Object> answer : answers) {
                assertThat(answer.get()).isEqualTo(Map.of("name", "Oslo", "height", 0.5));
            }
        } finally {
            threads.shutdownNow();
        }
    }

    // ---- both ends

    /** Wrappers that ask the resources of {@link #java}, as if those were Python's. */
    private static ResourceCache wrappers(final JavaResourceService service) {
        final Agent agent = new Agent();
        final Map<ResourceType, Map<String, String>> names =
                Map.of(
                        ResourceType.CHAT_MODEL_CONNECTION, Map.of("server", ResourceName.ChatModel.PYTHON_WRAPPER_CONNECTION),
                        ResourceType.CHAT_MODEL, Map.of("model", ResourceName.ChatModel.PYTHON_WRAPPER_SETUP),
                        ResourceType.EMBEDDING_MODEL, Map.of("embed", ResourceName.EmbeddingModel.PYTHON_WRAPPER_SETUP),
                        ResourceType.VECTOR_STORE,
                                Map.of(
                                        "store", ResourceName.VectorStore.PYTHON_WRAPPER_VECTOR_STORE,
                                        "shelves", ResourceName.VectorStore.PYTHON_WRAPPER_COLLECTION_MANAGEABLE_VECTOR_STORE),
                        ResourceType.TOOL, Map.of("find", "any"));
        names.forEach(
                (type, ofType) ->
                        ofType.forEach(
                                (name, wrapper) ->
                                        agent.addResource(name, type, new ResourceDescriptor(wrapper, Map.of("pythonClazz", "pkg.Mine")))));
        final ResourceCache cache = cache(agent, JavaResourceServiceTest.class.getClassLoader());
        cache.connect(
                (type, name, method, arguments) -> {
                    try {
                        return ask(service, type.getValue(), name, method, arguments);
                    } catch (final RuntimeException e) {
                        throw new PythonResourceException(e.getClass().getName(), e.getMessage(), null);
                    }
                });
        return cache;
    }

    @Test
    void whatWrappersAskTheServiceAnswers() throws Exception {
        try (ResourceCache java = java(getClass().getClassLoader());
                ResourceCache wrappers = wrappers(new JavaResourceService(java))) {
            final Tool find = (Tool) wrappers.get("find", ResourceType.TOOL);
            final BaseChatModelConnection server =
                    (BaseChatModelConnection) wrappers.get("server", ResourceType.CHAT_MODEL_CONNECTION);
            final ChatMessage hello = new ChatMessage(MessageRole.ASSISTANT, "hello", Map.of("promptTokens", 3));
            assertThat(server.chat(List.of(ChatMessage.user("hi")), List.of(find), Map.of("seed", 7))).isEqualTo(hello);
            final BaseChatModelSetup model = (BaseChatModelSetup) wrappers.get("model", ResourceType.CHAT_MODEL);
            assertThat(model.chat(List.of(ChatMessage.user("hi")), map("what", null), Map.of())).isEqualTo(hello);
            assertThat(LOG.get(0)).startsWith("[user: hi] [ToolMetadata{name='find', description='Finds a city.'").endsWith("{seed=7}");
            assertThat(LOG.get(1)).startsWith("[user: Say ., user: hi]");
            LOG.clear();
            final BaseEmbeddingModelSetup embed = (BaseEmbeddingModelSetup) wrappers.get("embed", ResourceType.EMBEDDING_MODEL);
            assertThat(embed.embed(List.of("a", "bc"))).containsExactly(new float[] {1, 0.5f}, new float[] {2, 0.5f});
            assertThat(embed.embedWithUsage("a").getTokenUsage().getTotalTokens()).isEqualTo(4);
            LOG.clear();
            final BaseVectorStore store = (BaseVectorStore) wrappers.get("store", ResourceType.VECTOR_STORE);
            assertThat(store.add(List.of(new Document("text", null, null)), null, null)).containsExactly("1");
            store.update(List.of(new Document("text", null, "1")), null, null);
            assertThat(store.query(new VectorStoreQuery("abc", 2)).getDocuments())
                    .containsExactly(new Document("like it", null, "2", null, 0.25f));
            assertThat(store.getByFilters(Map.of("n", 1), 5))
                    .containsExactly(new Document("found", Map.of("n", 1), "1", new float[] {0.5f}));
            store.deleteByIds(List.of("1"), "c");
            final CollectionManageableVectorStore shelves =
                    (CollectionManageableVectorStore) wrappers.get("shelves", ResourceType.VECTOR_STORE);
            shelves.createCollectionIfNotExists("c", null);
            shelves.deleteCollection("c");
            assertThat(LOG).last().isEqualTo("drop c");
            final ToolResponse found = find.call(new ToolParameters(Map.of("what", "city")));
            assertThat(found.getResult()).isEqualTo(Map.of("name", "Oslo", "height", 0.5));
            assertThat(find.call(new ToolParameters()).getResult()).isNull();
            assertThat(find.call(new ToolParameters(Map.of("what", "unknown"))).getError()).isEqualTo("no such city");
            assertThatThrownBy(() -> server.chat(List.of(), List.of(), Map.of("fail", true)))
                    .isInstanceOf(PythonResourceException.class)
                    .hasMessage(
                            "Resource 'server' of type chat_model_connection (pkg.Mine in Python) failed: java.lang.IllegalStateException:"
                                    + " no such model");
        }
    }
}
