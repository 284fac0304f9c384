package org.apache.flink.agents.plan.actions;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.agents.AgentExecutionOptions;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.event.ContextRetrievalResponseEvent;
import org.apache.flink.agents.api.event.ToolResponseEvent;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.trace.ExecutionReporter.EntityTypes;
import org.apache.flink.agents.api.trace.ExecutionReporter.ProblemCategories;
import org.apache.flink.agents.api.trace.ExecutionReporters;
import org.apache.flink.agents.api.trace.LLMExecutionMetadataKeys;
import org.apache.flink.agents.api.vectorstores.BaseVectorStore;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.agents.core.BuiltInDecisions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries out one built-in action. The core decides what is done, in which order and with which durable calls; here it is done,
 * by the means that every action has. The commands stand in {@code rust/core/src/builtin/mod.rs}.
 *
 * <p>It goes in pieces, between which durable calls are made: so that an action that waits, as most do nearly all of their time,
 * needs no thread and no stack. <i>Lifecycle</i>: {@link #proceed} until it returns null or throws, then {@link #close}; or only
 * that, when nobody goes on with it. <i>Threads</i>: that of its context.
 */
public final class BuiltInRun implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(BuiltInRun.class);
    private static final String PARSER = "structured_output";

    private final String action;
    private final Event event;
    private final RunnerContext context;
    /** Null before the first piece. */
    @Nullable private BuiltInDecisions decisions;
    /** What the action waits for; null if nothing. */
    @Nullable private Step waits;
    /** What a call threw last. */
    @Nullable private Exception kept;
    /** What the answer was parsed as. */
    @Nullable private Object structured;
    /** What tools gave, by id of call, with the objects that they returned. */
    private final Map<String, ToolResponse> responses = new LinkedHashMap<>();

    /** @param action what the core calls it */
    BuiltInRun(String action, Event event, RunnerContext context) {
        this.action = action;
        this.event = event;
        this.context = context;
    }

    /** A command that takes durable calls. */
    private interface Step {
        /** The calls, to be made side by side. */
        List<? extends DurableCallable<?>> calls();

        /**
         * What the core is answered.
         *
         * @param outcomes what came of each call, in their order; all are over
         */
        Object answer(List<? extends Future<?>> outcomes) throws Exception;
    }

    /** Runs the action to its end, on a thread that waits with it. */
    void toItsEnd() throws Exception {
        try (BuiltInRun run = this) {
            List<? extends DurableCallable<?>> calls = run.proceed(null);
            while (calls != null) {
                calls = run.proceed(context.durableExecuteEachAsync(calls));
            }
        }
    }

    /**
     * Runs the next piece of the action.
     *
     * @param outcomes what came of the calls that the piece before returned, in their order, all over; null for the first piece
     * @return the calls that the next piece waits for, to be made side by side; null if the action has ended
     */
    @Nullable
    public List<? extends DurableCallable<?>> proceed(@Nullable List<? extends Future<?>> outcomes) throws Exception {
        JsonNode commands;
        if (decisions == null) {
            decisions = BuiltInDecisions.begin(start());
            commands = PlainJson.read(decisions.first());
        } else {
            commands = decide(waits.answer(outcomes));
            waits = null;
        }
        while (true) {
            Object answer = null;
            for (final JsonNode command : commands) {
                final String name = command.fieldNames().next();
                final JsonNode what = command.get(name);
                if ("done".equals(name)) {
                    return null;
                }
                final Step step = step(name, what);
                if (step == null) {
                    answer = carryOut(name, what);
                } else if (what.get("async").booleanValue() && !step.calls().isEmpty()) {
                    waits = step;
                    return step.calls();
                } else {
                    answer = step.answer(made(step.calls()));
                }
            }
            commands = decide(answer);
        }
    }

    private JsonNode decide(@Nullable Object answer) {
        return PlainJson.read(decisions.answer(PlainJson.write(answer)));
    }

    /** Frees what the core knows of the action. */
    @Override
    public void close() {
        if (decisions != null) {
            decisions.close();
        }
    }

    private byte[] start() {
        final Map<String, Object> begun = new LinkedHashMap<>();
        begun.put("id", event.getId().toString());
        begun.put("type", event.getType());
        begun.put("attributes", attributes());
        final Map<String, Object> start = new LinkedHashMap<>();
        start.put("action", action);
        start.put("event", begun);
        start.put("fresh_id", UUID.randomUUID().toString());
        start.put("language", "java");
        start.put("settings", settings(context.getConfig()));
        try {
            return PlainJson.write(start);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "Event " + event.getId() + " of type '" + event.getType() + "' has attributes that no model or tool can be given. "
                            + e.getMessage(),
                    e);
        }
    }

    @SuppressWarnings("unchecked") // maps are made of maps and responses
    private Map<String, Object> attributes() {
        final Map<String, Object> attributes = (Map<String, Object>) PlainValues.plain(event.getAttributes());
        if (ToolResponseEvent.EVENT_TYPE.equals(event.getType()) && attributes.get("responses") instanceof Map) {
            // They have the objects that tools returned, which JSON may not know.
            ((Map<String, Object>) attributes.get("responses")).replaceAll((id, response) -> PlainJson.tellableResponse(response));
        }
        return attributes;
    }

    private static Map<String, Object> settings(ReadableConfiguration config) {
        final Map<String, Object> settings = new LinkedHashMap<>();
        final Agent.ErrorHandlingStrategy strategy = config.get(AgentExecutionOptions.ERROR_HANDLING_STRATEGY);
        settings.put(AgentExecutionOptions.ERROR_HANDLING_STRATEGY.getKey(), strategy.name().toLowerCase(Locale.ROOT));
        for (final var option :
                List.of(
                        AgentExecutionOptions.CHAT_ASYNC,
                        AgentExecutionOptions.TOOL_CALL_ASYNC,
                        AgentExecutionOptions.RAG_ASYNC,
                        AgentExecutionOptions.MAX_RETRIES,
                        AgentExecutionOptions.RETRY_WAIT_INTERVAL,
                        AgentExecutionOptions.CHAT_MAX_TOOL_ROUNDS,
                        AgentExecutionOptions.CHAT_STRUCTURED_OUTPUT_REPAIRS)) {
            settings.put(option.getKey(), config.get(option));
        }
        return settings;
    }

    /** The step that a command is; null for one that takes no calls. */
    @Nullable
    private Step step(String name, JsonNode command) throws Exception {
        switch (name) {
            case "chat":
                return new Chat(command);
            case "tools":
                return new Tools(command);
            case "retrieve":
                return new Retrieve(command);
            default:
                return null;
        }
    }

    /** Returns the answer, plain; null for a command that has none. */
    @Nullable
    private Object carryOut(String name, JsonNode command) throws Exception {
        switch (name) {
            case "read":
                return read(command);
            case "write":
                context.getSensoryMemory()
                        .set(command.get("path").textValue(), PlainJson.value(command.get("value")));
                return null;
            case "parse":
                return parse(command);
            case "metric":
                count(command);
                return null;
            case "warn":
                LOG.warn("{}", command.textValue());
                return null;
            case "send":
                context.sendEvent(toSend(command));
                return null;
            case "fail":
                throw new IllegalStateException(
                        command.get("message").textValue(), command.get("rethrow").booleanValue() ? kept : null);
            default:
                throw new IllegalStateException("The core wants '" + name + "' done, which this release does not know.");
        }
    }

    private Object read(JsonNode paths) throws Exception {
        final List<Object> values = new ArrayList<>();
        for (final JsonNode path : paths) {
            final MemoryObject found = context.getSensoryMemory().get(path.textValue());
            values.add(found == null ? null : PlainValues.plain(found.getValue()));
        }
        return Map.of("values", values);
    }

    // ---- calls

    /** Makes calls one after the other, on this thread. */
    private List<Future<?>> made(List<? extends DurableCallable<?>> calls) throws Exception {
        final List<Future<?>> outcomes = new ArrayList<>(calls.size());
        for (final DurableCallable<?> call : calls) {
            try {
                outcomes.add(CompletableFuture.completedFuture(context.durableExecute(call)));
            } catch (CancellationException e) {
                throw e;
            } catch (Exception e) {
                outcomes.add(CompletableFuture.failedFuture(e));
            }
        }
        return outcomes;
    }

    /** What the only call of a step brought. */
    private static Object brought(List<? extends Future<?>> outcomes) throws Exception {
        try {
            return outcomes.get(0).get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error) {
                throw (Error) e.getCause();
            }
            throw (Exception) e.getCause();
        }
    }

    private final class Chat implements Step {
        private final String name;
        private final BaseChatModelSetup setup;
        private final Map<String, Object> metadata = new LinkedHashMap<>();
        private List<ChatCall> calls = List.of();
        /** Why there is no call. */
        @Nullable private Exception impossible;

        Chat(JsonNode command) throws Exception {
            name = command.get("model").textValue();
            setup = (BaseChatModelSetup) context.getResource(name, ResourceType.CHAT_MODEL);
            metadata.put(LLMExecutionMetadataKeys.MODEL, setup.getModel());
            ExecutionReporters.started(context, EntityTypes.LLM, name, metadata);
            try {
                calls = List.of(
                        ChatCall.of(
                                setup, command, context instanceof HeardText ? ((HeardText) context).listenerTo(name) : null));
            } catch (Exception e) {
                impossible = e;
            }
        }

        @Override
        public List<ChatCall> calls() {
            return calls;
        }

        @Override
        public Object answer(List<? extends Future<?>> outcomes) throws Exception {
            final Map<String, Object> answer = new LinkedHashMap<>();
            try {
                if (impossible != null) {
                    throw impossible;
                }
                final Object brought = brought(outcomes);
                answer.put("ok", brought);
                Reports.ofModel(context, wasReplayed(), setup, brought);
                ExecutionReporters.succeeded(context, EntityTypes.LLM, name, metadata);
                Reports.over(context);
            } catch (CancellationException | InterruptedException e) {
                throw e;
            } catch (Exception e) {
                answer.put("error", told(e));
                Reports.ofModel(context, wasReplayed(), setup, null);
                ExecutionReporters.failed(context, EntityTypes.LLM, name, metadata, e, ProblemCategories.MODEL_CALL_FAILED);
                Reports.over(context);
            }
            final Map<String, Object> ofSetup = new LinkedHashMap<>();
            ofSetup.put("connection", setup.getConnectionName());
            ofSetup.put("model", setup.getModel());
            ofSetup.put("allowed_commands", setup.getAllowedCommands());
            ofSetup.put("allowed_script_dirs", setup.getAllowedScriptDirs());
            answer.put("setup", ofSetup);
            return answer;
        }

        private boolean wasReplayed() {
            return !calls.isEmpty() && calls.get(0).wasReplayed();
        }
    }

    private final class Tools implements Step {
        private final ToolCalls calls;

        Tools(JsonNode command) throws Exception {
            calls = ToolCalls.prepare(context, event, command);
        }

        @Override
        public List<ToolCall> calls() {
            return calls.prepared();
        }

        @Override
        public Object answer(List<? extends Future<?>> outcomes) throws Exception {
            return Map.of("results", calls.results(outcomes, responses));
        }
    }

    private final class Retrieve implements Step {
        private final List<Retrieval> calls;

        Retrieve(JsonNode command) throws Exception {
            final BaseVectorStore store =
                    (BaseVectorStore) context.getResource(command.get("store").textValue(), ResourceType.VECTOR_STORE);
            calls = List.of(new Retrieval(store, command));
        }

        @Override
        public List<Retrieval> calls() {
            return calls;
        }

        @Override
        public Object answer(List<? extends Future<?>> outcomes) throws Exception {
            final Map<String, Object> answer = new LinkedHashMap<>();
            try {
                answer.put("ok", brought(outcomes));
            } catch (CancellationException | InterruptedException e) {
                throw e;
            } catch (Exception e) {
                answer.put("error", told(e));
            }
            return answer;
        }
    }

    // ---- values and what is told

    private Object parse(JsonNode command) {
        ExecutionReporters.started(context, EntityTypes.PARSER, PARSER);
        try {
            structured = StructuredOutput.parse(command.get("output_schema"), command.get("value"));
            ExecutionReporters.succeeded(context, EntityTypes.PARSER, PARSER);
            return Map.of("ok", true);
        } catch (IllegalArgumentException | IllegalStateException e) {
            ExecutionReporters.failed(context, EntityTypes.PARSER, PARSER, e, ProblemCategories.MODEL_OUTPUT_PARSE_ERROR);
            return Map.of("error", told(e));
        }
    }

    private Map<String, Object> told(Exception e) {
        kept = e;
        return ToolCalls.told(e);
    }

    // ---- metrics and events

    private void count(JsonNode command) {
        FlinkAgentsMetricGroup group = context.getActionMetricGroup();
        for (final JsonNode pair : command.get("group")) {
            group = group.getSubGroup(pair.get(0).textValue(), pair.get(1).textValue());
        }
        group.getCounter(command.get("counter").textValue()).inc(command.get("add").longValue());
    }

    /** The event as an action of the user would send it: of its class, with objects where those have some. */
    private Event toSend(JsonNode command) {
        final String type = command.get("type").textValue();
        final JsonNode id = command.path("id");
        final Map<String, Object> attributes = PlainJson.map(command.get("attributes"));
        final UUID given = id.isTextual() ? UUID.fromString(id.textValue()) : null;
        switch (type) {
            case ChatResponseEvent.EVENT_TYPE:
                final ChatMessage response = PlainJson.message(command.get("attributes").get("response"));
                if (command.path("structured").booleanValue()) {
                    response.getExtraArgs().put(Agent.STRUCTURED_OUTPUT, structured);
                }
                attributes.put("response", response);
                return new ChatResponseEvent(given, attributes);
            case ToolResponseEvent.EVENT_TYPE:
                final Map<String, Object> all = new LinkedHashMap<>();
                command.get("attributes").get("responses").fields().forEachRemaining(entry -> {
                    final ToolResponse own = responses.get(entry.getKey());
                    all.put(entry.getKey(), own == null ? PlainJson.toolResponse(entry.getValue()) : own);
                });
                attributes.put("responses", all);
                attributes.put("timestamp", System.currentTimeMillis());
                return new ToolResponseEvent(given, attributes);
            case ContextRetrievalResponseEvent.EVENT_TYPE:
                final List<Document> documents = new ArrayList<>();
                command.get("attributes").get("documents").forEach(document -> documents.add(PlainJson.document(document)));
                attributes.put("documents", documents);
                return new ContextRetrievalResponseEvent(given, attributes);
            default:
                return new Event(given, type, attributes);
        }
    }
}
