package org.apache.flink.agents.plan;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.api.function.JavaFunctionUtils;

/**
 * The JSON form of an action's configuration: {@code __config_type__} is {@code java}, and each value
 * carries its class, so that actions get back what was put in. Element types of nested collections
 * are not kept.
 */
public final class ActionConfig {
    private static final String TYPE = "__config_type__";
    private static final String CLASS = "@class";
    private static final String VALUE = "value";

    private ActionConfig() {}

    /**
     * Returns the JSON form of a configuration; null for null.
     *
     * @param owner names the action in messages, such as {@code "Action 'x' of agent A"}
     * @throws IllegalArgumentException if a value cannot be written, or read back
     */
    @Nullable
    static ObjectNode encode(@Nullable Map<String, Object> config, String owner) {
        if (config == null) {
            return null;
        }
        final ObjectNode json = PlanJson.object();
        json.put(TYPE, "java");
        config.forEach(
                (key, value) -> {
                    if (key == null || key.equals(TYPE)) {
                        throw new IllegalArgumentException(
                                owner
                                        + " has the configuration key '"
                                        + key
                                        + "', which cannot be used; choose another name.");
                    }
                    final String what = "Configuration value '" + key + "' of " + owner;
                    json.set(key, encodeValue(value, what));
                });
        return json;
    }

    private static ObjectNode encodeValue(@Nullable Object value, String what) {
        final ObjectNode json = PlanJson.object();
        if (value instanceof Class) {
            json.put(CLASS, Class.class.getName());
            json.put(VALUE, ((Class<?>) value).getName());
            return json;
        }
        final Class<?> readAs = readableClass(value);
        json.put(CLASS, readAs.getName());
        json.set(VALUE, PlanJson.value(value, what));
        try {
            // The operator reads it on another machine; a class that cannot be read is found here.
            UserJson.newMapper().treeToValue(json.get(VALUE), readAs);
        } catch (JsonProcessingException | IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    what
                            + " of class "
                            + readAs.getName()
                            + " cannot be read back from JSON: "
                            + e.getMessage()
                            + ". Give the class a constructor without parameters, or annotate it for"
                            + " Jackson.",
                    e);
        }
        return json;
    }

    /** Returns the class a value is read as: immutable JDK collections have no constructor. */
    private static Class<?> readableClass(@Nullable Object value) {
        if (value == null) {
            return Object.class;
        }
        if (value instanceof Enum) {
            return ((Enum<?>) value).getDeclaringClass();
        }
        if (value.getClass().getName().startsWith("java.")) {
            if (value instanceof List) {
                return ArrayList.class;
            }
            if (value instanceof Set) {
                return LinkedHashSet.class;
            }
            if (value instanceof Map) {
                return LinkedHashMap.class;
            }
        }
        return value.getClass();
    }

    /**
     * Returns the values of an action's configuration as a plan carries it, written by Java or Python.
     *
     * @param config the {@code config} of an action; null and JSON null give null
     * @param actionName for messages
     * @param loader finds the classes of values
     * @return a new map in the order of the plan; values of Python plans are plain ones
     * @throws IllegalArgumentException if it is not such a configuration, or a class is missing
     */
    @Nullable
    public static Map<String, Object> decode(
            @Nullable JsonNode config, String actionName, ClassLoader loader) {
        if (config == null || config.isNull()) {
            return null;
        }
        final String owner = "The configuration of action '" + actionName + "'";
        final JsonNode type = config.get(TYPE);
        if (!config.isObject() || type == null || !type.isTextual()) {
            throw new IllegalArgumentException(
                    owner + " is not an object with '" + TYPE + "': " + config + ".");
        }
        final boolean java = type.textValue().equals("java");
        if (!java && !type.textValue().equals("python")) {
            throw new IllegalArgumentException(
                    owner
                            + " has the unknown "
                            + TYPE
                            + " '"
                            + type.textValue()
                            + "'; known are java and python. The plan may be of a newer version.");
        }
        final Map<String, Object> values = new LinkedHashMap<>();
        for (final Iterator<Map.Entry<String, JsonNode>> it = config.fields(); it.hasNext(); ) {
            final Map.Entry<String, JsonNode> entry = it.next();
            if (!entry.getKey().equals(TYPE)) {
                final String what = owner + ", value '" + entry.getKey() + "',";
                values.put(
                        entry.getKey(),
                        java
                                ? decodeValue(entry.getValue(), what, loader)
                                : UserJson.newMapper().convertValue(entry.getValue(), Object.class));
            }
        }
        return values;
    }

    private static Object decodeValue(JsonNode json, String what, ClassLoader loader) {
        if (!json.isObject() || !json.path(CLASS).isTextual() || !json.has(VALUE)) {
            throw new IllegalArgumentException(
                    what + " is not an object with '" + CLASS + "' and '" + VALUE + "': " + json + ".");
        }
        final String className = json.get(CLASS).textValue();
        final JsonNode value = json.get(VALUE);
        try {
            if (className.equals(Class.class.getName())) {
                return load(value.asText(), loader);
            }
            final Class<?> type = load(className, loader);
            return UserJson.newMapper(loader).readerFor(type).readValue(value);
        } catch (ClassNotFoundException e) {
            throw new IllegalArgumentException(
                    what
                            + " needs class "
                            + e.getMessage()
                            + ", which is not found by "
                            + loader
                            + ". Add the jar that contains it to the job.",
                    e);
        } catch (java.io.IOException | IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    what + " cannot be read as " + className + ": " + e.getMessage(), e);
        }
    }

    private static Class<?> load(String name, ClassLoader loader) throws ClassNotFoundException {
        if (name.indexOf('.') < 0 && name.indexOf('[') < 0) {
            try {
                return Class.forName(name, true, loader);
            } catch (ClassNotFoundException e) {
                return JavaFunctionUtils.resolveParameterType(name);
            }
        }
        return Class.forName(name, true, loader);
    }
}
