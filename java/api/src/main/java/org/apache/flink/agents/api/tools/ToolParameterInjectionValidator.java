package org.apache.flink.agents.api.tools;

import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.function.Function;
import org.apache.flink.agents.api.function.JavaFunction;
import org.apache.flink.agents.api.function.JavaFunctionUtils;

/** Checks that injected parameters of a tool fit its function. */
public final class ToolParameterInjectionValidator {
    private ToolParameterInjectionValidator() {}

    /**
     * Checks the injected parameters of a Java function; those of a Python function are checked when
     * its signature is known.
     *
     * @param function the function of the tool
     * @param injectedArgs parameter name to where its value comes from; null means none
     * @param toolName names the tool in errors
     * @throws IllegalArgumentException if a parameter does not exist or is also injected by its
     *     {@code @ToolParam}, or if the function cannot be found
     */
    public static void validate(
            Function function,
            @Nullable Map<String, ToolParameterInjection> injectedArgs,
            String toolName) {
        if (injectedArgs == null
                || injectedArgs.isEmpty()
                || !(function instanceof JavaFunction)) {
            return;
        }
        final Method method;
        try {
            method = JavaFunctionUtils.resolveMethod((JavaFunction) function);
        } catch (ReflectiveOperationException e) {
            throw new IllegalArgumentException(
                    "Injected parameters of tool '"
                            + toolName
                            + "' cannot be checked, because its function "
                            + function
                            + " was not found: "
                            + e,
                    e);
        }
        final Set<String> known = new LinkedHashSet<>();
        for (final Parameter parameter : method.getParameters()) {
            final String name = ToolSchemas.nameOf(parameter);
            known.add(name);
            final ToolParam annotation = parameter.getAnnotation(ToolParam.class);
            if (annotation != null && annotation.injected() && injectedArgs.containsKey(name)) {
                throw new IllegalArgumentException(
                        "Parameter '"
                                + name
                                + "' of tool '"
                                + toolName
                                + "' is injected twice: by its @ToolParam and by injectedArgs. Remove one.");
            }
        }
        for (final Map.Entry<String, ToolParameterInjection> entry : injectedArgs.entrySet()) {
            if (!known.contains(entry.getKey())) {
                throw new IllegalArgumentException(
                        "Tool '"
                                + toolName
                                + "' has no parameter '"
                                + entry.getKey()
                                + "' to inject; "
                                + function
                                + " has "
                                + known
                                + ". Java names need the compiler option -parameters, or"
                                + " @ToolParam(name = …).");
            }
            if (entry.getValue() == null) {
                throw new IllegalArgumentException(
                        "Injected parameter '"
                                + entry.getKey()
                                + "' of tool '"
                                + toolName
                                + "' has no source.");
            }
        }
    }
}
