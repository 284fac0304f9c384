package org.apache.flink.agents.api.resource;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** The kinds of resources an agent can use. */
public enum ResourceType {
    CHAT_MODEL("chat_model"),
    CHAT_MODEL_CONNECTION("chat_model_connection"),
    EMBEDDING_MODEL("embedding_model"),
    EMBEDDING_MODEL_CONNECTION("embedding_model_connection"),
    VECTOR_STORE("vector_store"),
    PROMPT("prompt"),
    TOOL("tool"),
    MCP_SERVER("mcp_server"),
    SKILLS("skills");

    private final String value;

    ResourceType(String value) {
        this.value = value;
    }

    /** Returns the name used in plans, such as {@code chat_model}. */
    @JsonValue
    public String getValue() {
        return value;
    }

    /**
     * Returns the type of a name used in plans.
     *
     * @throws IllegalArgumentException if there is no such type
     */
    @JsonCreator
    public static ResourceType fromValue(String value) {
        for (final ResourceType type : values()) {
            if (type.value.equals(value)) {
                return type;
            }
        }
        final StringBuilder known = new StringBuilder();
        for (final ResourceType type : values()) {
            known.append(known.length() == 0 ? "" : ", ").append(type.value);
        }
        throw new IllegalArgumentException(
                "Unknown resource type '" + value + "'; known are " + known + ".");
    }
}
