package org.apache.flink.agents.plan.actions;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolParameterInjection;
import org.apache.flink.agents.api.tools.ToolParameterSource;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.trace.ExecutionReporter.EntityTypes;
import org.apache.flink.agents.api.trace.ExecutionReporter.ProblemCategories;
import org.apache.flink.agents.api.trace.ExecutionReporters;
import org.apache.flink.agents.plan.tools.InjectedArgs;

/** The tool calls of one request: what is missing is told, the others are made, each a durable call. */
final class ToolCalls {
    private final RunnerContext context;
    /** For each call what the core is answered; null for those that are made. */
    private final List<Object> results = new ArrayList<>();
    private final List<ToolCall> prepared = new ArrayList<>();
    /** Of the prepared ones in the results. */
    private final List<Integer> places = new ArrayList<>();

    private ToolCalls(RunnerContext context) {
        this.context = context;
    }

    /**
     * Prepares the calls.
     *
     * @param request the tool request
     * @param command what the core wants
     */
    static ToolCalls prepare(RunnerContext context, Event request, JsonNode command) throws Exception {
        final ToolCalls calls = new ToolCalls(context);
        for (final JsonNode call : command.get("calls")) {
            try {
                final ToolCall made = prepareOne(context, request, call);
                calls.places.add(calls.results.size());
                calls.prepared.add(made);
                calls.results.add(null);
            } catch (CancellationException e) {
                throw e;
            } catch (MissingTool e) {
                calls.results.add(Map.of("missing", e.getMessage()));
            } catch (Exception e) {
                calls.results.add(Map.of("error", told(e)));
            }
        }
        for (final ToolCall call : calls.prepared) {
            ExecutionReporters.started(context, EntityTypes.TOOL, call.toolName(), call.metadata());
        }
        return calls;
    }

    /** Those that are to be made. */
    List<ToolCall> prepared() {
        return prepared;
    }

    /**
     * For each call what the core is answered.
     *
     * @param outcomes what came of the prepared ones; all are over
     * @param responses takes what tools gave, by id of call
     */
    List<Object> results(List<? extends Future<?>> outcomes, Map<String, ToolResponse> responses) throws Exception {
        for (int i = 0; i < prepared.size(); i++) {
            Map<?, ?> brought;
            try {
                brought = (Map<?, ?>) outcomes.get(i).get();
            } catch (ExecutionException e) {
                brought = thrown(e.getCause());
            }
            results.set(places.get(i), answer(context, prepared.get(i), brought, responses));
        }
        return results;
    }

    /** Of a call that was given up; an error of the JVM is nobody's result. */
    private static Map<?, ?> thrown(Throwable why) {
        if (why instanceof Error) {
            throw (Error) why;
        }
        return Map.of(ToolCall.THROWN, told((Exception) why));
    }

    private static Object answer(
            RunnerContext context, ToolCall call, Map<?, ?> brought, Map<String, ToolResponse> responses) {
        if (brought.containsKey(ToolCall.THROWN)) {
            final Map<?, ?> thrown = (Map<?, ?>) brought.get(ToolCall.THROWN);
            failed(context, call, String.valueOf(thrown.get("message")));
            return Map.of("error", thrown);
        }
        final ToolResponse response = ToolCall.response(brought);
        responses.put(call.callId(), response);
        if (response.isSuccess()) {
            Reports.ofTool(context, call.wasReplayed());
            ExecutionReporters.succeeded(context, EntityTypes.TOOL, call.toolName(), call.metadata());
            Reports.over(context);
        } else {
            failed(context, call, response.getError());
        }
        final Map<String, Object> told = new LinkedHashMap<>();
        brought.forEach((name, value) -> told.put((String) name, "result".equals(name) ? PlainJson.tellable(value) : value));
        return Map.of("ok", told);
    }

    private static void failed(RunnerContext context, ToolCall call, String why) {
        Reports.ofTool(context, call.wasReplayed());
        ExecutionReporters.failed(
                context,
                EntityTypes.TOOL,
                call.toolName(),
                call.metadata(),
                new IllegalStateException(why),
                ProblemCategories.TOOL_CALL_FAILED);
        Reports.over(context);
    }

    private static final class MissingTool extends Exception {
        private static final long serialVersionUID = 1L;

        MissingTool(Exception cause) {
            super(String.valueOf(cause.getMessage()), cause);
        }
    }

    private static ToolCall prepareOne(RunnerContext context, Event request, JsonNode call) throws Exception {
        final Tool tool;
        try {
            tool = (Tool) context.getResource(call.get("name").textValue(), ResourceType.TOOL);
        } catch (IllegalArgumentException e) {
            // This is how a context says that there is no such resource.
            throw new MissingTool(e);
        }
        final Map<String, Object> arguments = PlainJson.map(call.get("arguments"));
        if (tool instanceof InjectedArgs) {
            for (final Map.Entry<String, ToolParameterInjection> injected : ((InjectedArgs) tool).getInjectedArgs().entrySet()) {
                // What the model says of it does not count.
                arguments.put(injected.getKey(), injected(context, injected.getKey(), injected.getValue()));
            }
        }
        return ToolCall.of(tool, call, arguments, request.getId());
    }

    private static Object injected(RunnerContext context, String name, ToolParameterInjection from) throws Exception {
        final Object value;
        if (from.getSource() == ToolParameterSource.CONFIG) {
            value = context.getConfig().getStr(from.getKey(), null);
        } else {
            final MemoryObject memory =
                    from.getSource() == ToolParameterSource.SENSORY_MEMORY
                            ? context.getSensoryMemory()
                            : context.getShortTermMemory();
            final MemoryObject found = memory.get(from.getKey());
            value = found == null ? null : found.getValue();
        }
        if (value == null) {
            throw new IllegalStateException("Missing injected parameter: " + name + " (from " + from + ")");
        }
        return value;
    }

    static Map<String, Object> told(Exception e) {
        final Map<String, Object> error = new LinkedHashMap<>();
        error.put("class", e.getClass().getName());
        error.put("message", e.getMessage());
        return error;
    }
}
