package org.apache.flink.agents.integrations;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.chat.model.AsyncChatModelConnection;
import org.apache.flink.agents.api.chat.model.BaseChatModelConnection;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelConnection;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelSetup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolMetadata;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.tools.ToolType;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.agents.api.vectorstores.VectorStoreQuery;
import org.apache.flink.agents.core.ModelClient;
import org.apache.flink.agents.core.ModelException;
import org.apache.flink.agents.integrations.chatmodels.NativeChatModelConnection;
import org.apache.flink.agents.integrations.embeddingmodels.NativeEmbeddingModelConnection;
import org.apache.flink.agents.integrations.vectorstores.embedded.EmbeddedVectorStore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The classes of {@link ResourceName} outside of actions, against the scripted server. */
@Timeout(240)
class NativeModelsTest {
    private static final String HELLO =
            "{'rules': [{'answers': [{'text': 'Hello', 'usage': {'prompt': 7, 'completion': 2}}]}]}";

    private final List<Resource> opened = new ArrayList<>();
    private final Map<String, Resource> named = new HashMap<>();

    @AfterEach
    void close() throws Exception {
        for (final Resource resource : opened) {
            resource.close();
        }
    }

    private <R extends Resource> R open(final Class<R> type, final String clazz, final Object... arguments) throws Exception {
        final Map<String, Object> map = new HashMap<>();
        for (int i = 0; i < arguments.length; i += 2) {
            map.put((String) arguments[i], arguments[i + 1]);
        }
        final ResourceContext context = ResourceContext.fromGetResource((name, kind) -> named.get(name));
        final Resource made;
        try {
            made =
                    (Resource)
                            Class.forName(clazz)
                                    .getConstructor(ResourceDescriptor.class, ResourceContext.class)
                                    .newInstance(new ResourceDescriptor(clazz, map), context);
        } catch (final java.lang.reflect.InvocationTargetException e) {
            throw (Exception) e.getCause();
        }
        opened.add(made);
        made.open();
        return type.cast(made);
    }

    @ParameterizedTest
    @CsvSource({
        "chatmodels.openai.OpenAICompletions, /v1",
        "chatmodels.openai.OpenAIResponsesModel, /v1",
        "chatmodels.openai.VLLMChatModel, /v1",
        "chatmodels.anthropic.AnthropicChatModel, ''",
        "chatmodels.gemini.GeminiChatModel, /v1beta",
        "chatmodels.ollama.OllamaChatModel, ''",
    })
    void everyProviderChats(final String prefix, final String path) throws Exception {
        try (ModelServer server = ModelServer.start(HELLO)) {
            final String own = "org.apache.flink.agents.integrations." + prefix;
            final List<Object> arguments = new ArrayList<>(List.of("base_url", server.url() + path));
            if (!prefix.contains("ollama")) {
                arguments.addAll(List.of("api_key", "k"));
            }
            named.put("server", open(BaseChatModelConnection.class, own + "Connection", arguments.toArray()));
            final BaseChatModelSetup model =
                    open(BaseChatModelSetup.class, own + "Setup", "connection", "server", "model", "m");
            assertThat(model.isAsync()).isTrue();
            final ChatMessage answer = model.chat(List.of(ChatMessage.user("Hi")));
            assertThat(answer.getRole()).isEqualTo(MessageRole.ASSISTANT);
            assertThat(answer.getContent()).isEqualTo("Hello");
            assertThat(answer.getExtraArgs()).containsEntry("promptTokens", 7).containsEntry("completionTokens", 2);
            assertThat(model.chatAsync(List.of(ChatMessage.user("Hi")), null, null).toCompletableFuture().get(60, TimeUnit.SECONDS))
                    .isEqualTo(answer);
        }
    }

    @Test
    void azureIsAskedAtItsDeployment() throws Exception {
        try (ModelServer server = ModelServer.start(HELLO)) {
            named.put(
                    "azure",
                    open(
                            BaseChatModelConnection.class,
                            ResourceName.ChatModel.AZURE_OPENAI_CONNECTION,
                            "api_key", "k", "api_version", "2024-06-01", "azure_endpoint", server.url()));
            final BaseChatModelSetup model =
                    open(
                            BaseChatModelSetup.class,
                            ResourceName.ChatModel.AZURE_OPENAI_SETUP,
                            "connection", "azure", "model", "mine");
            assertThat(model.chat(List.of(ChatMessage.user("Hi"))).getContent()).isEqualTo("Hello");
            assertThat(server.requests().get(0).get("path").asText()).contains("/deployments/mine/");
        }
    }

