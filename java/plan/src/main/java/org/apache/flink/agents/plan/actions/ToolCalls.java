package org.apache.flink.agents.plan.actions;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
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
import org.apache.flink.agents.plan.tools.FunctionTool;

/** The tool calls of one request: what is missing is told, the others are made, each a durable call. */
@SuppressWarnings("rawtypes") // the class of a call's result has no type arguments
final class ToolCalls {
    private ToolCalls() {}

    /**
     * Makes the calls.
     *
     * @param request the tool request
     * @param command what the core wants
     * @param responses takes what tools gave, by id of call
     * @return for each call what the core is answered
     */
    static List<Object> make(
            RunnerContext context, Event request, JsonNode command, Map<String, ToolResponse> responses) throws Exception {
        final List<Object> results = new ArrayList<>();
        final List<ToolCall> prepared = new ArrayList<>();
        final List<Integer> places = new ArrayList<>();
        for (final JsonNode call : command.get("calls")) {
            try {
                final ToolCall made = prepare(context, request, call);
                places.add(results.size());
                prepared.add(made);
                results.add(null);
            } catch (CancellationException e) {
                throw e;
            } catch (MissingTool e) {
                results.add(Map.of("missing", e.getMessage()));
            } catch (Exception e) {
                results.add(Map.of("error", told(e)));
            }
        }
        for (final ToolCall call : prepared) {
            ExecutionReporters.started(context, EntityTypes.TOOL, call.toolName(), call.metadata());
        }
        final List<Map> brought = made(context, prepared, command.get("async").booleanValue());
        for (int i = 0; i < prepared.size(); i++) {
            results.set(places.get(i), answer(context, prepared.get(i), brought.get(i), responses));
        }
        return results;
    }

    private static List<Map> made(RunnerContext context, List<ToolCall> calls, boolean async) throws Exception {
        final List<Map> brought = new ArrayList<>();
        if (async) {
            for (final CompletableFuture<Map> outcome : context.durableExecuteEachAsync(calls)) {
                try {
                    brought.add(outcome.get());
                } catch (ExecutionException e) {
                    brought.add(thrown(e.getCause()));
                }
            }
            return brought;
        }
        for (final ToolCall call : calls) {
            try {
                brought.add(context.durableExecute(call));
            } catch (CancellationException e) {
                throw e;
            } catch (Exception e) {
                brought.add(thrown(e));
            }
        }
        return brought;
    }

    /** Of a call that was given up; an error of the JVM is nobody's result. */
    private static Map thrown(Throwable why) {
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
            ExecutionReporters.succeeded(context, EntityTypes.TOOL, call.toolName(), call.metadata());
        } else {
            failed(context, call, response.getError());
        }
        final Map<String, Object> told = new LinkedHashMap<>();
        brought.forEach((name, value) -> told.put((String) name, "result".equals(name) ? PlainJson.tellable(value) : value));
        return Map.of("ok", told);
    }

    private static void failed(RunnerContext context, ToolCall call, String why) {
        ExecutionReporters.failed(
                context,
                EntityTypes.TOOL,
                call.toolName(),
                call.metadata(),
                new IllegalStateException(why),
                ProblemCategories.TOOL_CALL_FAILED);
    }

    private static final class MissingTool extends Exception {
        private static final long serialVersionUID = 1L;

        MissingTool(Exception cause) {
            super(String.valueOf(cause.getMessage()), cause);
        }
    }

    private static ToolCall prepare(RunnerContext context, Event request, JsonNode call) throws Exception {
        final Tool tool;
        try {
            tool = (Tool) context.getResource(call.get("name").textValue(), ResourceType.TOOL);
        } catch (IllegalArgumentException e) {
            // This is how a context says that there is no such resource.
            throw new MissingTool(e);
        }
        final Map<String, Object> arguments = PlainJson.map(call.get("arguments"));
        if (tool instanceof FunctionTool) {
            for (final Map.Entry<String, ToolParameterInjection> injected : ((FunctionTool) tool).getInjectedArgs().entrySet()) {
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
