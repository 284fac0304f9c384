package org.apache.flink.agents.api.configuration;

import java.util.Objects;
import javax.annotation.Nullable;

/**
 * A key of the configuration with its type and default.
 *
 * @param <T> the type of the values
 */
public class ConfigOption<T> {
    private final String key;
    private final Class<T> type;
    private final T defaultValue;

    /**
     * Creates an option.
     *
     * @param key the key, without the {@code agent.} of the configuration file
     * @param type the class of the values
     * @param defaultValue the value when the key is absent; may be null
     */
    public ConfigOption(String key, Class<T> type, @Nullable T defaultValue) {
        this.key = Objects.requireNonNull(key, "key");
        this.type = Objects.requireNonNull(type, "type");
        this.defaultValue = defaultValue;
    }

    /** Returns the key. */
    public String getKey() {
        return key;
    }

    /** Returns the class of the values. */
    public Class<T> getType() {
        return type;
    }

    /** Returns the fully qualified name of the class of the values. */
    public String getTypeName() {
        return type.getName();
    }

    /** Returns the value when the key is absent; may be null. */
    @Nullable
    public T getDefaultValue() {
        return defaultValue;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (other == null || getClass() != other.getClass()) {
            return false;
        }
        final ConfigOption<?> that = (ConfigOption<?>) other;
        return key.equals(that.key)
                && type.equals(that.type)
                && Objects.equals(defaultValue, that.defaultValue);
    }

    @Override
    public int hashCode() {
        return Objects.hash(key, type, defaultValue);
    }

    @Override
    public String toString() {
        return "ConfigOption{key='" + key + "', type=" + type.getName() + ", default=" + defaultValue + '}';
    }
}
