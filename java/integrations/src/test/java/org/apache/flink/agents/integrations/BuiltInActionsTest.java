package org.apache.flink.agents.integrations;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.agents.ReActAgent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.event.ContextRetrievalRequestEvent;
import org.apache.flink.agents.api.event.ContextRetrievalResponseEvent;
import org.apache.flink.agents.api.event.ToolRequestEvent;
import org.apache.flink.agents.api.event.ToolResponseEvent;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.agents.integrations.ChatAgents.Asking;
import org.apache.flink.agents.integrations.vectorstores.embedded.EmbeddedVectorStore;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.typeutils.RowTypeInfo;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Chats, tool calls and retrieval in runs without Flink, against the scripted server. */
@Timeout(value = 240, threadMode = ThreadMode.SEPARATE_THREAD)
class BuiltInActionsTest {
    private static final Map<String, String> PLAIN = Map.of();
    private static final String ADDS =
            "{'rules': ["
                    + "{'when': {'round': 0}, 'answers': [{'tool_calls': [{'name': 'add', 'arguments': {'a': 3.0, 'b': '4'}}]}]},"
                    + "{'answers': [{'text': 'It is $last.'}]}]}";

    @TempDir Path directory;

    @BeforeEach
    void forget() {
        ChatAgents.Parrot.failures = 0;
    }

