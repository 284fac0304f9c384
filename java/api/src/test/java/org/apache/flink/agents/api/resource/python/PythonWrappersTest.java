package org.apache.flink.agents.api.resource.python;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.chat.model.python.PythonChatModelConnection;
import org.apache.flink.agents.api.chat.model.python.PythonChatModelSetup;
import org.apache.flink.agents.api.embedding.model.EmbeddingResult;
import org.apache.flink.agents.api.embedding.model.python.PythonEmbeddingModelConnection;
import org.apache.flink.agents.api.embedding.model.python.PythonEmbeddingModelSetup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolMetadata;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.tools.ToolType;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.agents.api.vectorstores.VectorStoreQuery;
import org.apache.flink.agents.api.vectorstores.VectorStoreQueryMode;
import org.apache.flink.agents.api.vectorstores.python.PythonCollectionManageableVectorStore;
import org.apache.flink.agents.api.vectorstores.python.PythonVectorStore;
import org.junit.jupiter.api.Test;

class PythonWrappersTest {
    private static final Map<String, Object> HELLO =
            Map.of("role", "assistant", "content", "hello", "tool_calls", List.of(), "extra_args", Map.of("promptTokens", 3L));

    private final List<Object> asked = new ArrayList<>();
    private Object answer;

    /** Looks nothing up, and is the context of the resource {@code it}. */
    private static class Context implements ResourceContext {
        @Override
        public Resource getResource(String name, ResourceType type) {
            throw new AssertionError("Nothing is looked up in Java: " + name);
        }

        @Override
        public String generateAvailableSkillsPrompt(List<String> skillNames) {
            throw new AssertionError("Skills are Python's");
        }

        @Override
        public List<String> getSkillDirs(List<String> skillNames) {
            throw new AssertionError("Skills are Python's");
        }

        @Override
        public String getResourceName() {
            return "it";
        }
    }

    private static ResourceContext context(PythonResources python) {
        return new Context() {
            @Override
            public PythonResources getPythonResources() {
                return python;
            }
        };
    }

    /** Where every question is written down and gets the same answer. */
    private final ResourceContext context =
            context(
                    (type, name, method, arguments) -> {
                        asked.add(Arrays.asList(type, name, method, arguments));
                        return answer;
                    });

    private static ResourceDescriptor descriptor(Object... arguments) {
        final Map<String, Object> all = new HashMap<>(Map.of("pythonClazz", "pkg.Mine"));
        for (int i = 0; i < arguments.length; i += 2) {
            all.put((String) arguments[i], arguments[i + 1]);
        }
        return new ResourceDescriptor("wrapper", all);
    }

    private static Map<String, Object> map(Object... entries) {
        final Map<String, Object> map = new HashMap<>();
        for (int i = 0; i < entries.length; i += 2) {
            map.put((String) entries[i], entries[i + 1]);
        }
        return map;
    }

    private void assertAsked(ResourceType type, String method, Map<String, Object> arguments) {
        assertThat(asked).containsExactly(List.of(type, "it", method, arguments));
        asked.clear();
    }

    private static Map<String, Object> user(String content) {
        return Map.of("role", "user", "content", content, "tool_calls", List.of(), "extra_args", Map.of());
    }

    private static final class Add extends Tool {
        private static final long serialVersionUID = 1L;

        private Add() {
            super(new ToolMetadata("add", "Adds.", "{\"type\":\"object\"}"));
        }

        @Override
        public ToolType getToolType() {
            return ToolType.FUNCTION;
        }

        @Override
        public ToolResponse call(ToolParameters parameters) {
            throw new AssertionError("A connection calls no tools");
        }
    }

    // ---- each type and method