    /** A tool that is offered and never called. */
    private static final class Weather extends Tool {
        Weather() {
            super(new ToolMetadata("weather", "Tells it.", "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}"));
        }

        @Override
        public ToolType getToolType() {
            return ToolType.FUNCTION;
        }

        @Override
        public ToolResponse call(final ToolParameters parameters) {
            throw new IllegalStateException("not here");
        }
    }

    private BaseChatModelConnection ollama(final ModelServer server, final Object... more) throws Exception {
        final List<Object> arguments = new ArrayList<>(List.of("endpoint", server.url()));
        arguments.addAll(List.of(more));
        return open(BaseChatModelConnection.class, ResourceName.ChatModel.OLLAMA_CONNECTION, arguments.toArray());
    }

    @Test
    void toolsAreOfferedAndTheirCallsComeAsMaps() throws Exception {
        final String script = "{'rules': [{'answers': [{'tool_calls': [{'name': 'weather', 'arguments': {'city': 'Ulm'}}]}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            final ChatMessage answer =
                    ollama(server).chat(List.of(ChatMessage.user("?")), List.of(new Weather()), Map.of("model", "m"));
            assertThat(answer.getToolCalls()).hasSize(1);
            assertThat(answer.getToolCalls().get(0)).containsKey("id").containsEntry("type", "function");
            assertThat(answer.getToolCalls().get(0).get("function"))
                    .isEqualTo(Map.of("name", "weather", "arguments", Map.of("city", "Ulm")));
            assertThat(server.requests().get(0).at("/body/tools/0/function/parameters/properties/city/type").asText())
                    .isEqualTo("string");
        }
    }

    @Test
    void anErrorNamesConnectionModelAndAttemptAndNoKey() throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': [{'answers': [{'text': 'x'}]}], 'keys': ['right']}")) {
            final BaseChatModelConnection connection =
                    open(
                            BaseChatModelConnection.class,
                            ResourceName.ChatModel.OPENAI_COMPLETIONS_CONNECTION,
                            "api_key", "sk-wrong-and-secret", "api_base_url", server.url() + "/v1");
            assertThatThrownBy(() -> connection.chat(List.of(ChatMessage.user("Hi")), List.of(), Map.of("model", "gpt")))
                    .isInstanceOfSatisfying(ModelException.class, e -> {
                        assertThat(e.getKind()).isEqualTo("authentication");
                        assertThat(e.getStatus()).isEqualTo(401);
                        assertThat(e.mayPass()).isFalse();
                    })
                    .hasMessageContaining("model 'gpt' of connection 'OpenAICompletionsConnection', attempt 1 of 4")
                    .hasMessageContaining("Check the key")
                    .hasMessageNotContaining("sk-wrong-and-secret");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "timeut, 5, argument 'timeut' of the ollama connection: is unknown",
        "timeout, soon, argument 'timeout'",
        "endpoint, nowhere, base address",
        "endpoint, ${env:NO_SUCH_VARIABLE}, environment variable NO_SUCH_VARIABLE",
    })
    void wrongArgumentsAreFoundWhenTheConnectionIsMade(final String name, final String value, final String said) {
        assertThatThrownBy(() -> open(BaseChatModelConnection.class, ResourceName.ChatModel.OLLAMA_CONNECTION, name, value))
                .hasMessageContaining(said);
    }

    /** A connection whose construction fails half-way. */
    public static final class HalfMade extends NativeChatModelConnection {
        public HalfMade(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context, "ollama");
            throw new IllegalStateException("half-way");
        }
    }

    /** An embedding connection whose opening fails half-way. */
    public static final class HalfOpen extends NativeEmbeddingModelConnection {
        public HalfOpen(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context, "ollama");
        }

        @Override
        public void open() throws Exception {
            super.open();
            throw new IllegalStateException("half-way");
        }
    }

    @Test
    void whatIsMadeOrOpenedHalfWayLeavesNoClient() throws Exception {
        final int before = ModelClient.openClients();
        assertThatThrownBy(() -> open(BaseChatModelConnection.class, HalfMade.class.getName(), "endpoint", "http://127.0.0.1:9"))
                .hasMessage("half-way");
        assertThat(ModelClient.openClients()).isEqualTo(before);
        assertThatThrownBy(() -> open(BaseEmbeddingModelConnection.class, HalfOpen.class.getName(), "host", "http://127.0.0.1:9"))
                .hasMessage("half-way");
        assertThat(ModelClient.openClients()).isEqualTo(before + 1);
        close();
        assertThat(ModelClient.openClients()).isEqualTo(before);
    }

    @Test
    void wrongArgumentsOfASetupAreFoundWhenItIsMade() {
        assertThatThrownBy(
                        () -> open(BaseChatModelSetup.class, ResourceName.ChatModel.OLLAMA_SETUP, "model", "m", "temprature", 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("argument 'temprature' of the ollama chat setup: is unknown");
    }

    @Test
    void closingCancelsAndAClosedConnectionSaysSo() throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': [{'answers': [{'hang': true}]}]}")) {
            final BaseChatModelConnection connection = ollama(server);
            final List<ChatMessage> messages = List.of(ChatMessage.user("Hi"));
            final CompletableFuture<ChatMessage> asked =
                    ((AsyncChatModelConnection) connection)
                            .chatAsync(messages, List.of(), Map.of("model", "m"), null)
                            .toCompletableFuture();
            connection.close();
            assertThatThrownBy(() -> asked.get(60, TimeUnit.SECONDS)).hasRootCauseMessage(
                    "The call was cancelled: its client was closed, or nobody waits for it any more");
            assertThatThrownBy(() -> connection.chat(messages, List.of(), Map.of("model", "m")))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
            connection.close();
        }
    }

    @Test
    void anInterruptEndsAChat() throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': [{'answers': [{'hang': true}]}]}")) {
            final BaseChatModelConnection connection = ollama(server);
            final CompletableFuture<Throwable> ended = new CompletableFuture<>();
            final Thread asking = new Thread(() -> {
                try {
                    connection.chat(List.of(ChatMessage.user("Hi")), List.of(), Map.of("model", "m"));
                } catch (final Throwable e) {
                    ended.complete(Thread.currentThread().isInterrupted() ? e : new AssertionError("not interrupted", e));
                }
            });
            asking.start();
            while (server.requests().isEmpty()) {
                Thread.onSpinWait();
            }
            asking.interrupt();
            assertThat(ended.get(60, TimeUnit.SECONDS)).isInstanceOf(CancellationException.class);
        }
    }

    @Test
    void whatDependsOnAnAnswerMustNotWaitForAnother() throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': [{'answers': [{'text': 'Hello', 'delay_ms': 200}]}]}")) {
            final BaseChatModelConnection connection = ollama(server);
            final List<ChatMessage> messages = List.of(ChatMessage.user("Hi"));
            final CompletableFuture<ChatMessage> second =
                    ((AsyncChatModelConnection) connection)
                            .chatAsync(messages, List.of(), Map.of("model", "m"), null)
                            .toCompletableFuture()
                            .thenApply(first -> connection.chat(messages, List.of(), Map.of("model", "m")));
            assertThatThrownBy(() -> second.get(60, TimeUnit.SECONDS))
                    .hasCauseInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("would wait for ever");
        }
    }

    @Test
    void aThousandChatsNeedNoThreads() throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': [{'answers': [{'text': 'Hello', 'delay_ms': 200}]}]}")) {
            final AsyncChatModelConnection connection = (AsyncChatModelConnection) ollama(server);
            final int before = Thread.activeCount();
            final List<CompletableFuture<ChatMessage>> asked = new ArrayList<>();
            for (int i = 0; i < 1000; i++) {
                asked.add(
                        connection
                                .chatAsync(List.of(ChatMessage.user("Hi")), List.of(), Map.of("model", "m"), null)
                                .toCompletableFuture());
            }
            assertThat(Thread.activeCount()).isLessThan(before + 10);
            for (final CompletableFuture<ChatMessage> one : asked) {
                assertThat(one.get(120, TimeUnit.SECONDS).getContent()).isEqualTo("Hello");
            }
        }
    }

    @Test
    void theThreadOfAnswersEndsWithTheLastClient() throws Exception {
        try (ModelServer server = ModelServer.start(HELLO)) {
            final BaseChatModelConnection connection = ollama(server);
            final Thread[] threads = new Thread[Thread.activeCount() + 50];
            Thread.enumerate(threads);
            Thread answers = null;
            for (final Thread thread : threads) {
                if (thread != null && thread.getName().equals("flink-agents model answers")) {
                    answers = thread;
                }
            }
            assertThat(answers).isNotNull();
            connection.close();
            answers.join(Duration.ofSeconds(30).toMillis());
            assertThat(answers.isAlive()).isFalse();
            assertThat(ollama(server).chat(List.of(ChatMessage.user("Hi")), null, Map.of("model", "m")).getContent())
                    .isEqualTo("Hello");
        }
    }

    @ParameterizedTest
    @CsvSource({"openai.OpenAI, /v1", "ollama.Ollama, ''"})
    void textsAreEmbedded(final String prefix, final String path) throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': []}")) {
            embeddings(server, prefix, path);
            final BaseEmbeddingModelSetup model = (BaseEmbeddingModelSetup) named.get("embeddings");
            final List<float[]> vectors = model.embed(List.of("red apple", "green apple", "fast train"));
            assertThat(vectors).hasSize(3).allSatisfy(vector -> assertThat(vector).hasSize(64));
            assertThat(model.embed("red apple")).isEqualTo(vectors.get(0));
            assertThat(model.embedWithUsage("red apple").getTokenUsage().getPromptTokens()).isPositive();
        }
    }

    private void embeddings(final ModelServer server, final String prefix, final String path) throws Exception {
        final String own = "org.apache.flink.agents.integrations.embeddingmodels." + prefix + "EmbeddingModel";
        final List<Object> arguments = new ArrayList<>(List.of("base_url", server.url() + path));
        if (prefix.startsWith("openai")) {
            arguments.addAll(List.of("api_key", "k"));
        }
        named.put("server", open(BaseEmbeddingModelConnection.class, own + "Connection", arguments.toArray()));
        named.put("embeddings", open(BaseEmbeddingModelSetup.class, own + "Setup", "connection", "server", "model", "e"));
    }

    @Test
    void theEmbeddedStoreKeepsFindsAndForgets(@TempDir final Path directory) throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': []}")) {
            embeddings(server, "ollama.Ollama", "");
            final String file = directory.resolve("vectors.sqlite").toString();
            final EmbeddedVectorStore store =
                    open(
                            EmbeddedVectorStore.class,
                            ResourceName.VectorStore.EMBEDDED_VECTOR_STORE,
                            "path", file, "embedding_model", "embeddings");
            final List<String> ids =
                    store.add(
                            List.of(
                                    new Document("red apple", Map.of("kind", "fruit"), "a"),
                                    new Document("green apple", Map.of("kind", "fruit"), null),
                                    new Document("fast train", Map.of("kind", "machine", "wheels", 8), "t")),
                            null,
                            null);
            assertThat(ids).hasSize(3).startsWith("a").endsWith("t");
            final List<Document> found = store.query(new VectorStoreQuery("an apple that is red", 2)).getDocuments();
            assertThat(found).extracting(Document::getContent).containsExactly("red apple", "green apple");
            assertThat(found.get(0).getScore()).isGreaterThan(found.get(1).getScore());
            assertThat(store.getByFilters(Map.of("wheels", 8))).extracting(Document::getId).containsExactly("t");
            store.update(List.of(new Document("slow train", Map.of(), "t")), null, null);
            assertThat(store.getByIds(List.of("t")).get(0).getContent()).isEqualTo("slow train");
            store.deleteByIds(List.of("a"));
            store.add(List.of(new Document("elsewhere", null, "e")), "other", null);
            store.close();
            final EmbeddedVectorStore again =
                    open(EmbeddedVectorStore.class, ResourceName.VectorStore.EMBEDDED_VECTOR_STORE, "path", file);
            assertThat(again.get(null, null, null, null, null)).extracting(Document::getContent)
                    .containsExactly("green apple", "slow train");
            assertThat(again.getByIds(List.of("e"), "other")).hasSize(1);
            again.deleteCollection("other");
            assertThatThrownBy(() -> again.getByIds(List.of("e"), "other"))
                    .hasMessageContaining("has no collection 'other'");
        }
    }
}
