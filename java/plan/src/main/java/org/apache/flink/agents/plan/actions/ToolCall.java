package org.apache.flink.agents.plan.actions;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.context.AsyncDurableCallable;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.tools.AsyncTool;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolExecutionMetadataProvider;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.trace.ToolExecutionMetadataKeys;

/**
 * One durable call of a tool. It brings the response as a map, with the tool's result in it as the tool gave it; what the tool
 * throws is a result, too, for the model to be told.
 */
@SuppressWarnings("rawtypes") // the class of the result has no type arguments
class ToolCall implements DurableCallable<Map>, ReportedCall {
    /** Stands for a response where the tool has thrown: class and message. */
    static final String THROWN = "thrown";

    private final Tool tool;
    private final JsonNode call;
    private final Map<String, Object> arguments;
    private final Map<String, Object> metadata = new LinkedHashMap<>();
    private boolean replayed;

    /**
     * A call that needs no thread, where the tool can do without.
     *
     * @param call what the core wants
     * @param arguments by name, also those that the model does not see
     * @param request id of the tool request
     */
    static ToolCall of(Tool tool, JsonNode call, Map<String, Object> arguments, UUID request) {
        return tool instanceof AsyncTool
                ? new WithoutThread(tool, call, arguments, request)
                : new ToolCall(tool, call, arguments, request);
    }

    private ToolCall(Tool tool, JsonNode call, Map<String, Object> arguments, UUID request) {
        this.tool = tool;
        this.call = call;
        this.arguments = arguments;
        if (tool instanceof ToolExecutionMetadataProvider) {
            metadata.putAll(((ToolExecutionMetadataProvider) tool).getToolExecutionMetadata(new ToolParameters(arguments)));
        }
        metadata.put(ToolExecutionMetadataKeys.TOOL_REQUEST_EVENT_ID, request.toString());
        metadata.put(ToolExecutionMetadataKeys.TOOL_CALL_ID, callId());
        if (call.path("original_id").isTextual()) {
            metadata.put(ToolExecutionMetadataKeys.EXTERNAL_ID, call.get("original_id").textValue());
        }
        metadata.put(ToolExecutionMetadataKeys.TOOL_TYPE, tool.getToolType().getValue());
    }

    String callId() {
        return call.get("id").textValue();
    }

    String toolName() {
        return call.get("name").textValue();
    }

    /** What the trace is told of it. */
    Map<String, Object> metadata() {
        return metadata;
    }

    /** The response that a call brought. */
    static ToolResponse response(Map<?, ?> brought) {
        final long millis = ((Number) brought.get("execution_time_ms")).longValue();
        final String name = (String) brought.get("tool_name");
        return (Boolean) brought.get("success")
                ? ToolResponse.success(brought.get("result"), millis, name)
                : ToolResponse.error((String) brought.get("error"), millis, name);
    }

    @Override
    public void replayed() {
        replayed = true;
    }

    boolean wasReplayed() {
        return replayed;
    }

    @Override
    public String getId() {
        return "tool-call";
    }

    @Override
    public Class<Map> getResultClass() {
        return Map.class;
    }

    @Override
    public Object arguments() {
        return List.of(toolName(), call.get("arguments").toString());
    }

    @Override
    public Map call() {
        try {
            return plain(tool.call(new ToolParameters(arguments)));
        } catch (RuntimeException e) {
            return Map.of(THROWN, ToolCalls.told(e));
        }
    }

    private static Map plain(ToolResponse response) {
        if (response == null) {
            throw new IllegalStateException("it gave null instead of a ToolResponse");
        }
        return (Map) PlainValues.plain(response);
    }

    private static final class WithoutThread extends ToolCall implements AsyncDurableCallable<Map> {
        private final AsyncTool tool;
        private final Map<String, Object> arguments;

        WithoutThread(Tool tool, JsonNode call, Map<String, Object> arguments, UUID request) {
            super(tool, call, arguments, request);
            this.tool = (AsyncTool) tool;
            this.arguments = arguments;
        }

        @Override
        public CompletionStage<Map> callAsync() {
            try {
                return Derived.of(tool.callAsync(new ToolParameters(arguments)), ToolCall::plain, e -> {
                    if (e instanceof Exception && !(e instanceof CancellationException)) {
                        return Map.of(THROWN, ToolCalls.told((Exception) e));
                    }
                    return null;
                });
            } catch (RuntimeException e) {
                return CompletableFuture.completedFuture(Map.of(THROWN, ToolCalls.told(e)));
            }
        }

        @Override
        public Map call() {
            return super.call();
        }
    }
}
