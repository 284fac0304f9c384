package org.apache.flink.agents.api.tools;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** Where a tool is run. */
public enum ToolType {
    /** By the service of the model. */
    MODEL_BUILT_IN("model_built_in"),
    /** As a function of the job. */
    FUNCTION("function"),
    /** As a function elsewhere. */
    REMOTE_FUNCTION("remote_function"),
    /** By an MCP server. */
    MCP("mcp");

    private final String value;

    ToolType(String value) {
        this.value = value;
    }

    /** Returns the name in lower case. */
    @JsonValue
    public String getValue() {
        return value;
    }

    @Override
    public String toString() {
        return value;
    }

    /**
     * Returns the type of a name, without regard to case.
     *
     * @throws IllegalArgumentException if there is no such type
     */
    @JsonCreator
    public static ToolType fromString(String value) {
        for (final ToolType type : values()) {
            if (type.value.equalsIgnoreCase(value)) {
                return type;
            }
        }
        throw new IllegalArgumentException(
                "Unknown tool type '"
                        + value
                        + "'; known are model_built_in, function, remote_function and mcp.");
    }
}
