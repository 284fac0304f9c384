package org.apache.flink.agents.api.vectorstores;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** How a vector store searches. */
public enum VectorStoreQueryMode {
    /** By the meaning of the text: the distance of embeddings. */
    SEMANTIC("semantic");

    private final String value;

    VectorStoreQueryMode(String value) {
        this.value = value;
    }

    /** Returns the name in lower case. */
    @JsonValue
    public String getValue() {
        return value;
    }

    /**
     * Returns the mode of a name in lower case.
     *
     * @throws IllegalArgumentException if there is no such mode
     */
    @JsonCreator
    public static VectorStoreQueryMode fromValue(String value) {
        for (final VectorStoreQueryMode mode : values()) {
            if (mode.value.equals(value)) {
                return mode;
            }
        }
        throw new IllegalArgumentException(
                "Unknown vector store query mode '" + value + "'; known is semantic.");
    }
}
