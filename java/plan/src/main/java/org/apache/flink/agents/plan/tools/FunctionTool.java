package org.apache.flink.agents.plan.tools;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.databind.JsonNode;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.function.Function;
import org.apache.flink.agents.api.function.JavaFunction;
import org.apache.flink.agents.api.function.JavaFunctionUtils;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolMetadata;
import org.apache.flink.agents.api.tools.ToolParameterInjection;
import org.apache.flink.agents.api.tools.ToolParameterInjectionValidator;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.tools.ToolSchemas;
import org.apache.flink.agents.api.tools.ToolType;
import org.apache.flink.agents.plan.FunctionJson;

/**
 * A tool that calls a function. {@link #open()} finds the method with the thread's context class
 * loader; after it, calls may come from any thread, as far as the method allows that.
 */
@JsonPropertyOrder({"metadata", "injected_args", "function"})
public final class FunctionTool extends Tool implements InjectedArgs {
    private static final long serialVersionUID = 1L;

    private final Function function;
    private final LinkedHashMap<String, ToolParameterInjection> injectedArgs;
    @Nullable private transient volatile Method method;
    @Nullable private transient volatile ToolArguments conversion;

    private FunctionTool(
            ToolMetadata metadata,
            Function function,
            Map<String, ToolParameterInjection> injectedArgs) {
        super(metadata);
        this.function = function;
        this.injectedArgs = new LinkedHashMap<>(injectedArgs);
    }

    /** Reads a tool of a plan. */
    @JsonCreator
    static FunctionTool fromJson(
            @JsonProperty("metadata") ToolMetadata metadata,
            @JsonProperty("injected_args") @Nullable Map<String, ToolParameterInjection> injectedArgs,
            @JsonProperty("function") JsonNode function) {
        if (metadata == null) {
            throw new IllegalArgumentException("A tool needs 'metadata'.");
        }
        return new FunctionTool(
                metadata, FunctionJson.read(function), injectedArgs == null ? Map.of() : injectedArgs);
    }

    /**
     * Makes the tool that an agent declares.
     *
     * @param name the name that models call it by
     * @param declared the function and its injected parameters
     * @throws IllegalArgumentException if the method does not exist or is not static, or an injected
     *     parameter does not fit it
     */
    public static FunctionTool compile(
            String name, org.apache.flink.agents.api.tools.FunctionTool declared) {
        final Function function = declared.getFunc();
        final Map<String, ToolParameterInjection> injected = new LinkedHashMap<>();
        if (!(function instanceof JavaFunction)) {
            declared.getInjectedArgs().forEach((arg, from) -> injected.put(arg, from.withDefaultKey(arg)));
            // What a model gets to know of it is in Python, and is filled in there.
            return new FunctionTool(new ToolMetadata(name, "", "{}"), function, injected);
        }
        final Method method = find((JavaFunction) function, name);
        ToolParameterInjectionValidator.validate(function, declared.getInjectedArgs(), name);
        injected.putAll(ToolSchemas.injectionsOf(method));
        declared.getInjectedArgs().forEach((arg, from) -> injected.put(arg, from.withDefaultKey(arg)));
        final ToolMetadata ofMethod = ToolSchemas.metadataOf(method, injected.keySet());
        checkNames(method, name);
        return new FunctionTool(
                new ToolMetadata(name, ofMethod.getDescription(), ofMethod.getInputSchema()),
                function,
                injected);
    }

    private static void checkNames(Method method, String tool) {
        final Set<String> names = new LinkedHashSet<>();
        for (final Parameter parameter : method.getParameters()) {
            if (!names.add(ToolSchemas.nameOf(parameter))) {
                throw new IllegalArgumentException(
                        "Tool '"
                                + tool
                                + "', method "
                                + method
                                + ", has two parameters called '"
                                + ToolSchemas.nameOf(parameter)
                                + "'; rename one in its @ToolParam.");
            }
        }
    }

    private static Method find(JavaFunction function, String tool) {
        final Method found;
        try {
            found = JavaFunctionUtils.resolveMethod(function);
        } catch (ClassNotFoundException | NoSuchMethodException e) {
            throw new IllegalArgumentException(
                    "Tool '"
                            + tool
                            + "' calls "
                            + function
                            + ", which is not found by "
                            + Thread.currentThread().getContextClassLoader()
                            + ": "
                            + e
                            + ". Add the jar that contains it, and check the names of method and"
                            + " parameter types.",
                    e);
        }
        if (!Modifier.isStatic(found.getModifiers())) {
            throw new IllegalArgumentException(
                    "Tool '" + tool + "' calls " + function + ", which is not static; make it static.");
        }
        try {
            // The class may be nested and not public.
            found.setAccessible(true);
        } catch (RuntimeException e) {
            throw new IllegalArgumentException(
                    "Tool '" + tool + "' may not call " + function + ": " + e.getMessage(), e);
        }
        return found;
    }

