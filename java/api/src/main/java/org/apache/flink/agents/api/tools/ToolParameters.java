package org.apache.flink.agents.api.tools;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.annotation.Nullable;

/** The arguments of a tool call, in the order they were given. */
public class ToolParameters {
    private final Map<String, Object> parameters;

    /** Creates empty arguments. */
    public ToolParameters() {
        this.parameters = new LinkedHashMap<>();
    }

    /** Creates arguments; the map is copied. */
    public ToolParameters(@Nullable Map<String, Object> parameters) {
        this.parameters =
                parameters == null ? new LinkedHashMap<>() : new LinkedHashMap<>(parameters);
    }

    /** Tells whether there is an argument of that name, be it null. */
    public boolean hasParameter(String name) {
        return parameters.containsKey(name);
    }

    /**
     * Returns an argument as a type. An instance of the type is returned as it is; for String,
     * primitive and boxed types the text of the argument is parsed.
     *
     * @return null if the argument is absent or null
     * @throws NumberFormatException if the text is not such a number ({@code 3.0} is no int)
     * @throws IllegalArgumentException if the argument cannot be converted to the type
     */
    @Nullable
    @SuppressWarnings("unchecked")
    public <T> T getParameter(String name, Class<T> type) {
        final Object value = parameters.get(name);
        if (value == null || type.isInstance(value)) {
            return (T) value;
        }
        return (T) parse(name, value, type);
    }

    private static Object parse(String name, Object value, Class<?> type) {
        final String text = value.toString();
        if (type == String.class) {
            return text;
        }
        if (type == int.class || type == Integer.class) {
            return Integer.valueOf(text);
        }
        if (type == long.class || type == Long.class) {
            return Long.valueOf(text);
        }
        if (type == double.class || type == Double.class) {
            return Double.valueOf(text);
        }
        if (type == float.class || type == Float.class) {
            return Float.valueOf(text);
        }
        if (type == boolean.class || type == Boolean.class) {
            return Boolean.valueOf(text);
        }
        if (type == short.class || type == Short.class) {
            return Short.valueOf(text);
        }
        if (type == byte.class || type == Byte.class) {
            return Byte.valueOf(text);
        }
        if ((type == char.class || type == Character.class) && text.length() == 1) {
            return text.charAt(0);
        }
        throw new IllegalArgumentException(
                "Tool parameter '"
                        + name
                        + "' is a "
                        + value.getClass().getName()
                        + " and cannot be converted to "
                        + type.getName()
                        + ".");
    }

    /** Returns an argument; null if it is absent or null. */
    @Nullable
    public Object getParameter(String name) {
        return parameters.get(name);
    }

    /** Returns the values of all arguments. */
    public List<Object> getParameters() {
        return new ArrayList<>(parameters.values());
    }

    /** Sets an argument. */
    public void addParameter(String name, @Nullable Object value) {
        parameters.put(name, value);
    }

    /** Returns the names of all arguments. */
    public Set<String> getParameterNames() {
        return parameters.keySet();
    }

    /** Returns how many arguments there are. */
    public int size() {
        return parameters.size();
    }

    /** Tells whether there are no arguments. */
    public boolean isEmpty() {
        return parameters.isEmpty();
    }

    @Override
    public String toString() {
        return "ToolParameters" + parameters;
    }
}
