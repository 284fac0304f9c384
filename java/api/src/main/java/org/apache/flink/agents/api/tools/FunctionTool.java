package org.apache.flink.agents.api.tools;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.function.Function;
import org.apache.flink.agents.api.function.JavaFunction;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.SerializableResource;

/**
 * A function to be used as a tool. It only names the function: the tool is made of it when the
 * agent's plan is compiled.
 */
public class FunctionTool extends SerializableResource {
    private static final long serialVersionUID = 1L;

    private final Function func;
    private final LinkedHashMap<String, ToolParameterInjection> injectedArgs;

    /** Makes a function a tool. */
    public FunctionTool(Function func) {
        this(func, null);
    }

    /**
     * Makes a function a tool some of whose parameters the framework fills in.
     *
     * @param injectedArgs parameter name to where its value comes from; copied; null means none
     */
    public FunctionTool(
            Function func, @Nullable Map<String, ToolParameterInjection> injectedArgs) {
        this.func = Objects.requireNonNull(func, "func");
        this.injectedArgs =
                injectedArgs == null ? new LinkedHashMap<>() : new LinkedHashMap<>(injectedArgs);
    }

    /**
     * Makes a method a tool.
     *
     * @throws IllegalArgumentException if the method is not static
     */
    public static FunctionTool fromMethod(Method method) {
        if (!Modifier.isStatic(method.getModifiers())) {
            throw new IllegalArgumentException(
                    "Method " + method + " cannot be a tool, because it is not static.");
        }
        return new FunctionTool(JavaFunction.fromMethod(method));
    }

    /** Returns the function. */
    @JsonProperty("func")
    public Function getFunc() {
        return func;
    }

    /** Returns which parameters the framework fills in, never null, unmodifiable. */
    @JsonProperty("injected_args")
    @JsonInclude(JsonInclude.Include.NON_EMPTY)
    public Map<String, ToolParameterInjection> getInjectedArgs() {
        return Collections.unmodifiableMap(injectedArgs);
    }

    @Override
    @JsonIgnore
    public ResourceType getResourceType() {
        return ResourceType.TOOL;
    }
}
