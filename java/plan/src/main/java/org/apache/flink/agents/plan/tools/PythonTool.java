package org.apache.flink.agents.plan.tools;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResource;
import org.apache.flink.agents.api.resource.python.PythonResourceException;
import org.apache.flink.agents.api.resource.python.PythonResourceWrapper;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolMetadata;
import org.apache.flink.agents.api.tools.ToolParameterInjection;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.tools.ToolType;

/** A tool that is called in Python. It is made where it runs, of what the plan says, and not written itself. */
public final class PythonTool extends Tool implements InjectedArgs, PythonResourceWrapper {
    private static final long serialVersionUID = 1L;

    private final String name;
    private final transient PythonResource python;
    private final transient Map<String, ToolParameterInjection> injectedArgs = new LinkedHashMap<>();

    /**
     * @param name that of the resource
     * @param metadata null if Python has to be asked for it, which is done at the first question
     * @param pythonClass the class or function, for messages
     */
    public PythonTool(
            String name,
            @Nullable ToolMetadata metadata,
            Map<String, ToolParameterInjection> injectedArgs,
            String pythonClass,
            ResourceContext context) {
        super(metadata);
        this.name = name;
        this.python = new PythonResource(ResourceType.TOOL, name, pythonClass, context);
        injectedArgs.forEach((arg, from) -> this.injectedArgs.put(arg, from.withDefaultKey(arg)));
    }

    @Override
    protected ToolMetadata findMetadata() {
        return python.ask("metadata", Map.of(), answer -> read(PlainValues.map(answer)));
    }

    private ToolMetadata read(Map<String, Object> answer) {
        // Its calls are looked up by the name of the resource, whatever the function is called.
        return new ToolMetadata(
                name, PlainValues.text(answer.get("description")), PlainValues.text(answer.get("input_schema")));
    }

    @Override
    public Map<String, ToolParameterInjection> getInjectedArgs() {
        return Collections.unmodifiableMap(injectedArgs);
    }

    @Override
    public Object getPythonResource() {
        return python;
    }

    @Override
    public ToolType getToolType() {
        return ToolType.REMOTE_FUNCTION;
    }

    /** Calls it in Python. What it throws there becomes a failed response; that it cannot be called is an exception. */
    @Override
    public ToolResponse call(ToolParameters parameters) {
        final Map<String, Object> arguments = new LinkedHashMap<>();
        parameters.getParameterNames().forEach(given -> arguments.put(given, parameters.getParameter(given)));
        final long start = System.nanoTime();
        try {
            final Object result = python.ask("call", Map.of("arguments", arguments), answer -> answer);
            return ToolResponse.success(result, FunctionTool.millisSince(start), name);
        } catch (PythonResourceException e) {
            final String message = e.getPythonMessage();
            return ToolResponse.error(
                    message == null || message.isEmpty() ? e.getPythonClass() : message, FunctionTool.millisSince(start), name);
        }
    }
}