    @Test
    void aConnectionIsAskedWithMessagesToolsAndParameters() {
        final PythonChatModelConnection connection = new PythonChatModelConnection(descriptor(), context);
        answer = HELLO;
        assertThat(connection.chat(List.of(ChatMessage.user("hi")), List.of(new Add()), Map.of("temperature", 0.5f)))
                .isEqualTo(new ChatMessage(MessageRole.ASSISTANT, "hello", Map.of("promptTokens", 3L)));
        assertAsked(
                ResourceType.CHAT_MODEL_CONNECTION,
                "chat",
                Map.of(
                        "messages", List.of(user("hi")),
                        "tools", List.of(Map.of("name", "add", "description", "Adds.", "input_schema", "{\"type\":\"object\"}")),
                        "parameters", Map.of("temperature", 0.5)));
        connection.chat(List.of(), null, null);
        assertAsked(
                ResourceType.CHAT_MODEL_CONNECTION,
                "chat",
                Map.of("messages", List.of(), "tools", List.of(), "parameters", Map.of()));
        assertThatThrownBy(() -> connection.chat(List.of(), List.of(), Map.of(), String.class))
                .isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void aSetupIsAskedAsAWholeAndKnowsItsNames() {
        final PythonChatModelSetup setup =
                new PythonChatModelSetup(
                        descriptor("connection", "server", "model", "small", "prompt", "p", "tools", List.of("add"), "skills", List.of("s"),
                                "structured_output_strategy", "native", "allowed_commands", List.of("ls")),
                        context);
        setup.open();
        assertThat(asked).isEmpty();
        assertThat(setup.getConnectionName()).isEqualTo("server");
        assertThat(setup.getModel()).isEqualTo("small");
        assertThat(setup.getToolNames()).containsExactly("add");
        assertThat(setup.getAllowedCommands()).containsExactly("ls");
        assertThat(setup.getParameters()).isEmpty();
        assertThat(setup.getProviderName()).isNull();
        assertThat(setup.isAsync()).isFalse();
        assertThat(setup.getPythonResource()).hasToString("Resource 'it' of type chat_model (pkg.Mine in Python)");
        answer = HELLO;
        assertThat(setup.chat(List.of(ChatMessage.user("")), map("n", 1, "absent", null), Map.of("seed", 7)).getContent())
                .isEqualTo("hello");
        assertAsked(
                ResourceType.CHAT_MODEL,
                "chat",
                Map.of("messages", List.of(user("")), "prompt_args", Map.of("n", "1", "absent", ""), "parameters", Map.of("seed", 7)));
        setup.chat(List.of(), null, null);
        assertAsked(
                ResourceType.CHAT_MODEL, "chat", map("messages", List.of(), "prompt_args", null, "parameters", Map.of()));
        // The schema is in the messages; the service is not told.
        assertThat(setup.chat(List.of(), Map.of(), Map.of(), String.class).getContent()).isEqualTo("hello");
        assertAsked(
                ResourceType.CHAT_MODEL, "chat", Map.of("messages", List.of(), "prompt_args", Map.of(), "parameters", Map.of()));
    }

    @Test
    void embeddingsAreListsOfNumbers() {
        final PythonEmbeddingModelConnection connection = new PythonEmbeddingModelConnection(descriptor(), context);
        final PythonEmbeddingModelSetup setup =
                new PythonEmbeddingModelSetup(descriptor("connection", "server", "model", "small"), context);
        setup.open();
        assertThat(asked).isEmpty();
        answer = map("embeddings", List.of(List.of(0.5, 2L)), "prompt_tokens", 3, "total_tokens", 4L);
        assertThat(connection.embed("a", Map.of("model", "m"))).containsExactly(0.5f, 2);
        assertAsked(
                ResourceType.EMBEDDING_MODEL_CONNECTION, "embed", Map.of("texts", List.of("a"), "parameters", Map.of("model", "m")));
        final EmbeddingResult<float[]> paid = setup.embedWithUsage("a", null);
        assertAsked(ResourceType.EMBEDDING_MODEL, "embed", Map.of("texts", List.of("a"), "parameters", Map.of()));
        assertThat(paid.getTokenUsage().getPromptTokens()).isEqualTo(3);
        assertThat(paid.getTokenUsage().getTotalTokens()).isEqualTo(4);
        assertThat(setup.embed("a")).containsExactly(0.5f, 2);

        answer = map("embeddings", List.of(List.of(1.0), List.of(2.0)), "prompt_tokens", null, "total_tokens", null);
        assertThat(setup.embed(List.of("a", "b"))).containsExactly(new float[] {1}, new float[] {2});
        assertThat(connection.embed(List.of("a", "b"), Map.of())).hasSize(2);
        assertThat(connection.embedWithUsage(List.of("a", "b"), Map.of()).getTokenUsage()).isNull();
        answer = map("embeddings", List.of(List.of(1.0)), "prompt_tokens", 5, "total_tokens", null);
        assertThat(setup.embedWithUsage(List.of("a")).getTokenUsage().getTotalTokens()).isEqualTo(5);
        assertThatIllegalStateException()
                .isThrownBy(() -> setup.embed(List.of("a", "b")))
                .withMessage(
                        "Resource 'it' of type embedding_model (pkg.Mine in Python) gave something else than 'embed' gives:"
                                + " 1 embeddings for 2 texts");
        assertThat(setup.getModel()).isEqualTo("small");
        assertThat(setup.getParameters()).isEmpty();
        assertThat(connection.getPythonResource()).asString().contains("embedding_model_connection");
        assertThatThrownBy(setup::getConnection)
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("'server'");
    }

    @Test
    void aStoreIsAskedForEachThing() throws Exception {
        final PythonVectorStore store =
                new PythonVectorStore(descriptor("embedding_model", "vectors", "collection", "books"), context);
        store.open();
        assertThat(asked).isEmpty();
        final Map<String, Object> plain = map("content", "text", "metadata", Map.of("n", 1), "id", "1", "embedding", null, "score", null);
        answer = List.of("1");
        assertThat(store.add(List.of(new Document("text", Map.of("n", 1), "1")), null, null)).containsExactly("1");
        assertAsked(
                ResourceType.VECTOR_STORE,
                "add",
                Map.of("documents", List.of(plain), "collection", "books", "parameters", Map.of()));
        answer = null;
        final Map<String, Object> embedded = map("content", "text", "metadata", Map.of(), "id", "1", "embedding", List.of(0.5), "score", null);
        store.update(List.of(new Document("text", null, "1", new float[] {0.5f})), "other", Map.of("x", 1));
        assertAsked(
                ResourceType.VECTOR_STORE,
                "update",
                Map.of("documents", List.of(embedded), "collection", "other", "parameters", Map.of("x", 1)));
        assertThatIllegalArgumentException().isThrownBy(() -> store.update(List.of(new Document("x", null, null)), null, null));

        answer = List.of(Map.of("content", "found", "id", "2", "score", 0.5));
        assertThat(store.query(new VectorStoreQuery("like this", 3)).getDocuments())
                .containsExactly(new Document("found", null, "2", null, 0.5f));
        assertAsked(
                ResourceType.VECTOR_STORE,
                "query",
                map("query_text", "like this", "limit", 3, "collection", null, "mode", "semantic", "filters", null, "parameters", Map.of()));
        store.query(new VectorStoreQuery(VectorStoreQueryMode.SEMANTIC, "x", null, "c", Map.of("n", 1), Map.of("y", 2)));
        assertAsked(
                ResourceType.VECTOR_STORE,
                "query",
                Map.of("query_text", "x", "limit", 10, "collection", "c", "mode", "semantic", "filters", Map.of("n", 1),
                        "parameters", Map.of("y", 2)));

        assertThat(store.getByIds(List.of("2"))).extracting(Document::getContent).containsExactly("found");
        assertAsked(
                ResourceType.VECTOR_STORE,
                "get",
                map("ids", List.of("2"), "collection", null, "filters", null, "limit", null, "parameters", Map.of()));
        store.get(null, "c", Map.of("n", 1), 5, Map.of("z", 3));
        assertAsked(
                ResourceType.VECTOR_STORE,
                "get",
                map("ids", null, "collection", "c", "filters", Map.of("n", 1), "limit", 5, "parameters", Map.of("z", 3)));
        store.deleteByFilters(Map.of("n", 1));
        assertAsked(
                ResourceType.VECTOR_STORE,
                "delete",
                map("ids", null, "collection", null, "filters", Map.of("n", 1), "parameters", Map.of()));
        assertThat(store.getStoreKwargs()).isEmpty();
        assertThatThrownBy(() -> store.queryEmbedding(new float[0], 1, null, null, Map.of()))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("call query");
        assertThat(store.getPythonResource()).asString().contains("vector_store");
    }

    @Test
    void collectionsAreMadeAndDeleted() throws Exception {
        final PythonCollectionManageableVectorStore store = new PythonCollectionManageableVectorStore(descriptor(), context);
        store.createCollectionIfNotExists("c", null);
        assertAsked(
                ResourceType.VECTOR_STORE, "create_collection_if_not_exists", Map.of("name", "c", "parameters", Map.of()));
        store.createCollectionIfNotExists("c", Map.of("k", "v"));
        assertAsked(
                ResourceType.VECTOR_STORE, "create_collection_if_not_exists", Map.of("name", "c", "parameters", Map.of("k", "v")));
        store.deleteCollection("c");
        assertAsked(ResourceType.VECTOR_STORE, "delete_collection", Map.of("name", "c"));
    }

    @Test
    void theNamesOfWrappersAreTheirClasses() throws Exception {
        for (final String name :
                List.of(
                        ResourceName.ChatModel.PYTHON_WRAPPER_CONNECTION,
                        ResourceName.ChatModel.PYTHON_WRAPPER_SETUP,
                        ResourceName.EmbeddingModel.PYTHON_WRAPPER_CONNECTION,
                        ResourceName.EmbeddingModel.PYTHON_WRAPPER_SETUP,
                        ResourceName.VectorStore.PYTHON_WRAPPER_VECTOR_STORE,
                        ResourceName.VectorStore.PYTHON_WRAPPER_COLLECTION_MANAGEABLE_VECTOR_STORE)) {
            final Object made =
                    Class.forName(name)
                            .getConstructor(ResourceDescriptor.class, ResourceContext.class)
                            .newInstance(descriptor(), context);
            assertThat(made).isInstanceOf(Resource.class).isInstanceOf(PythonResourceWrapper.class);
        }
        assertThat(asked).isEmpty();
        assertThat(Stream.of(ResourceType.values()).filter(type -> !PythonResource.isAsked(type)))
                .containsExactly(ResourceType.PROMPT, ResourceType.MCP_SERVER, ResourceType.SKILLS);
    }

    // ---- failures

    private static PythonChatModelSetup failing(ResourceDescriptor descriptor, Exception why) {
        return new PythonChatModelSetup(
                descriptor,
                context(
                        (type, name, method, arguments) -> {
                            throw why;
                        }));
    }

    @Test
    void whatPythonThrowsNamesTheResourceAndKeepsTheTraceback() {
        final PythonResourceException python =
                new PythonResourceException("ValueError", "no such model", "Traceback\n  File \"m.py\", line 3");
        assertThatThrownBy(() -> failing(descriptor(), python).chat(List.of()))
                .isInstanceOfSatisfying(
                        PythonResourceException.class,
                        e -> {
                            assertThat(e.getPythonClass()).isEqualTo("ValueError");
                            assertThat(e.getPythonMessage()).isEqualTo("no such model");
                            assertThat(e.getPythonTraceback()).startsWith("Traceback");
                            final StringWriter log = new StringWriter();
                            e.printStackTrace(new PrintWriter(log, true));
                            assertThat(log.toString()).containsOnlyOnce("File \"m.py\", line 3");
                        })
                .hasMessage("Resource 'it' of type chat_model (pkg.Mine in Python) failed: ValueError: no such model")
                .hasCause(python);
        assertThatThrownBy(
                        () ->
                                failing(new ResourceDescriptor("wrapper", null), new PythonResourceException("KeyError", null, null))
                                        .chat(List.of()))
                .hasMessage("Resource 'it' of type chat_model failed: KeyError")
                .isInstanceOfSatisfying(
                        PythonResourceException.class,
                        e -> {
                            assertThat(e.getPythonMessage()).isNull();
                            assertThat(e.getPythonTraceback()).isNull();
                        });
    }

    @Test
    void aResourceThatCannotBeAskedIsNamed() {
        assertThatIllegalStateException()
                .isThrownBy(() -> failing(descriptor(), new IOException("the worker has gone")).chat(List.of()))
                .withMessage("Resource 'it' of type chat_model (pkg.Mine in Python) cannot be asked: the worker has gone")
                .withCauseInstanceOf(IOException.class);
        final RuntimeException own = new IllegalMonitorStateException("as it is");
        assertThatThrownBy(() -> failing(descriptor(), own).chat(List.of())).isSameAs(own);
        assertThatThrownBy(() -> new PythonChatModelSetup(descriptor(), new Context()).chat(List.of()))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("Resource 'it'")
                .hasMessageContaining("on Flink");
        assertThatIllegalStateException()
                .isThrownBy(() -> new PythonChatModelSetup(descriptor(), null).chat(List.of()))
                .withMessageContaining("only declared");
    }

    @Test
    void whoeverIsInterruptedStopsWaiting() {
        assertThatThrownBy(() -> failing(descriptor(), new InterruptedException()).chat(List.of()))
                .isInstanceOf(CancellationException.class)
                .hasMessageContaining("'it'");
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void answersAndArgumentsThatDoNotFitAreSaid() {
        final PythonChatModelSetup setup = new PythonChatModelSetup(descriptor(), context);
        for (final Object wrong : Arrays.asList(null, "hello", 3, Map.of("role", "boss"))) {
            answer = wrong;
            assertThatIllegalStateException()
                    .isThrownBy(() -> setup.chat(List.of()))
                    .withMessageContaining("'it' of type chat_model (pkg.Mine in Python) gave something else than 'chat' gives");
        }
        asked.clear();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> setup.chat(List.of(), null, Collections.singletonMap("lock", new Object())))
                .withMessageContaining("'it' of type chat_model (pkg.Mine in Python) cannot be asked to chat");
        assertThat(asked).isEmpty();
    }

    // ---- threads

    @Test
    void twoMayAskAtOnce() throws Exception {
        final CyclicBarrier both = new CyclicBarrier(2);
        final PythonChatModelSetup setup =
                new PythonChatModelSetup(
                        descriptor(),
                        context(
                                (type, name, method, arguments) -> {
                                    both.await(30, TimeUnit.SECONDS);
                                    return Map.of("role", "assistant", "content", arguments.get("parameters").toString());
                                }));
        final ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            final List<Future<ChatMessage>> answers = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                final Map<String, Object> parameters = Map.of("i", i);
                answers.add(threads.submit(() -> setup.chat(List.of(), null, parameters)));
            }
            assertThat(answers.get(0).get().getContent()).isEqualTo("{i=0}");
            assertThat(answers.get(1).get().getContent()).isEqualTo("{i=1}");
        } finally {
            threads.shutdownNow();
        }
    }
}
