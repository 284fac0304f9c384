package org.apache.flink.agents.api.event;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.api.agents.OutputSchema;
import org.apache.flink.agents.api.tools.ToolResponse;

/**
 * Reads attributes that are Java objects in an event made here, and maps, lists and texts in an
 * event that came by way of JSON.
 */
final class Attributes {
    private Attributes() {}

    /** An attribute map from alternating names and values, for the constructors of events. */
    static Map<String, Object> of(Object... namesAndValues) {
        final Map<String, Object> result = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            result.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        return result;
    }

    static IllegalStateException wrong(Event event, String name, String expected, Object value) {
        return new IllegalStateException(
                "Attribute '"
                        + name
                        + "' of event "
                        + event.getId()
                        + " of type '"
                        + event.getType()
                        + "' is not "
                        + expected
                        + " but "
                        + (value == null ? "null" : "a " + value.getClass().getName())
                        + ".");
    }

    @Nullable
    static String string(Event event, String name) {
        final Object value = event.getAttr(name);
        return value == null ? null : value.toString();
    }

    @Nullable
    static UUID uuid(Event event, String name) {
        final Object value = event.getAttr(name);
        if (value == null || value instanceof UUID) {
            return (UUID) value;
        }
        try {
            return UUID.fromString(value.toString());
        } catch (IllegalArgumentException e) {
            throw wrong(event, name, "a UUID", value);
        }
    }

    static long number(Event event, String name, long absent) {
        final Object value = event.getAttr(name);
        if (value == null) {
            return absent;
        }
        if (value instanceof Number) {
            return ((Number) value).longValue();
        }
        throw wrong(event, name, "a number", value);
    }

    /** A map with string keys; an absent one is empty. */
    @SuppressWarnings("unchecked")
    static <V> Map<String, V> map(Event event, String name) {
        final Object value = event.getAttr(name);
        if (value == null) {
            return Collections.emptyMap();
        }
        if (value instanceof Map) {
            return (Map<String, V>) value;
        }
        throw wrong(event, name, "a map", value);
    }

    /** A list whose elements need no conversion; an absent one is empty. */
    @SuppressWarnings("unchecked")
    static <V> List<V> list(Event event, String name) {
        final Object value = event.getAttr(name);
        if (value == null) {
            return Collections.emptyList();
        }
        if (value instanceof List) {
            return (List<V>) value;
        }
        throw wrong(event, name, "a list", value);
    }

    /** A list of beans; elements that are maps are converted, an absent list is empty. */
    static <V> List<V> beans(Event event, String name, Class<V> type) {
        final List<Object> values = list(event, name);
        boolean converted = true;
        for (final Object value : values) {
            converted &= type.isInstance(value);
        }
        if (converted) {
            @SuppressWarnings("unchecked")
            final List<V> same = (List<V>) (List<?>) values;
            return same;
        }
        final List<V> result = new ArrayList<>(values.size());
        for (final Object value : values) {
            result.add(bean(event, name, value, type));
        }
        return result;
    }

    @Nullable
    static <V> V bean(Event event, String name, Object value, Class<V> type) {
        if (value == null || type.isInstance(value)) {
            return type.cast(value);
        }
        try {
            return UserJson.mapperFor(value).convertValue(value, type);
        } catch (IllegalArgumentException e) {
            final IllegalStateException wrong =
                    wrong(event, name, "a " + type.getSimpleName(), value);
            wrong.initCause(e);
            throw wrong;
        }
    }

    static <V, R> Map<String, R> mapValues(Map<String, V> map, Function<V, R> function) {
        final Map<String, R> result = new LinkedHashMap<>();
        map.forEach((key, value) -> result.put(key, function.apply(value)));
        return result;
    }

    /** A tool's response; a raw value, as Python sends it, counts as a result. */
    static ToolResponse toolResponse(Event event, String name, Object value) {
        if (value instanceof ToolResponse) {
            return (ToolResponse) value;
        }
        if (value instanceof Map
                && ((Map<?, ?>) value).containsKey("success")
                && ((Map<?, ?>) value).containsKey("execution_time_ms")) {
            return bean(event, name, value, ToolResponse.class);
        }
        return ToolResponse.success(value);
    }

    /**
     * An output schema: a class, also given by its name, or an {@link OutputSchema}; schemas of
     * other languages stay as they are.
     */
    @Nullable
    static Object outputSchema(Event event, String name) {
        final Object value = event.getAttr(name);
        if (value instanceof String) {
            try {
                final ClassLoader context = Thread.currentThread().getContextClassLoader();
                return Class.forName(
                        (String) value,
                        false,
                        context == null ? Attributes.class.getClassLoader() : context);
            } catch (ClassNotFoundException e) {
                throw new IllegalStateException(
                        "The output schema of event "
                                + event.getId()
                                + " of type '"
                                + event.getType()
                                + "' is the class "
                                + value
                                + ", which is not on the class path.",
                        e);
            }
        }
        if (value instanceof Map && ((Map<?, ?>) value).containsKey("fieldNames")) {
            return bean(event, name, value, OutputSchema.class);
        }
        return value;
    }
}