    @ParameterizedTest
    @ValueSource(strings = {"true", "false"})
    void aModelAnswersEveryInput(final String async) throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': [{'answers': [{'text': 'You said $last.'}]}]}")) {
            assertThat(ChatAgents.run(ChatAgents.on(server, new Asking()), Map.of("chat.async", async), "one", "two"))
                    .containsExactlyInAnyOrder("You said one. after 0", "You said two. after 0");
        }
    }

    @Test
    void aModelCallsToolsAndIsToldTheirResults() throws Exception {
        try (ModelServer server = ModelServer.start(ADDS)) {
            assertThat(ChatAgents.run(ChatAgents.on(server, new Asking()), PLAIN, "3+4?")).containsExactly("It is 7. after 0");
            assertThat(server.conversations()).containsExactly("user: 3+4?", "user: 3+4? | assistant:  | tool: 7");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "true | weather | {'place': {'city': 'Ulm', 'zip': '89073'}} | sunny in 89073 Ulm",
                "true | broken | {} | the wire is cut",
                "true | day | {} | 2026-02-01",
                "true | nothing | {} | Tool `nothing` does not exist.",
                "false | nothing | {} | Tool `nothing` does not exist.",
                "true | add | {'a': 1} | Missing required parameter: b",
                "true | add | {'a': 1.5, 'b': 1} | Parameter 'a' must be of type int, not 1.5.",
                "true | add | {'a': 'three', 'b': 1} | Parameter 'a' must be of type int, not three.",
                "false | secret | {'question': 'warm?', 'unit': 'hacked'} | warm? in celsius",
            })
    void whatToolsGiveIsWhatTheModelIsTold(
            final String async, final String tool, final String arguments, final String told) throws Exception {
        final String script =
                "{'rules': [{'when': {'round': 0}, 'answers': [{'tool_calls': [{'name': '" + tool + "', 'arguments': "
                        + arguments + "}]}]}, {'answers': [{'text': '$last'}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            assertThat(
                            ChatAgents.run(
                                    ChatAgents.on(server, new Asking()),
                                    Map.of("tool-call.async", async, "unit", "celsius"),
                                    "?"))
                    .containsExactly(told + " after 0");
        }
    }

    @Test
    void aReActAgentGivesOutWhatTheModelSays() throws Exception {
        try (ModelServer server = ModelServer.start(ADDS)) {
            final ReActAgent agent =
                    new ReActAgent(ChatAgents.ollama(), Prompt.fromText("What is {input}?"), null);
            assertThat(ChatAgents.run(ChatAgents.on(server, agent), PLAIN, "3+4")).containsExactly("It is 7.");
            assertThat(server.conversations().get(0)).isEqualTo("user: What is 3+4?");
        }
    }

    /** What a model is to say. */
    public static final class Review {
        public int stars;
        public String why;
    }

    @Test
    void aReActAgentGivesOutTheUsersTypeAfterARepair() throws Exception {
        final String script =
                "{'rules': [{'when': {'round': 0}, 'answers': [{'text': 'Five!'}]},"
                        + "{'answers': [{'text': '```json\\n{\\'stars\\': 5, \\'why\\': \\'good\\'}\\n```'}]}]}";
        try (ModelServer server = ModelServer.start(script.replace("\\'", "\\\\'").replace("\\\\'", "\\\""))) {
            final ReActAgent agent = new ReActAgent(ChatAgents.ollama(), null, Review.class);
            final List<Object> outputs = ChatAgents.run(ChatAgents.on(server, agent), PLAIN, "Nice");
            assertThat(outputs).hasSize(1);
            assertThat(outputs.get(0)).isInstanceOfSatisfying(Review.class, review -> {
                assertThat(review.stars).isEqualTo(5);
                assertThat(review.why).isEqualTo("good");
            });
            assertThat(server.conversations().get(0)).contains("system: The final response should be json format");
            assertThat(server.conversations().get(1)).contains("assistant: Five!");
            assertThat(server.requests().get(0).at("/body/format/properties/stars/type").asText()).isEqualTo("integer");
        }
    }

    @Test
    void aReActAgentGivesOutRows() throws Exception {
        final String script = "{'rules': [{'answers': [{'text': '{\\\"stars\\\": 5, \\\"why\\\": \\\"good\\\"}'}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            final RowTypeInfo type =
                    new RowTypeInfo(new TypeInformation<?>[] {Types.LONG, Types.STRING}, new String[] {"stars", "why"});
            final ReActAgent agent = new ReActAgent(ChatAgents.ollama(), null, type);
            final Row row = Row.withNames();
            row.setField("stars", 5L);
            row.setField("why", "good");
            assertThat(ChatAgents.run(ChatAgents.on(server, agent), PLAIN, "Nice")).containsExactly(row);
            assertThat(server.requests().get(0).at("/body/format/required").toString()).isEqualTo("[\"stars\",\"why\"]");
        }
    }

    @ParameterizedTest
    @CsvSource({"auto, gpt-4o, true", "auto, gpt-4, false", "NATIVE, gpt-4, true", "prompt, gpt-4o, false"})
    void theProviderIsToldOfTheSchemaWhereItCanKeepIt(final String strategy, final String model, final boolean told)
            throws Exception {
        final String script = "{'rules': [{'answers': [{'text': '{\\\"stars\\\": 5, \\\"why\\\": \\\"good\\\"}'}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            final ResourceDescriptor setup =
                    new ResourceDescriptor(
                            ResourceName.ChatModel.OPENAI_COMPLETIONS_SETUP,
                            Map.of("connection", "openai", "model", model, "structured_output_strategy", strategy));
            final ReActAgent agent = new ReActAgent(setup, null, Review.class);
            agent.addResource(
                    "openai",
                    ResourceType.CHAT_MODEL_CONNECTION,
                    new ResourceDescriptor(
                            ResourceName.ChatModel.OPENAI_COMPLETIONS_CONNECTION,
                            Map.of("api_base_url", server.url() + "/v1", "api_key", "k")));
            assertThat(ChatAgents.run(agent, PLAIN, "Nice")).hasSize(1).allMatch(review -> review instanceof Review);
            final JsonNode format = server.requests().get(0).at("/body/response_format/json_schema");
            assertThat(format.isObject()).isEqualTo(told);
            if (told) {
                assertThat(format.get("name").asText()).isEqualTo("Review");
                assertThat(format.get("strict").asBoolean()).isTrue();
                assertThat(format.at("/schema/required").toString()).isEqualTo("[\"stars\",\"why\"]");
            }
        }
    }

    /** Asks for every input; the first answer, once another question has come to the server, makes the run fail. */
    public static final class Impatient extends Agent {
        static volatile ModelServer server;

        @Action(EventType.InputEvent)
        public static void ask(final Event event, final RunnerContext context) {
            final String input = (String) InputEvent.fromEvent(event).getInput();
            context.sendEvent(new ChatRequestEvent("model", List.of(ChatMessage.user(input))));
        }

        @Action(EventType.ChatResponseEvent)
        public static void answer(final Event event, final RunnerContext context) throws Exception {
            final ModelServer fails = server;
            if (fails != null) {
                while (fails.requests().size() < 2) {
                    Thread.onSpinWait();
                }
                server = null;
                throw new IllegalStateException("impatient");
            }
            context.sendEvent(new OutputEvent(ChatResponseEvent.fromEvent(event).getResponse().getContent()));
        }
    }

    @Test
    void aChatThatIsAskedAgainHasTheKeyItHad() throws Exception {
        final Map<String, String> config =
                Map.of(
                        "actionStateStoreBackend", "sqlite",
                        "sqlite.path", directory.resolve("journal.sqlite").toString());
        final String script =
                "{'rules': [{'when': {'contains': 'late'}, 'answers': [{'hang': true}, {'text': 'in time'}]},"
                        + "{'answers': [{'text': 'now'}]}]}";
        final List<Object> inputs = List.of(Map.of("key", "a", "value", "late"), Map.of("key", "b", "value", "?"));
        try (ModelServer server = ModelServer.start(script)) {
            Impatient.server = server;
            assertThatThrownBy(() -> ChatAgents.run("keys", ChatAgents.on(server, new Impatient()), config, inputs))
                    .hasStackTraceContaining("impatient");
            assertThat(ChatAgents.run("keys", ChatAgents.on(server, new Impatient()), config, inputs))
                    .containsExactlyInAnyOrder("in time", "now");
            final Map<String, List<String>> keys = new HashMap<>();
            for (final JsonNode request : server.requests()) {
                keys.computeIfAbsent(request.at("/body/messages/0/content").asText(), asked -> new ArrayList<>())
                        .add(request.at("/headers/idempotency-key").asText());
            }
            assertThat(keys.get("late")).hasSize(2);
            assertThat(keys.get("late").get(0)).isNotEmpty().isEqualTo(keys.get("late").get(1));
            assertThat(keys.get("?")).hasSize(1).doesNotContainAnyElementsOf(keys.get("late"));
        }
    }

    @Test
    void aModelThatNeverFitsFailsWithWhatIsWrong() throws Exception {
        final String script = "{'rules': [{'answers': [{'text': '{\\\"stars\\\": \\\"many\\\"}'}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            final ReActAgent agent = new ReActAgent(ChatAgents.ollama(), null, Review.class);
            assertThatThrownBy(() -> ChatAgents.run(ChatAgents.on(server, agent), PLAIN, "Nice"))
                    .hasStackTraceContaining("the answer does not fit the output schema")
                    .hasStackTraceContaining("\"many\"");
            assertThat(server.requests()).hasSize(2);
        }
    }

    @Test
    void toolRoundsAreLimited() throws Exception {
        final String script = "{'rules': [{'answers': [{'tool_calls': [{'name': 'add', 'arguments': {'a': 1, 'b': 1}}]}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            assertThatThrownBy(
                            () ->
                                    ChatAgents.run(
                                            ChatAgents.on(server, new Asking()), Map.of("chat.max-tool-rounds", "2"), "?"))
                    .hasStackTraceContaining("'chat.max-tool-rounds' allows (2)");
            assertThat(server.requests()).hasSize(3);
        }
    }

    /** An agent with a model at a server that gets one second and four kilobytes. */
    private static Agent impatient(final ModelServer server, final Map<String, Object> more, final Object... setup)
            throws Exception {
        final Map<String, Object> arguments = new HashMap<>(more);
        arguments.putAll(
                Map.of(
                        "api_base_url", server.url() + "/v1",
                        "max_retries", 0,
                        "timeout", 1,
                        "max_response_bytes", 4096));
        arguments.putIfAbsent("api_key", "k");
        final Map<String, Object> asked = new HashMap<>(Map.of("connection", "server", "model", "m"));
        for (int i = 0; i < setup.length; i += 2) {
            asked.put((String) setup[i], setup[i + 1]);
        }
        return new Asking()
                .addResource(
                        "server",
                        ResourceType.CHAT_MODEL_CONNECTION,
                        new ResourceDescriptor(ResourceName.ChatModel.OPENAI_COMPLETIONS_CONNECTION, arguments))
                .addResource(
                        "model",
                        ResourceType.CHAT_MODEL,
                        new ResourceDescriptor(ResourceName.ChatModel.OPENAI_COMPLETIONS_SETUP, asked));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "{'status': 400, 'error': 'no such model'} | no such model",
                "{'status': 500, 'error': 'on fire'} | on fire",
                "{'status': 200, 'raw': '<html>'} | ",
                "{'text': 'half an answer', 'cut_after': 20} | ",
                "{'text': 'half an answer', 'cut_after': 20, 'cut_cleanly': true} | ",
                "{'text': 'x', 'role': 'wizard'} | role is 'wizard'",
                "{'hang': true} | for 1 s",
                "{'repeat': 5000, 'text': 'x'} | max_response_bytes",
                "{'tool_calls': [{'name': 'add', 'arguments': 'a = 1'}]} | the arguments of the model's call of tool 'add' are no JSON object",
            })
    void aServerThatFailsFailsTheRunByName(final String answer, final String said) throws Exception {
        for (final boolean stream : new boolean[] {false, true}) {
            try (ModelServer server = ModelServer.start("{'rules': [{'answers': [" + answer + "]}]}")) {
                assertThatThrownBy(() -> ChatAgents.run(impatient(server, Map.of("stream", stream)), PLAIN, "?"))
                        .hasStackTraceContaining("Chat model 'model' failed for request")
                        .hasStackTraceContaining("model 'm' of connection 'server', attempt 1 of 1")
                        .hasStackTraceContaining(said == null ? "" : said);
            }
        }
    }

    @Test
    void aKeyThatHasExpiredIsShownNowhere() throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': [{'answers': [{'text': 'x'}]}], 'keys': ['sk-right']}")) {
            final Agent agent = impatient(server, Map.of("api_key", "sk-expired"));
            assertThatThrownBy(() -> ChatAgents.run(agent, PLAIN, "?"))
                    .hasStackTraceContaining("401")
                    .hasStackTraceContaining("Check the key")
                    .satisfies(e -> {
                        final StringWriter trace = new StringWriter();
                        e.printStackTrace(new PrintWriter(trace));
                        assertThat(trace.toString()).doesNotContain("sk-expired");
                    });
            assertThat(ChatAgents.run(impatient(server, Map.of("api_key", "sk-right")), PLAIN, "?")).hasSize(1);
        }
    }

    @Test
    void aPlaceholderWithoutAValueStays() throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': [{'answers': [{'text': 'ok'}]}]}")) {
            final Agent agent =
                    impatient(server, Map.of(), "prompt", "prompt")
                            .addResource("prompt", ResourceType.PROMPT, Prompt.fromText("Say {this} to {}"));
            assertThat(ChatAgents.run(agent, PLAIN, "?")).containsExactly("ok after 0");
            assertThat(server.conversations()).containsExactly("user: Say {this} to {} | user: ?");
        }
    }

    @Test
    void aToolThatSaysNothingIsToldToTheModelWithThePromptToo() throws Exception {
        final String script =
                "{'rules': [{'when': {'round': 0}, 'answers': [{'tool_calls': [{'name': 'silent', 'arguments': {}}]}]},"
                        + "{'answers': [{'text': 'fine'}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            final Agent agent =
                    ChatAgents.on(server, new Asking(), "prompt", "prompt", "tools", List.of("silent"))
                            .addResource("prompt", ResourceType.PROMPT, Prompt.fromText("Be nice."));
            assertThat(ChatAgents.run(agent, PLAIN, "?")).containsExactly("fine after 0");
            assertThat(server.conversations().get(1)).isEqualTo("user: Be nice. | user: ? | assistant:  | tool: ");
        }
    }

    @Test
    void aServerThatFailsOnceIsAskedAgain() throws Exception {
        final String script = "{'rules': [{'answers': [{'status': 500, 'error': 'on fire'}, {'text': 'fine'}]}]}";
        final Map<String, String> config = Map.of("error-handling-strategy", "retry", "retry-wait-interval", "1");
        try (ModelServer server = ModelServer.start(script)) {
            final long begun = System.nanoTime();
            assertThat(ChatAgents.run(ChatAgents.on(server, new Asking()), config, "?")).containsExactly("fine after 1");
            assertThat(System.nanoTime() - begun).isGreaterThan(1_000_000_000L);
        }
    }

    @Test
    void anIgnoredFailureIsAnsweredAllTheSame() throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': [{'answers': [{'raw': '{\\\"mess', 'status': 200}]}]}")) {
            final List<Object> outputs =
                    ChatAgents.run(ChatAgents.on(server, new Asking()), Map.of("error-handling-strategy", "ignore"), "?");
            assertThat(outputs).hasSize(1);
            assertThat((String) outputs.get(0)).startsWith("error: {").contains("ModelException").contains("attempts=1");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"true", "false"})
    void aUsersOwnModelBlocksNobody(final String async) throws Exception {
        final Asking agent = new Asking();
        agent.addResource(
                "parrot",
                ResourceType.CHAT_MODEL_CONNECTION,
                new ResourceDescriptor(ChatAgents.Parrot.class.getName(), Map.of()));
        agent.addResource(
                "model",
                ResourceType.CHAT_MODEL,
                new ResourceDescriptor(ChatAgents.ParrotSetup.class.getName(), Map.of("connection", "parrot")));
        ChatAgents.Parrot.failures = 1;
        final Map<String, String> config =
                Map.of("chat.async", async, "error-handling-strategy", "retry", "retry-wait-interval", "1");
        assertThat(ChatAgents.run(agent, config, "Hello")).containsExactly("Hello! after 1");
        // It is made where nobody waits for the thread.
        assertThat(ChatAgents.Parrot.thread.getName()).startsWith("flink-agents");
    }

    /** Asks a model that there is not. */
    public static final class Lost extends Agent {
        @Action(EventType.InputEvent)
        public static void ask(final Event event, final RunnerContext context) {
            context.sendEvent(new ChatRequestEvent("nobody", List.of(ChatMessage.user("?"))));
        }
    }

    @Test
    void aModelThatIsNotThereIsNamed() {
        assertThatThrownBy(() -> ChatAgents.run(new Lost(), Map.of("error-handling-strategy", "ignore"), "?"))
                .hasStackTraceContaining("Resource not found: 'nobody' of type chat_model");
    }

    /** Calls tools itself, side by side. */
    public static final class ToolCaller extends Agent {
        @Action(EventType.InputEvent)
        public static void call(final Event event, final RunnerContext context) {
            final List<Map<String, Object>> calls = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                calls.add(
                        Map.of(
                                "id", "c" + i,
                                "type", "function",
                                "original_id", "o" + i,
                                "function", Map.of("name", i == 1 ? "broken" : "add", "arguments", Map.of("a", i, "b", i))));
            }
            context.sendEvent(new ToolRequestEvent("model", calls));
        }

        @Action(EventType.ToolResponseEvent)
        public static void answer(final Event event, final RunnerContext context) {
            final ToolResponseEvent response = ToolResponseEvent.fromEvent(event);
            context.sendEvent(
                    new OutputEvent(
                            response.getResponses().get("c2").getResult()
                                    + " "
                                    + response.getSuccess()
                                    + " "
                                    + response.getError()
                                    + " "
                                    + response.getExternalIds()));
        }
    }

    @Test
    void anActionCanCallTools() throws Exception {
        final ToolCaller agent = new ToolCaller();
        ChatAgents.addTools(agent);
        assertThat(ChatAgents.run(agent, PLAIN, "?"))
                .containsExactly("4 {c0=true, c1=false, c2=true} {c1=the wire is cut} {c0=o0, c1=o1, c2=o2}");
    }

    @ParameterizedTest
    @ValueSource(strings = {"true", "false"})
    void aToolThatTakesTooLongIsAResultToo(final String async) throws Exception {
        final String script =
                "{'rules': [{'when': {'round': 0}, 'answers': [{'tool_calls': ["
                        + "{'name': 'add', 'arguments': {'a': 1, 'b': 2}}, {'name': 'endless', 'arguments': {}}]}]},"
                        + "{'answers': [{'text': '$last'}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            final List<Object> outputs =
                    ChatAgents.run(
                            ChatAgents.on(server, new Asking()), Map.of("tool-call.async", async, "call.timeout", "2 s"), "?");
            assertThat(outputs).hasSize(1);
            assertThat((String) outputs.get(0)).startsWith("Tool `endless` failed: ").contains("2");
            assertThat(server.conversations().get(1)).contains("| tool: 3 |");
        }
    }

    /** Fills a store, and asks it. */
    public static final class Librarian extends Agent {
        @Action(EventType.InputEvent)
        public static void ask(final Event event, final RunnerContext context) throws Exception {
            final EmbeddedVectorStore store =
                    (EmbeddedVectorStore) context.getResource("store", ResourceType.VECTOR_STORE);
            store.add(
                    List.of(new Document("red apple", null, "a"), new Document("fast train", Map.of("wheels", 8), "t")),
                    null,
                    null);
            context.sendEvent(
                    new ContextRetrievalRequestEvent((String) InputEvent.fromEvent(event).getInput(), "store", 1));
        }

        @Action(EventType.ContextRetrievalResponseEvent)
        public static void answer(final Event event, final RunnerContext context) {
            final Document found = ContextRetrievalResponseEvent.fromEvent(event).getDocuments().get(0);
            context.sendEvent(new OutputEvent(found.getContent() + " " + found.getMetadata()));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"true", "false"})
    void documentsAreRetrieved(final String async) throws Exception {
        try (ModelServer server = ModelServer.start("{'rules': []}")) {
            final Librarian agent = new Librarian();
            agent.addResource(
                    "server",
                    ResourceType.EMBEDDING_MODEL_CONNECTION,
                    new ResourceDescriptor(ResourceName.EmbeddingModel.OLLAMA_CONNECTION, Map.of("host", server.url())));
            agent.addResource(
                    "embeddings",
                    ResourceType.EMBEDDING_MODEL,
                    new ResourceDescriptor(
                            ResourceName.EmbeddingModel.OLLAMA_SETUP, Map.of("connection", "server", "model", "e")));
            agent.addResource(
                    "store",
                    ResourceType.VECTOR_STORE,
                    new ResourceDescriptor(
                            ResourceName.VectorStore.EMBEDDED_VECTOR_STORE, Map.of("embedding_model", "embeddings")));
            assertThat(ChatAgents.run(agent, Map.of("rag.async", async), "the train"))
                    .containsExactly("fast train {wheels=8}");
        }
    }

    @Test
    void aRunThatIsStartedAgainMakesNoChatTwice() throws Exception {
        final Map<String, String> config =
                Map.of(
                        "actionStateStoreBackend", "sqlite",
                        "sqlite.path", directory.resolve("journal.sqlite").toString());
        final String script =
                "{'rules': [{'when': {'round': 0}, 'answers': [{'tool_calls': [{'name': 'fragile', 'arguments': {}}]}]},"
                        + "{'answers': [{'text': 'It $last.'}]}]}";
        final List<Object> inputs = List.of(Map.of("key", "k", "value", "?"));
        try (ModelServer server = ModelServer.start(script)) {
            ChatAgents.Tools.breaks = true;
            assertThatThrownBy(() -> ChatAgents.run("glass", ChatAgents.on(server, new Asking()), config, inputs))
                    .hasStackTraceContaining("broken in two");
            assertThat(server.conversations()).containsExactly("user: ?");
            assertThat(ChatAgents.run("glass", ChatAgents.on(server, new Asking()), config, inputs))
                    .containsExactly("It holds. after 0");
            assertThat(server.conversations()).containsExactly("user: ?", "user: ? | assistant:  | tool: holds");
            assertThat(ChatAgents.run("glass", ChatAgents.on(server, new Asking()), config, inputs))
                    .containsExactly("It holds. after 0");
            assertThat(server.requests()).hasSize(2);
        }
    }
}
