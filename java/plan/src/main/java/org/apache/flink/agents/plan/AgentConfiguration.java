package org.apache.flink.agents.plan;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.configuration.ConfigOption;
import org.apache.flink.agents.api.configuration.Configuration;

/**
 * A configuration: a flat map from dotted key to plain value (text, number, boolean, or a list of
 * these). Enum values are kept by name. Not safe for use by several threads while it is changed.
 *
 * <p>A value of another type than the asked one is converted by way of its text. Booleans are {@code
 * true} or {@code false} in any case; other texts are an error. A list can be written as text with
 * {@code ;} between the elements, as in Flink's configuration.
 */
public final class AgentConfiguration implements Configuration {
    private final Map<String, Object> values = new LinkedHashMap<>();
    @Nullable private final References references;

    /** Looks up what values refer to. */
    public interface References {
        /**
         * Returns the secret.
         *
         * @param key whose value it is
         * @param reference such as <code>${env:NAME}</code>
         * @throws IllegalStateException if it is not there
         */
        String resolve(String key, String reference);
    }

    /** Creates an empty configuration. */
    public AgentConfiguration() {
        references = null;
    }

    /**
     * Creates a configuration from a map. Nested maps are flattened: {@code {chat: {async: false}}}
     * is {@code chat.async: false}.
     *
     * @param values copied
     * @throws IllegalArgumentException if a value is not a plain one
     */
    public AgentConfiguration(Map<String, ?> values) {
        this(values, null);
    }

    /**
     * Creates the configuration that code of a running job sees: getters return what values like <code>${env:NAME}</code> and
     * <code>${file:PATH}</code> refer to. {@link #toMap()} has the values as they are.
     *
     * @param values copied
     * @param references looks it up; null leaves such values as they are
     * @throws IllegalArgumentException if a value is not a plain one
     */
    public AgentConfiguration(Map<String, ?> values, @Nullable References references) {
        this.references = references;
        flatten("", values);
    }

    private void flatten(String prefix, Map<?, ?> nested) {
        nested.forEach(
                (key, value) -> {
                    final String full = prefix + key;
                    if (value instanceof Map) {
                        flatten(full + ".", (Map<?, ?>) value);
                    } else {
                        values.put(full, plain(full, value));
                    }
                });
    }

    /** Returns all values: a copy, in the order in which the keys were first set. */
    public Map<String, Object> toMap() {
        return new LinkedHashMap<>(values);
    }

    /**
     * Sets the value of a key.
     *
     * @param value a plain value or an enum constant
     * @throws IllegalArgumentException if it is neither
     */
    public void setValue(String key, @Nullable Object value) {
        values.put(key, plain(key, value));
    }

    @Override
    public void setStr(String key, String value) {
        values.put(key, value);
    }

    @Override
    public void setInt(String key, int value) {
        values.put(key, value);
    }

    @Override
    public void setLong(String key, long value) {
        values.put(key, value);
    }

    @Override
    public void setFloat(String key, float value) {
        values.put(key, value);
    }

    @Override
    public void setDouble(String key, double value) {
        values.put(key, value);
    }

    @Override
    public void setBool(String key, boolean value) {
        values.put(key, value);
    }

    @Override
    public <T> void set(ConfigOption<T> option, @Nullable T value) {
        if (value == null && option.getDefaultValue() != null) {
            return;
        }
        setValue(option.getKey(), value);
    }

    @Nullable
    @Override
    public Integer getInt(String key, @Nullable Integer defaultValue) {
        return read(key, Integer.class, defaultValue);
    }

    @Nullable
    @Override
    public Long getLong(String key, @Nullable Long defaultValue) {
        return read(key, Long.class, defaultValue);
    }

    @Nullable
    @Override
    public Float getFloat(String key, @Nullable Float defaultValue) {
        return read(key, Float.class, defaultValue);
    }

    @Nullable
    @Override
    public Double getDouble(String key, @Nullable Double defaultValue) {
        return read(key, Double.class, defaultValue);
    }

    @Nullable
    @Override
    public Boolean getBool(String key, @Nullable Boolean defaultValue) {
        return read(key, Boolean.class, defaultValue);
    }

    @Nullable
    @Override
    public String getStr(String key, @Nullable String defaultValue) {
        return read(key, String.class, defaultValue);
    }

    @Nullable
    @Override
    public <T> T get(ConfigOption<T> option) {
        return read(option.getKey(), option.getType(), option.getDefaultValue());
    }

    @SuppressWarnings("unchecked")
    private <T> T read(String key, Class<T> type, @Nullable T defaultValue) {
        Object value = values.get(key);
        if (value == null) {
            return defaultValue;
        }
        if (references != null && ConfigValues.isReference(value)) {
            value = references.resolve(key, (String) value);
        }
        try {
            return (T) ConfigValues.convert(value, type);
        } catch (IllegalArgumentException | ArithmeticException e) {
            // Not of the value itself: it may be a secret that a reference leads to.
            throw new IllegalArgumentException(
                    "The configuration value "
                            + ConfigValues.shown(key, values.get(key))
                            + " of '"
                            + key
                            + "' is not "
                            + ConfigValues.expected(type)
                            + ".");
        }
    }

    private static Object plain(String key, @Nullable Object value) {
        if (value == null
                || value instanceof String
                || value instanceof Number
                || value instanceof Boolean) {
            return value;
        }
        if (value instanceof Enum) {
            return ((Enum<?>) value).name();
        }
        if (value instanceof Collection) {
            final List<Object> elements = new ArrayList<>();
            ((Collection<?>) value).forEach(element -> elements.add(plain(key, element)));
            return elements;
        }
        throw new IllegalArgumentException(
                String.format(
                        Locale.ROOT,
                        "The configuration value of '%s' has class %s. Values are texts, numbers,"
                                + " booleans, enum constants and lists of these.",
                        key,
                        value.getClass().getName()));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof AgentConfiguration
                && values.equals(((AgentConfiguration) other).values);
    }

    @Override
    public int hashCode() {
        return values.hashCode();
    }

    // Values may be passwords, so only keys are shown.
    @Override
    public String toString() {
        return "AgentConfiguration" + values.keySet();
    }
}
