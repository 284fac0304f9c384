package org.apache.flink.agents.integrations;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.vectorstores.BaseVectorStore;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.agents.api.vectorstores.VectorStoreQuery;
import org.apache.flink.agents.api.vectorstores.VectorStoreQueryResult;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.plan.actions.ChatModelAction;
import org.apache.flink.agents.plan.actions.ContextRetrievalAction;
import org.apache.flink.agents.plan.actions.ToolCallAction;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.SimpleCounter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The conversations of {@code built-in-actions.json} through the loop that runs built-in actions in Java: it is given what stands
 * behind each answer (a model, tools, a store, memory), and has to do what the commands say.
 */
class BuiltInHostTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** What this host never says, or is never asked: answers that are the core's to refuse, and texts that are Python's alone. */
    private static final Set<String> NOT_OF_THIS_HOST =
            Set.of(
                    "chat: no message is a failure",
                    "structured: another form, repaired",
                    "structured: not repaired, fail",
                    "structured: a retry asks the first question again, with its repairs",
                    "tools: side by side, in order",
                    "tools: one after another, all kinds of failures",
                    "tools: results of Java",
                    "tools: a plain result in Java",
                    "tools: arguments that cannot be read, nothing is called",
                    "error: a start without event",
                    "error: an unknown strategy",
                    "error: too few results",
                    "error: an answer that is neither");

    /** In place of Python's class in the vectors. */
    public static final class OutData {
        public int result;
    }

    private static JsonNode vectors() throws Exception {
        Path root = Paths.get("").toAbsolutePath();
        while (!Files.isDirectory(root.resolve("e2e-test/conformance"))) {
            root = root.getParent();
        }
        // Classes of exceptions and schemas are those of this language.
        final String text =
                Files.readString(root.resolve("e2e-test/conformance/built-in-actions.json"))
                        .replaceAll(
                                "\\{\\s*\"output_schema\":\\s*\\{\\s*\"module\":\\s*\"sample_agent\",\\s*\"class\":\\s*\"OutData\"\\s*}\\s*}",
                                '"' + OutData.class.getName().replace("$", "\\$") + '"')
                        .replaceAll("(builtins\\.|java\\.(?!lang\\.String)|openai\\.|httpx\\.)[\\w.]+(Error|Exception)\\b", IllegalStateException.class.getName());
        return MAPPER.readTree(text);
    }

    static Stream<Arguments> conversations() throws Exception {
        return StreamSupport.stream(vectors().spliterator(), false)
                .filter(vector -> !NOT_OF_THIS_HOST.contains(vector.get("name").textValue()))
                .map(vector -> Arguments.of(vector.get("name").textValue(), vector));
    }

    /** The numbers as any program reads them. */
    private static JsonNode plain(final Object value) {
        try {
            return MAPPER.readTree(MAPPER.writeValueAsString(value));
        } catch (final java.io.IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static ObjectNode done(final String what, final Object value) {
        final ObjectNode done = MAPPER.createObjectNode();
        done.set(what, plain(value));
        return done;
    }

    private static RuntimeException thrown(final JsonNode error) {
        return new IllegalStateException(error.path("message").textValue());
    }

    /** What an action sees, all of it by the turns of a vector. */
    private static final class Context implements RunnerContext {
        private final JsonNode vector;
        private final Iterator<JsonNode> answers;
        private final List<JsonNode> done = new ArrayList<>();
        private JsonNode answer;

        Context(final JsonNode vector) {
            this.vector = vector;
            final List<JsonNode> all = new ArrayList<>();
            vector.get("turns").forEach(turn -> all.add(turn.path("answer")));
            answers = all.iterator();
        }

        private JsonNode next() {
            answer = answers.next();
            return answer;
        }

        @Override
        public void sendEvent(final Event event) {
            final ObjectNode attributes = (ObjectNode) plain(event.getAttributes());
            attributes.remove("timestamp");
            final ObjectNode sent = MAPPER.createObjectNode();
            sent.put("type", event.getType());
            sent.set("attributes", attributes);
            done.add(done("send", sent));
        }

        @Override
        public MemoryObject getSensoryMemory() {
            final InvocationHandler memory =
                    (proxy, method, arguments) -> {
                        if (method.getName().equals("set")) {
                            final ObjectNode written = MAPPER.createObjectNode();
                            written.put("path", (String) arguments[0]);
                            written.set("value", plain(arguments[1]));
                            done.add(done("write", written));
                            return null;
                        }
                        assertThat(method.getName()).isEqualTo("get");
                        final JsonNode value = next().get("values").get(0);
                        return value.isNull() ? null : valued(MAPPER.convertValue(value, Object.class));
                    };
            return proxy(MemoryObject.class, memory);
        }

        private static MemoryObject valued(final Object value) {
            return proxy(MemoryObject.class, (proxy, method, arguments) -> value);
        }

        @Override
        public FlinkAgentsMetricGroup getActionMetricGroup() {
            return group(new ArrayList<>());
        }

        private FlinkAgentsMetricGroup group(final List<List<Object>> path) {
            return proxy(
                    FlinkAgentsMetricGroup.class,
                    (proxy, method, arguments) -> {
                        if (method.getName().equals("getSubGroup")) {
                            final List<List<Object>> inner = new ArrayList<>(path);
                            inner.add(List.of(arguments));
                            return group(inner);
                        }
                        final Counter counter =
                                new SimpleCounter() {
                                    @Override
                                    public void inc(final long add) {
                                        done.add(done("metric", Map.of("group", path, "counter", arguments[0], "add", add)));
                                    }
                                };
                        return counter;
                    });
        }

        @Override
        public Resource getResource(final String name, final ResourceType type) {
            return type == ResourceType.CHAT_MODEL ? new Model(name) : new Store(name);
        }

        /** A chat model that says what the answer of the turn says. */
        private final class Model extends BaseChatModelSetup {
            private final String name;
            private final JsonNode known;

            Model(final String name) {
                super(new ResourceDescriptor("x", Map.of()), null);
                this.name = name;
                known = next().path("setup");
            }

            @Override
            public Map<String, Object> getParameters() {
                return Map.of();
            }

            @Override
            public String getConnectionName() {
                return known.path("connection").textValue();
            }

            @Override
            public List<String> getAllowedCommands() {
                return strings(known.path("allowed_commands"));
            }

            @Override
            public List<String> getAllowedScriptDirs() {
                return strings(known.path("allowed_script_dirs"));
            }

            @Override
            public ChatMessage chat(
                    final List<ChatMessage> messages, final Map<String, Object> promptArgs, final Map<String, Object> more) {
                final ObjectNode asked = MAPPER.createObjectNode();
                asked.put("model", name);
                asked.set("messages", plain(messages));
                asked.set("prompt_args", plain(promptArgs));
                done.add(done("chat", asked));
                if (answer.has("error")) {
                    throw thrown(answer.get("error"));
                }
                return MAPPER.convertValue(answer.get("ok"), ChatMessage.class);
            }
        }

        /** A vector store of the same kind. */
        private final class Store extends BaseVectorStore {
            private final String name;

            Store(final String name) {
                super(new ResourceDescriptor("x", Map.of()), null);
                this.name = name;
                next();
            }

            @Override
            public VectorStoreQueryResult query(final VectorStoreQuery query) {
                done.add(done("retrieve", Map.of("store", name, "query", query.getQueryText(), "limit", query.getLimit())));
                if (answer.has("error")) {
                    throw thrown(answer.get("error"));
                }
                final List<Document> found = new ArrayList<>();
                answer.get("ok").forEach(document -> found.add(MAPPER.convertValue(document, Document.class)));
                return new VectorStoreQueryResult(found);
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
                    final Map<String, Object> more) {
                throw new UnsupportedOperationException();
            }

            @Override
            public void delete(
                    final List<String> ids,
                    final String collection,
                    final Map<String, Object> filters,
                    final Map<String, Object> more) {
                throw new UnsupportedOperationException();
            }

            @Override
            public List<Document> queryEmbedding(
                    final float[] embedding,
                    final int limit,
                    final String collection,
                    final Map<String, Object> filters,
                    final Map<String, Object> more) {
                throw new UnsupportedOperationException();
            }

            @Override
            public List<String> addEmbedding(
                    final List<Document> documents, final String collection, final Map<String, Object> more) {
                throw new UnsupportedOperationException();
            }

            @Override
            public void updateEmbedding(
                    final List<Document> documents, final String collection, final Map<String, Object> more) {
                throw new UnsupportedOperationException();
            }
        }

        @Override
        public org.apache.flink.agents.api.configuration.ReadableConfiguration getConfig() {
            final JsonNode settings = vector.at("/start/settings");
            return settings.isObject()
                    ? new AgentConfiguration(map(settings))
                    : new AgentConfiguration();
        }

        @Override
        public <T> T durableExecute(final DurableCallable<T> callable) throws Exception {
            delayed(callable);
            return callable.call();
        }

        @Override
        public <T> T durableExecuteAsync(final DurableCallable<T> callable) throws Exception {
            delayed(callable);
            return callable.call();
        }

        private void delayed(final DurableCallable<?> callable) {
            if (!callable.delay().isZero()) {
                done.add(done("wait", callable.delay().toMillis()));
            }
        }

        // ---- what no built-in action asks for

        @Override
        public MemoryObject getShortTermMemory() {
            throw new UnsupportedOperationException();
        }

        @Override
        public org.apache.flink.agents.api.memory.BaseLongTermMemory getLongTermMemory() {
            throw new UnsupportedOperationException();
        }

        @Override
        public FlinkAgentsMetricGroup getAgentMetricGroup() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Map<String, Object> getActionConfig() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Object getActionConfigValue(final String key) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {
            throw new UnsupportedOperationException();
        }
    }

    private static Map<String, Object> map(final JsonNode json) {
        return MAPPER.convertValue(json, new TypeReference<Map<String, Object>>() {});
    }

    private static List<String> strings(final JsonNode list) {
        final List<String> strings = new ArrayList<>();
        list.forEach(one -> strings.add(one.textValue()));
        return strings;
    }

    private static <T> T proxy(final Class<T> type, final InvocationHandler handler) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }

    private static void carryOut(final JsonNode start, final RunnerContext context) throws Exception {
        final JsonNode written = start.get("event");
        final Event event =
                new Event(
                        UUID.fromString(written.get("id").textValue()),
                        written.get("type").textValue(),
                        map(written.get("attributes")));
        switch (start.get("action").textValue()) {
            case "chat":
                ChatModelAction.processChatRequestOrToolResponse(event, context);
                break;
            case "tool":
                ToolCallAction.processToolRequest(event, context);
                break;
            default:
                ContextRetrievalAction.processContextRetrievalRequest(event, context);
        }
    }

    /** The value that is made an object last. */
    private static JsonNode parsed(final JsonNode vector) {
        final List<JsonNode> parsed = vector.get("turns").findValues("parse");
        return parsed.get(parsed.size() - 1).get("value");
    }

    /** What the commands say is done, in the order of the vector; what fails is last. */
    private static List<JsonNode> expected(final JsonNode vector) {
        final List<JsonNode> expected = new ArrayList<>();
        for (final JsonNode turn : vector.get("turns")) {
            for (final JsonNode command : turn.get("commands")) {
                final String name = command.fieldNames().next();
                final JsonNode what = plain(command.get(name));
                switch (name) {
                    case "chat":
                        if (what.get("delay_ms").longValue() > 0) {
                            expected.add(done("wait", what.get("delay_ms").longValue()));
                        }
                        expected.add(
                                done("chat", ((ObjectNode) what).retain("model", "messages", "prompt_args")));
                        break;
                    case "retrieve":
                        expected.add(done("retrieve", ((ObjectNode) what).retain("store", "query", "limit")));
                        break;
                    case "send":
                        expected.add(done("send", ((ObjectNode) what).retain("type", "attributes")));
                        break;
                    case "write":
                    case "metric":
                        expected.add(done(name, what));
                        break;
                    default:
                        // 'read' has no effect, and 'warn' is a line in the log.
                }
            }
        }
        return expected;
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("conversations")
    void theHostCarriesOutWhatTheVectorsSay(final String name, final JsonNode vector) throws Exception {
        final Context context = new Context(vector);
        final Throwable failed = catchThrowable(() -> carryOut(vector.get("start"), context));
        final List<JsonNode> done = new ArrayList<>();
        for (final JsonNode one : context.done) {
            final JsonNode extra = one.at("/send/attributes/response/extra_args");
            if (extra.has("structured_output")) {
                // A row has an arity in JSON, and its fields are not there.
                final JsonNode structured = ((ObjectNode) extra).remove("structured_output");
                assertThat(structured.has("arity") ? vector.findValue("fieldNames").size() : structured.get("result").intValue())
                        .isEqualTo((structured.has("arity") ? structured.get("arity") : parsed(vector).get("result")).intValue());
            }
            done.add(plain(MAPPER.convertValue(one, Object.class)));
        }
        // The id of a tool request is a new one each time.
        final String fresh = vector.at("/start/fresh_id").asText();
        final String written =
                done.toString().replaceAll("(_TOOL_REQUEST_EVENT_CONTEXT\\.)(?!2222)[0-9a-f-]{36}", "$1" + fresh);
        assertThat(MAPPER.readTree(written)).as("%s", failed).isEqualTo(MAPPER.readTree(expected(vector).toString()));
        final JsonNode last = vector.get("turns").path(vector.get("turns").size() - 1).path("commands");
        final JsonNode failure = last.path(last.size() - 1).path("fail");
        if (failure.isObject()) {
            assertThat(failed).hasMessage(failure.get("message").textValue());
            assertThat(failed.getCause() != null).isEqualTo(failure.get("rethrow").booleanValue());
        } else if (vector.has("error")) {
            assertThat(failed).isInstanceOf(IllegalArgumentException.class);
            assertThat(failed.getMessage()).startsWith(vector.get("error").textValue().split(" at line ")[0]);
        } else {
            assertThat(failed).isNull();
        }
    }

    @Test
    void whatIsNotPlayedIsThereAndMostIsPlayed() throws Exception {
        final List<String> names = new ArrayList<>();
        vectors().forEach(vector -> names.add(vector.get("name").textValue()));
        assertThat(names).containsAll(NOT_OF_THIS_HOST);
        assertThat(names.size() - NOT_OF_THIS_HOST.size()).isGreaterThanOrEqualTo(35);
    }
}
