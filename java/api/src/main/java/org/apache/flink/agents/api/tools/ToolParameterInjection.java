package org.apache.flink.agents.api.tools;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.io.Serializable;
import java.util.Objects;
import javax.annotation.Nullable;

/** Says where the framework takes the value of a tool parameter from. Immutable. */
@JsonPropertyOrder({"source", "key"})
public final class ToolParameterInjection implements Serializable {
    private static final long serialVersionUID = 1L;

    private final ToolParameterSource source;
    private final String key;

    /**
     * Creates an injection.
     *
     * @param source where the value is
     * @param key its configuration key or memory path; null or empty means the parameter's name
     */
    @JsonCreator
    public ToolParameterInjection(
            @JsonProperty("source") ToolParameterSource source,
            @JsonProperty("key") @Nullable String key) {
        if (source == null) {
            throw new IllegalArgumentException(
                    "An injected tool parameter needs a source: config, sensory_memory or"
                            + " short_term_memory.");
        }
        this.source = source;
        this.key = key;
    }

    /** Takes the value from the configuration. */
    public static ToolParameterInjection fromConfig(@Nullable String key) {
        return new ToolParameterInjection(ToolParameterSource.CONFIG, key);
    }

    /** Takes the value from sensory memory. */
    public static ToolParameterInjection fromSensoryMemory(@Nullable String path) {
        return new ToolParameterInjection(ToolParameterSource.SENSORY_MEMORY, path);
    }

    /** Takes the value from short-term memory. */
    public static ToolParameterInjection fromShortTermMemory(@Nullable String path) {
        return new ToolParameterInjection(ToolParameterSource.SHORT_TERM_MEMORY, path);
    }

    /** Returns where the value is. */
    public ToolParameterSource getSource() {
        return source;
    }

    /** Returns the configuration key or memory path; null or empty means the parameter's name. */
    @Nullable
    public String getKey() {
        return key;
    }

    /** Returns this injection with a key: its own, or the default if it has none. */
    public ToolParameterInjection withDefaultKey(String defaultKey) {
        return key == null || key.isEmpty() ? new ToolParameterInjection(source, defaultKey) : this;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (!(other instanceof ToolParameterInjection)) {
            return false;
        }
        final ToolParameterInjection that = (ToolParameterInjection) other;
        return source == that.source && Objects.equals(key, that.key);
    }

    @Override
    public int hashCode() {
        return Objects.hash(source, key);
    }

    @Override
    public String toString() {
        return source.getValue() + ":" + key;
    }
}
