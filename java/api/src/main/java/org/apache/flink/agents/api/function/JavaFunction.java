package org.apache.flink.agents.api.function;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.io.Serializable;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

/** Names a Java method by class, name and parameter types; nothing is loaded. */
@JsonPropertyOrder({"qualname", "method_name", "parameter_types"})
public final class JavaFunction implements Function, Serializable {
    private static final long serialVersionUID = 1L;

    private final String qualName;
    private final String methodName;
    private final List<String> parameterTypes;

    /**
     * Names a method.
     *
     * @param qualName binary name of the class, such as {@code my.Outer$Inner}
     * @param methodName the method
     * @param parameterTypes names of the parameter types as {@link Class#getName()} gives them
     *     ({@code int}, {@code java.lang.String}); copied
     */
    @JsonCreator
    public JavaFunction(
            @JsonProperty("qualname") String qualName,
            @JsonProperty("method_name") String methodName,
            @JsonProperty("parameter_types") List<String> parameterTypes) {
        this.qualName = Objects.requireNonNull(qualName, "qualName");
        this.methodName = Objects.requireNonNull(methodName, "methodName");
        this.parameterTypes =
                Collections.unmodifiableList(
                        new ArrayList<>(Objects.requireNonNull(parameterTypes, "parameterTypes")));
    }

    /** Names an existing method. */
    public static JavaFunction fromMethod(Method method) {
        final List<String> types = new ArrayList<>();
        for (final Class<?> type : method.getParameterTypes()) {
            types.add(type.getName());
        }
        return new JavaFunction(method.getDeclaringClass().getName(), method.getName(), types);
    }

    /** Returns the binary name of the class. */
    @JsonProperty("qualname")
    public String getQualName() {
        return qualName;
    }

    /** Returns the name of the method. */
    @JsonProperty("method_name")
    public String getMethodName() {
        return methodName;
    }

    /** Returns the names of the parameter types, unmodifiable. */
    @JsonProperty("parameter_types")
    public List<String> getParameterTypes() {
        return parameterTypes;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (!(other instanceof JavaFunction)) {
            return false;
        }
        final JavaFunction that = (JavaFunction) other;
        return qualName.equals(that.qualName)
                && methodName.equals(that.methodName)
                && parameterTypes.equals(that.parameterTypes);
    }

    @Override
    public int hashCode() {
        return Objects.hash(qualName, methodName, parameterTypes);
    }

    @Override
    public String toString() {
        return qualName + "." + methodName + "(" + String.join(", ", parameterTypes) + ")";
    }
}
