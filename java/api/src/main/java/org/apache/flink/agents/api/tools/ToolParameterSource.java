package org.apache.flink.agents.api.tools;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** Where the framework takes the value of an injected tool parameter from. */
public enum ToolParameterSource {
    /** The agent's configuration. */
    CONFIG("config"),
    /** The sensory memory of the run. */
    SENSORY_MEMORY("sensory_memory"),
    /** The short-term memory of the key. */
    SHORT_TERM_MEMORY("short_term_memory");

    private final String value;

    ToolParameterSource(String value) {
        this.value = value;
    }

    /** Returns the name used in plans. */
    @JsonValue
    public String getValue() {
        return value;
    }

    /**
     * Returns the source of a name used in plans.
     *
     * @throws IllegalArgumentException if there is no such source
     */
    @JsonCreator
    public static ToolParameterSource fromValue(String value) {
        for (final ToolParameterSource source : values()) {
            if (source.value.equals(value)) {
                return source;
            }
        }
        throw new IllegalArgumentException(
                "Unknown tool parameter source '"
                        + value
                        + "'; known are config, sensory_memory, short_term_memory.");
    }
}
