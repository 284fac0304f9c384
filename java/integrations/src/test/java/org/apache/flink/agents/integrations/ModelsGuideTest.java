package org.apache.flink.agents.integrations;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.agents.ReActAgent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.ChatModelConnection;
import org.apache.flink.agents.api.annotation.ChatModelSetup;
import org.apache.flink.agents.api.annotation.EmbeddingModelConnection;
import org.apache.flink.agents.api.annotation.EmbeddingModelSetup;
import org.apache.flink.agents.api.annotation.MCPServer;
import org.apache.flink.agents.api.annotation.Tool;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.annotation.VectorStore;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.model.AsyncChatModelConnection;
import org.apache.flink.agents.api.chat.model.BaseChatModelConnection;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.event.ContextRetrievalRequestEvent;
import org.apache.flink.agents.api.event.ContextRetrievalResponseEvent;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.vectorstores.BaseVectorStore;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.agents.integrations.chatmodels.ollama.OllamaChatModelConnection;
import org.apache.flink.agents.integrations.mcp.MCPTool;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.plan.AgentPlan;
import org.apache.flink.agents.runtime.resource.ResourceCache;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

/** Runs the code of {@code docs/guides/models-java.md}, which stands here word for word. */
@Timeout(value = 240, threadMode = ThreadMode.SEPARATE_THREAD)
class ModelsGuideTest {