    /** Returns the function that is called. */
    @JsonIgnore
    public Function getFunction() {
        return function;
    }

    @JsonProperty("function")
    JsonNode functionJson() {
        return FunctionJson.write(function);
    }

    @Override
    @JsonProperty("injected_args")
    @JsonInclude(JsonInclude.Include.NON_EMPTY)
    public Map<String, ToolParameterInjection> getInjectedArgs() {
        return Collections.unmodifiableMap(injectedArgs);
    }

    // Plans have no such key in tools.
    @Nullable
    @Override
    @JsonIgnore
    public ResourceContext getResourceContext() {
        return super.getResourceContext();
    }

    /**
     * Returns the tool that calls the function in Python; null if it is Java's.
     *
     * @param name that of the resource
     */
    @Nullable
    public PythonTool inPython(String name, ResourceContext context) {
        // Of a function of Python a plan knows the name alone, and Python the rest.
        return function instanceof PythonFunction
                ? new PythonTool(name, null, injectedArgs, function.toString(), context)
                : null;
    }

    @Override
    @JsonIgnore
    public ToolType getToolType() {
        return function instanceof JavaFunction ? ToolType.FUNCTION : ToolType.REMOTE_FUNCTION;
    }

    /**
     * Finds the method.
     *
     * @throws IllegalArgumentException if it does not exist or is not static
     * @throws UnsupportedOperationException if the function is Python's; see {@link #inPython}
     */
    @Override
    public void open() {
        method();
    }

    private Method method() {
        Method found = method;
        if (found == null) {
            if (!(function instanceof JavaFunction)) {
                throw new UnsupportedOperationException(
                        "Tool '"
                                + getName()
                                + "' is the Python function "
                                + function
                                + ", which is called in Python; get the tool by RunnerContext.getResource.");
            }
            found = find((JavaFunction) function, getName());
            conversion = new ToolArguments(found.getDeclaringClass().getClassLoader());
            method = found;
        }
        return found;
    }

    /**
     * Calls the method. A missing or unfit argument and an exception of the method become a failed
     * response; an {@link Error} is thrown on.
     */
    @Override
    public ToolResponse call(ToolParameters parameters) {
        final Method target = method();
        final long start = System.nanoTime();
        try {
            final Object[] arguments = arguments(target, parameters);
            return ToolResponse.success(target.invoke(null, arguments), millisSince(start), getName());
        } catch (InvocationTargetException e) {
            return failed(e.getCause(), start);
        } catch (IllegalArgumentException | IllegalAccessException e) {
            return failed(e, start);
        }
    }

    private Object[] arguments(Method target, ToolParameters given) {
        final Parameter[] parameters = target.getParameters();
        final Object[] arguments = new Object[parameters.length];
        for (int i = 0; i < parameters.length; i++) {
            final Parameter parameter = parameters[i];
            final String name = ToolSchemas.nameOf(parameter);
            final Object value = given.getParameter(name);
            if (value == null) {
                checkOptional(parameter, name);
            } else {
                arguments[i] = conversion.convert(name, value, parameter.getType(), parameter.getParameterizedType());
            }
        }
        return arguments;
    }

    private void checkOptional(Parameter parameter, String name) {
        final ToolParameterInjection injection = injectedArgs.get(name);
        if (injection != null) {
            throw new IllegalArgumentException(
                    "Missing injected parameter: " + name + " (from " + injection + ")");
        }
        final ToolParam annotation = parameter.getAnnotation(ToolParam.class);
        if (annotation != null && annotation.required() && annotation.defaultValue().isEmpty()) {
            throw new IllegalArgumentException("Missing required parameter: " + name);
        }
        if (parameter.getType().isPrimitive()) {
            throw new IllegalArgumentException(
                    "Missing parameter: "
                            + name
                            + " (a "
                            + parameter.getType()
                            + " cannot be absent)");
        }
    }

    private ToolResponse failed(Throwable cause, long start) {
        if (cause instanceof Error) {
            throw (Error) cause;
        }
        if (cause instanceof InterruptedException) {
            // A job that is being cancelled must still notice.
            Thread.currentThread().interrupt();
        }
        final String message = cause.getMessage();
        return ToolResponse.error(
                message == null ? cause.getClass().getName() : message, millisSince(start), getName());
    }

    static long millisSince(long start) {
        return (System.nanoTime() - start) / 1_000_000L;
    }
}
