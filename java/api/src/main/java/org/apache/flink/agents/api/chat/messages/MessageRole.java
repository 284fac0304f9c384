package org.apache.flink.agents.api.chat.messages;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** Who says a {@link ChatMessage}. */
public enum MessageRole {
    /** The user. */
    USER("user"),
    /** The model. */
    ASSISTANT("assistant"),
    /** Instructions for the model. */
    SYSTEM("system"),
    /** A tool that the model called. */
    TOOL("tool");

    private final String value;

    MessageRole(String value) {
        this.value = value;
    }

    /**
     * Returns the role of a name in lower case, such as {@code user}.
     *
     * @throws IllegalArgumentException if there is no such role
     */
    @JsonCreator
    public static MessageRole fromValue(String value) {
        for (final MessageRole role : values()) {
            if (role.value.equals(value)) {
                return role;
            }
        }
        throw new IllegalArgumentException(
                "Unknown message role '" + value + "'; known are user, assistant, system and tool.");
    }

    /** Returns the name in lower case, as in JSON. */
    @JsonValue
    public String getValue() {
        return value;
    }

    @Override
    public String toString() {
        return value;
    }
}
