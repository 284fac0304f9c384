package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.ChatModelConnection;
import org.apache.flink.agents.api.annotation.ChatModelSetup;
import org.apache.flink.agents.api.annotation.EmbeddingModelConnection;
import org.apache.flink.agents.api.annotation.EmbeddingModelSetup;
import org.apache.flink.agents.api.annotation.VectorStore;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.chat.model.BaseChatModelConnection;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelConnection;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelSetup;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.event.ContextRetrievalRequestEvent;
import org.apache.flink.agents.api.event.ContextRetrievalResponseEvent;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.FunctionTool;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.vectorstores.BaseVectorStore;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.agents.runtime.operator.AgentOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Agents whose models, tools and stores are written in the other language. The Python of both is in {@code foreign_agents.py}. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class ForeignResourcesTest {
    private static final int KEYS = 20;

    @AfterEach
    void noWorkerIsLeft() {
        PythonTools.awaitNoWorkers();
    }

    // ---- Java's, for both

    /** Asks for its first tool, then says what that said; fails where it is told to. */
    public static final class Own extends BaseChatModelConnection {
        public Own(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public ChatMessage chat(
                final List<ChatMessage> messages, final List<Tool> tools, final Map<String, Object> parameters) {
            final ChatMessage last = messages.get(messages.size() - 1);
            if (last.getContent().equals("fail")) {
                throw new IllegalStateException("the model is out of order");
            }
            if (last.getContent().equals("wait")) {
                waitForever();
            }
            if (last.getContent().equals("odd")) {
                throw new Odd();
            }
            if (last.getRole() == MessageRole.TOOL) {
                return ChatMessage.assistant(parameters.get("model") + " in Java: it is " + last.getContent());
            }
            final Tool tool = tools.get(0);
            assertThat(tool.getMetadata().getInputSchema()).contains("\"number\"");
            final Map<String, Object> call =
                    Map.of("name", tool.getName(), "arguments", Map.of("number", Integer.parseInt(last.getContent())));
            return new ChatMessage(
                    MessageRole.ASSISTANT, "", List.of(Map.of("id", "1", "type", "function", "function", call)), new HashMap<>());
        }
    }

    /** Has no text. */
    public static final class Odd extends RuntimeException {
        private static final long serialVersionUID = 1L;

        @Override
        public String getMessage() {
            throw new IllegalStateException("no text");
        }
    }

    private static final Semaphore WAITING = new Semaphore(0);
    private static final Semaphore INTERRUPTED = new Semaphore(0);

    private static void waitForever() {
        WAITING.release();
        try {
            new Semaphore(0).acquire();
        } catch (final InterruptedException e) {
            INTERRUPTED.release();
        }
    }

    /** Asks a connection for a model. */
    public static final class OwnSetup extends BaseChatModelSetup {
        public OwnSetup(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public Map<String, Object> getParameters() {
            return new HashMap<>(Map.of("model", getModel()));
        }
    }

    /** How often a, b and c are in a text. */
    public static final class Letters extends BaseEmbeddingModelConnection {
        public Letters(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public float[] embed(final String text, final Map<String, Object> parameters) {
            final float[] found = new float[3];
            text.chars().filter(letter -> letter >= 'a' && letter <= 'c').forEach(letter -> found[letter - 'a']++);
            return found;
        }

        @Override
        public List<float[]> embed(final List<String> texts, final Map<String, Object> parameters) {
            return texts.stream().map(text -> embed(text, parameters)).collect(Collectors.toList());
        }
    }

    /** Asks {@link Letters}. */
    public static final class LettersSetup extends BaseEmbeddingModelSetup {
        public LettersSetup(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public Map<String, Object> getParameters() {
            return new HashMap<>();
        }
    }

    /** Methods that are tools of Python agents. */
    public static final class Tools {
        private Tools() {}

        public static int doubled(final int number) {
            if (number < 0) {
                throw new IllegalArgumentException("nothing below zero");
            }
            return 2 * number;
        }
    }

    // ---- Python agents with resources of Java

    @ParameterizedTest
    @ValueSource(strings = {"java", "java_over_python", "python_over_java"})
    void aPythonAgentAsksAModelOfJavaAndCallsItsTool(final String model) throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("UsesJava").open()) {
            for (int i = 0; i < KEYS; i++) {
                harness.in(PythonTools.record("k" + i, List.of(model, i)));
            }
            final String language = model.equals("java_over_python") ? "Python" : "Java";
            assertThat(PythonTools.decode(harness.await(KEYS)))
                    .containsExactlyInAnyOrderElementsOf(answers(language, i -> 2 * i));
        }
    }

    @Test
    void aPythonAgentFindsDocumentsInAStoreOfJava() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("UsesJava").open()) {
            harness.in(PythonTools.record("k", List.of("find", "a a")));
            assertThat(PythonTools.decode(harness.await(1))).isEqualTo(List.of(List.of("aaa")));
        }
    }

    @Test
    void whatFailsInJavaIsToldInPython() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("UsesJava").open()) {
            // The model is told what its tool said.
            harness.in(PythonTools.record("k", List.of("java", -1)));
            assertThat((String) PythonTools.decode(harness.await(1)).get(0)).contains("nothing below zero");
            assertThatThrownBy(() -> {
                harness.in(PythonTools.record("k", List.of("java", "fail")));
                harness.await(1);
            })
                    .hasStackTraceContaining("java")
                    .hasStackTraceContaining("java.lang.IllegalStateException")
                    .hasStackTraceContaining("the model is out of order");
        }
    }

    @Test
    void anExceptionOfJavaThatHasNoTextIsToldInPython() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("UsesJava").open()) {
            assertThatThrownBy(() -> {
                harness.in(PythonTools.record("k", List.of("java", "odd")));
                harness.await(1);
            })
                    .hasStackTraceContaining(Odd.class.getName());
        }
    }

    @Test
    void whatAnswersIsInterruptedWhenTheSubtaskEnds() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("UsesJava").open()) {
            harness.in(PythonTools.record("k", List.of("java", "wait")));
            while (!WAITING.tryAcquire(10, TimeUnit.MILLISECONDS)) {
                harness.mails();
            }
        }
        assertThat(INTERRUPTED.tryAcquire(60, TimeUnit.SECONDS)).isTrue();
    }

    private static List<Object> answers(final String language, final Function<Integer, Integer> tool) {
        return IntStream.range(0, KEYS)
                .mapToObj(i -> (Object) ("m in " + language + ": it is " + tool.apply(i)))
                .collect(Collectors.toList());
    }

    // ---- Java agents with resources of Python

    /** Takes a model and a number, and says what the model's tool made of it; or {@code find} and a text. */
    public static final class UsesPython extends Agent {
        public UsesPython() {
            addResource("doubled", ResourceType.TOOL, new FunctionTool(new PythonFunction("foreign_agents", "doubled")));
        }

        private static ResourceDescriptor.Builder python(final String wrapper, final String type) {
            return ResourceDescriptor.Builder.newBuilder(wrapper).addInitialArgument("pythonClazz", "foreign_agents." + type);
        }

        @ChatModelConnection
        public static ResourceDescriptor pythonConnection() {
            return python(ResourceName.ChatModel.PYTHON_WRAPPER_CONNECTION, "Own").build();
        }

        @ChatModelConnection
        public static ResourceDescriptor awaitedConnection() {
            return python(ResourceName.ChatModel.PYTHON_WRAPPER_CONNECTION, "AwaitedOwn").build();
        }

        @ChatModelConnection
        public static ResourceDescriptor javaConnection() {
            return ResourceDescriptor.Builder.newBuilder(Own.class.getName()).build();
        }

        private static ResourceDescriptor setup(final ResourceDescriptor.Builder builder, final String connection) {
            return builder.addInitialArgument("connection", connection)
                    .addInitialArgument("model", "m")
                    .addInitialArgument("tools", List.of("doubled"))
                    .build();
        }

        @ChatModelSetup
        public static ResourceDescriptor python() {
            return setup(python(ResourceName.ChatModel.PYTHON_WRAPPER_SETUP, "OwnSetup"), "pythonConnection");
        }

        @ChatModelSetup
        public static ResourceDescriptor awaited() {
            return setup(python(ResourceName.ChatModel.PYTHON_WRAPPER_SETUP, "OwnSetup"), "awaitedConnection");
        }

        @ChatModelSetup
        public static ResourceDescriptor pythonOverJava() {
            return setup(python(ResourceName.ChatModel.PYTHON_WRAPPER_SETUP, "OwnSetup"), "javaConnection");
        }

        @ChatModelSetup
        public static ResourceDescriptor javaOverPython() {
            return setup(ResourceDescriptor.Builder.newBuilder(OwnSetup.class.getName()), "pythonConnection");
        }

        @EmbeddingModelConnection
        public static ResourceDescriptor letters() {
            return python(ResourceName.EmbeddingModel.PYTHON_WRAPPER_CONNECTION, "Letters").build();
        }

        @EmbeddingModelSetup
        public static ResourceDescriptor embeddings() {
            return python(ResourceName.EmbeddingModel.PYTHON_WRAPPER_SETUP, "LettersSetup")
                    .addInitialArgument("connection", "letters")
                    .addInitialArgument("model", "m")
                    .build();
        }

        @VectorStore
        public static ResourceDescriptor store() {
            return ResourceDescriptor.Builder.newBuilder(
                            ResourceName.VectorStore.PYTHON_WRAPPER_COLLECTION_MANAGEABLE_VECTOR_STORE)
                    .addInitialArgument(
                            "pythonClazz",
                            "flink_agents.integrations.vector_stores.embedded.EmbeddedVectorStore")
                    .addInitialArgument("embedding_model", "embeddings")
                    .build();
        }

        @Action(EventType.InputEvent)
        public static void ask(final Event event, final RunnerContext context) throws Exception {
            final String[] input = InputEvent.fromEvent(event).getInput().toString().split(":");
            if (!input[0].equals("find")) {
                context.sendEvent(new ChatRequestEvent(input[0], List.of(ChatMessage.user(input[1]))));
                return;
            }
            final BaseVectorStore store = (BaseVectorStore) context.getResource("store", ResourceType.VECTOR_STORE);
            final List<Document> documents = new ArrayList<>();
            for (final String text : List.of("aaa", "bb", "abc")) {
                documents.add(new Document(text, Map.of("long", text.length()), text));
            }
            store.add(documents, null, null);
            final Document found = store.getByIds(List.of("bb")).get(0);
            assertThat(found.getMetadata().toString()).isEqualTo("{long=2}");
            context.sendEvent(new ContextRetrievalRequestEvent(input[1], "store", 1));
        }

        @Action(EventType.ChatResponseEvent)
        public static void tell(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent(ChatResponseEvent.fromEvent(event).getResponse().getContent()));
        }

        @Action(EventType.ContextRetrievalResponseEvent)
        public static void tellFound(final Event event, final RunnerContext context) {
            context.sendEvent(
                    new OutputEvent(ContextRetrievalResponseEvent.fromEvent(event).getDocuments().get(0).getContent()));
        }
    }

    private static Harness<String, String> usesPython() throws Exception {
        return usesPython(Map.of());
    }

    private static Harness<String, String> usesPython(final Map<String, ?> options) throws Exception {
        final Harness.Job<String, String> job =
                new Harness.Job<String, String>(
                        new UsesPython(), text -> text, String.class, String.class, options);
        return job.withPython().open();
    }

    @ParameterizedTest
    @ValueSource(strings = {"python", "awaited", "pythonOverJava", "javaOverPython"})
    void aJavaAgentAsksAModelOfPythonAndCallsItsTool(final String model) throws Exception {
        try (Harness<String, String> harness = usesPython()) {
            for (int i = 0; i < KEYS; i++) {
                harness.in(model + ":" + i);
            }
            final String language = model.equals("pythonOverJava") ? "Java" : "Python";
            assertThat(harness.await(KEYS)).containsExactlyInAnyOrderElementsOf(answers(language, i -> 2 * i));
        }
    }

    /** Questions of Python within calls that have all threads there are. */
    @Test
    void questionsWithinCallsFindAThreadWhereThereAreFew() throws Exception {
        try (Harness<String, String> harness = usesPython(Map.of("num-async-threads", 2))) {
            for (int i = 0; i < KEYS; i++) {
                harness.in("pythonOverJava:" + i);
            }
            assertThat(harness.await(KEYS)).containsExactlyInAnyOrderElementsOf(answers("Java", i -> 2 * i));
        }
    }

    @Test
    void aJavaAgentFindsDocumentsInAStoreOfPython() throws Exception {
        try (Harness<String, String> harness = usesPython()) {
            harness.in("find:a a");
            assertThat(harness.await(1)).isEqualTo(List.of("aaa"));
        }
    }

    /** What becomes of a call whose worker is gone is no failure of its action, which has a policy for those. */
    @ParameterizedTest
    @ValueSource(strings = {"true", "false"})
    void aWorkerThatDiesWhileItIsAskedFailsTheTask(final String async) throws Exception {
        try (Harness<String, String> harness = usesPython(Map.of("on-failure", "dead-letter", "chat.async", async))) {
            assertThatThrownBy(() -> {
                harness.in("python:die");
                harness.await(1);
            })
                    .hasStackTraceContaining("The Python worker of agent")
                    .hasStackTraceContaining("status 7");
            assertThat(harness.flink().getSideOutput(AgentOperator.DEAD_LETTERS)).isNull();
        }
    }

    /** A process that it has forked, and that is none of its group, does not hide it. */
    @ParameterizedTest
    @ValueSource(strings = {"true", "false"})
    void aWorkerThatDiesWhileAForkedProcessLivesOnFailsTheTask(final String async, @TempDir final Path directory) throws Exception {
        final Path stay = Files.createFile(directory.resolve("stay"));
        try (Harness<String, String> harness = usesPython(Map.of("chat.async", async))) {
            assertThatThrownBy(() -> {
                harness.in("python:leave " + stay);
                harness.await(1);
            })
                    .hasStackTraceContaining("The Python worker of agent")
                    .hasStackTraceContaining("status 7");
        } finally {
            Files.delete(stay);
        }
    }

    /** What cannot be sent is told to whoever has asked. */
    @Test
    void anAnswerThatIsTooLargeIsAFailure() throws Exception {
        try (Harness<String, String> harness = usesPython()) {
            assertThatThrownBy(() -> {
                harness.in("python:large");
                harness.await(1);
            })
                    .hasStackTraceContaining("'python'")
                    .hasStackTraceContaining("bytes");
        }
    }

    @Test
    void whatFailsInPythonIsToldInJava() throws Exception {
        try (Harness<String, String> harness = usesPython()) {
            harness.in("python:-1");
            assertThat((String) harness.await(1).get(0)).contains("nothing below zero");
            assertThatThrownBy(() -> {
                harness.in("python:fail");
                harness.await(1);
            })
                    .hasStackTraceContaining("'python'")
                    .hasStackTraceContaining("LookupError")
                    .hasStackTraceContaining("the model is out of order");
        }
    }
}