    public static class Reviewer extends Agent {
        @ChatModelConnection
        public static ResourceDescriptor server() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.OPENAI_COMPLETIONS_CONNECTION)
                    .addInitialArgument("api_base_url", "${env:MODEL_SERVER}")
                    .addInitialArgument("api_key", "${env:MODEL_KEY}")
                    .addInitialArgument("requests_per_minute", 600)
                    .build();
        }

        @ChatModelSetup
        public static ResourceDescriptor reviewer() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.OPENAI_COMPLETIONS_SETUP)
                    .addInitialArgument("connection", "server")
                    .addInitialArgument("model", "small")
                    .addInitialArgument("tools", List.of("price"))
                    .build();
        }

        @Tool(description = "Tells what an article costs, in euros.")
        public static double price(@ToolParam(name = "article", description = "Its number") int article) {
            return article == 7 ? 19.99 : 5;
        }

        @Action(EventType.InputEvent)
        public static void ask(Event event, RunnerContext context) {
            String review = (String) InputEvent.fromEvent(event).getInput();
            context.sendEvent(new ChatRequestEvent("reviewer", List.of(ChatMessage.user(review))));
        }

        @Action(EventType.ChatResponseEvent)
        public static void answer(Event event, RunnerContext context) {
            context.sendEvent(new OutputEvent(ChatResponseEvent.fromEvent(event).getResponse().getContent()));
        }
    }

    public static class ClockAgent extends Agent {
        @MCPServer
        public static ResourceDescriptor clock() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.MCP_SERVER)
                    .addInitialArgument("endpoint", "${env:MODEL_SERVER}/mcp")
                    .addInitialArgument("auth", Map.of("type", "bearer", "token", "${env:MODEL_KEY}"))
                    .build();
        }

        @Action(EventType.InputEvent)
        public static void ask(Event event, RunnerContext context) throws Exception {
            MCPTool now = (MCPTool) context.getResource("now", ResourceType.TOOL);
            context.sendEvent(new OutputEvent(now.call(new ToolParameters()).getResult()));
        }
    }

    public static class Verdict {
        public int stars;
        public String reason;
    }

    static ReActAgent judge(ResourceDescriptor setup) {
        return new ReActAgent(setup, Prompt.fromText("Judge this review: {input}"), Verdict.class);
    }

    public static class Panel extends Agent {
        static final List<String> TOPICS = List.of("price", "quality", "delivery");

        @Action(EventType.InputEvent)
        public static void ask(Event event, RunnerContext context) throws Exception {
            Object review = InputEvent.fromEvent(event).getInput();
            for (String topic : TOPICS) {
                String question = "What does this review say about the " + topic + "? " + review;
                ChatRequestEvent request = new ChatRequestEvent("model", List.of(ChatMessage.user(question)));
                context.getSensoryMemory().set("asked." + request.getId(), topic);
                context.sendEvent(request);
            }
        }

        @Action(EventType.ChatResponseEvent)
        public static void gather(Event event, RunnerContext context) throws Exception {
            ChatResponseEvent response = ChatResponseEvent.fromEvent(event);
            MemoryObject memory = context.getSensoryMemory();
            Object topic = memory.get("asked." + response.getRequestId()).getValue();
            memory.set("said." + topic, response.getResponse().getContent());
            Map<String, Object> said = new LinkedHashMap<>();
            for (String one : TOPICS) {
                if (!memory.isExist("said." + one)) {
                    return;
                }
                said.put(one, memory.get("said." + one).getValue());
            }
            context.sendEvent(new OutputEvent(said));
        }
    }

    public static class Librarian extends Agent {
        @EmbeddingModelConnection
        public static ResourceDescriptor ollama() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.EmbeddingModel.OLLAMA_CONNECTION)
                    .addInitialArgument("endpoint", "${env:MODEL_SERVER}")
                    .build();
        }

        @EmbeddingModelSetup
        public static ResourceDescriptor embeddings() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.EmbeddingModel.OLLAMA_SETUP)
                    .addInitialArgument("connection", "ollama")
                    .addInitialArgument("model", "nomic-embed-text")
                    .build();
        }

        @VectorStore
        public static ResourceDescriptor library() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.VectorStore.EMBEDDED_VECTOR_STORE)
                    .addInitialArgument("embedding_model", "embeddings")
                    .build();
        }

        @Action(EventType.InputEvent)
        public static void find(Event event, RunnerContext context) throws Exception {
            BaseVectorStore library = (BaseVectorStore) context.getResource("library", ResourceType.VECTOR_STORE);
            library.add(List.of(new Document("Trains run at night.", null, "1"), new Document("Apples are red.", null, "2")), null, null);
            String question = (String) InputEvent.fromEvent(event).getInput();
            context.sendEvent(new ContextRetrievalRequestEvent(question, "library", 1));
        }

        @Action(EventType.ContextRetrievalResponseEvent)
        public static void found(Event event, RunnerContext context) {
            Document first = ContextRetrievalResponseEvent.fromEvent(event).getDocuments().get(0);
            context.sendEvent(new OutputEvent(first.getContent()));
        }
    }

    public static class Echo extends BaseChatModelConnection implements AsyncChatModelConnection {
        public Echo(ResourceDescriptor descriptor, ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public ChatMessage chat(List<ChatMessage> messages, List<org.apache.flink.agents.api.tools.Tool> tools, Map<String, Object> parameters) {
            return chatAsync(messages, tools, parameters, null).toCompletableFuture().join();
        }

        @Override
        public CompletionStage<ChatMessage> chatAsync(
                List<ChatMessage> messages, List<org.apache.flink.agents.api.tools.Tool> tools, Map<String, Object> parameters, Object outputSchema) {
            return CompletableFuture.completedFuture(ChatMessage.assistant("echo of " + messages.get(messages.size() - 1).getContent()));
        }
    }

    public static class Summary extends Agent {
        @ChatModelConnection
        public static ResourceDescriptor tongyi() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.PYTHON_WRAPPER_CONNECTION)
                    .addInitialArgument("pythonClazz", ResourceName.ChatModel.Python.TONGYI_CONNECTION)
                    .addInitialArgument("api_key", "${env:MODEL_KEY}")
                    .build();
        }

        @ChatModelSetup
        public static ResourceDescriptor summarizer() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.PYTHON_WRAPPER_SETUP)
                    .addInitialArgument("pythonClazz", "my_models.ShortSetup")
                    .addInitialArgument("connection", "tongyi")
                    .addInitialArgument("model", "small")
                    .build();
        }
    }

    static String askDirectly(String address) throws Exception {
        ResourceDescriptor where =
                ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.OLLAMA_CONNECTION)
                        .addInitialArgument("endpoint", address)
                        .build();
        OllamaChatModelConnection connection = new OllamaChatModelConnection(where, null);
        try {
            return connection.chat(List.of(ChatMessage.user("Hi")), List.of(), Map.of("model", "small")).getContent();
        } finally {
            connection.close();
        }
    }

    private static final Map<String, String> PLAIN = Map.of();

    /** In place of the variables that the page has, which a test cannot set for itself. */
    private static ResourceDescriptor at(final ResourceDescriptor declared, final String argument, final String address) {
        declared.getInitialArguments().put(argument, address);
        declared.getInitialArguments().replace("api_key", "k");
        return declared;
    }

    @Test
    void thePageHasThisCode() throws Exception {
        final List<String> code = Guide.codeOf("models-java.md");
        assertThat(code).hasSize(8);
        assertThat(Guide.sourceOf(ModelsGuideTest.class)).contains(code);
    }

    @Test
    void aModelIsAskedAndItsToolCalled() throws Exception {
        final String script =
                "{'rules': [{'when': {'round': 0}, 'answers': [{'tool_calls': [{'name': 'price', 'arguments': {'article': 7.0}}]}]},"
                        + "{'answers': [{'text': 'Fair for $last.'}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            final Agent agent = new Agent();
            agent.addResource(
                    "server", ResourceType.CHAT_MODEL_CONNECTION, at(Reviewer.server(), "api_base_url", server.url() + "/v1"));
            agent.addResource("reviewer", ResourceType.CHAT_MODEL, Reviewer.reviewer());
            agent.addResource(
                    "price",
                    ResourceType.TOOL,
                    org.apache.flink.agents.api.tools.Tool.fromMethod(Reviewer.class.getMethod("price", int.class)));
            actions(agent, Reviewer.class, "ask", "answer");
            assertThat(ChatAgents.run(agent, PLAIN, "Good")).containsExactly("Fair for 19.99.");
        }
    }

    /** The actions of the page, in an agent whose resources point to the server of this test. */
    private static void actions(final Agent agent, final Class<?> of, final String... names) throws Exception {
        for (final String name : names) {
            final java.lang.reflect.Method method = of.getMethod(name, Event.class, RunnerContext.class);
            agent.addAction(method.getAnnotation(Action.class).value(), method);
        }
    }

    @Test
    void theToolOfAServerIsCalled() throws Exception {
        final String script = "{'rules': [], 'mcp': {'tools': [{'name': 'now', 'description': 'Tells the time.', 'text': 'noon'}]}}";
        try (ModelServer server = ModelServer.start(script)) {
            final ResourceDescriptor clock = at(ClockAgent.clock(), "endpoint", server.url() + "/mcp");
            clock.getInitialArguments().put("auth", Map.of("type", "bearer", "token", "t"));
            final Agent agent = new Agent().addResource("clock", ResourceType.MCP_SERVER, clock);
            actions(agent, ClockAgent.class, "ask");
            assertThat(ChatAgents.run(agent, PLAIN, "What time is it?")).containsExactly("noon");
        }
    }

    @Test
    void anAnswerBecomesAnObject() throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': [{'answers': [{'text': '{\\\"stars\\\": 4, \\\"reason\\\": \\\"ok\\\"}'}]}]}")) {
            final List<Object> outputs = ChatAgents.run(ChatAgents.on(server, judge(ChatAgents.ollama())), PLAIN, "Good");
            assertThat(((Verdict) outputs.get(0)).stars).isEqualTo(4);
            assertThat(server.conversations().get(0)).contains("Judge this review: Good");
        }
    }

    @Test
    void severalChatsAreGathered() throws Exception {
        final String script =
                "{'rules': [{'when': {'contains': 'about the price'}, 'answers': [{'text': 'too high', 'delay_ms': 300}]},"
                        + "{'when': {'contains': 'about the quality'}, 'answers': [{'text': 'good', 'delay_ms': 200}]},"
                        + "{'when': {'contains': 'about the delivery'}, 'answers': [{'text': 'late', 'delay_ms': 100}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            assertThat(ChatAgents.run(ChatAgents.on(server, new Panel()), PLAIN, "Boils fast. Came late."))
                    .containsExactly(Map.of("price", "too high", "quality", "good", "delivery", "late"));
        }
    }

    @Test
    void aDocumentIsFound() throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': []}")) {
            final Agent agent = new Agent();
            agent.addResource(
                    "ollama", ResourceType.EMBEDDING_MODEL_CONNECTION, at(Librarian.ollama(), "endpoint", server.url()));
            agent.addResource("embeddings", ResourceType.EMBEDDING_MODEL, Librarian.embeddings());
            agent.addResource("library", ResourceType.VECTOR_STORE, Librarian.library());
            actions(agent, Librarian.class, "find", "found");
            assertThat(ChatAgents.run(agent, PLAIN, "Are apples red?")).containsExactly("Apples are red.");
        }
    }

    @Test
    void aModelOfOnesOwnIsAsked() throws Exception {
        final ChatAgents.Asking agent = new ChatAgents.Asking();
        agent.addResource(
                "echo", ResourceType.CHAT_MODEL_CONNECTION, new ResourceDescriptor(Echo.class.getName(), Map.of()));
        agent.addResource(
                "model",
                ResourceType.CHAT_MODEL,
                new ResourceDescriptor(ChatAgents.ParrotSetup.class.getName(), Map.of("connection", "echo")));
        assertThat(ChatAgents.run(agent, PLAIN, "me")).containsExactly("echo of me after 0");
    }

    @Test
    void aModelOfPythonIsAskedWhereThatIs() throws Exception {
        final AgentPlan plan = AgentPlan.compile(new Summary(), null, new AgentConfiguration());
        assertThat(plan.foreignParts()).hasSize(2);
        try (ResourceCache resources = new ResourceCache(plan.toJson(), getClass().getClassLoader())) {
            resources.connect((type, name, method, arguments) -> Map.of("role", "assistant", "content", name + " was asked to " + method));
            final BaseChatModelSetup setup = (BaseChatModelSetup) resources.get("summarizer", ResourceType.CHAT_MODEL);
            assertThat(setup.chat(List.of(ChatMessage.user("Long text"))).getContent()).isEqualTo("summarizer was asked to chat");
        }
    }

    @Test
    void aModelIsAskedOutsideOfActions() throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': [{'answers': [{'text': 'Hello'}]}]}")) {
            assertThat(askDirectly(server.url())).isEqualTo("Hello");
        }
    }
}
