package org.apache.flink.agents.api.logger;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** Where the event log goes. */
public enum LoggerType {
    /** The SLF4J logger {@code org.apache.flink.agents.EventLog}. */
    SLF4J("slf4j"),
    /** A file per subtask. */
    FILE("file");

    private final String type;

    LoggerType(String type) {
        this.type = type;
    }

    /** Returns the name used in configurations. */
    @JsonValue
    public String getType() {
        return type;
    }

    /**
     * Returns the type of a name, without regard to case.
     *
     * @throws IllegalArgumentException if there is no such type
     */
    @JsonCreator
    public static LoggerType fromType(String type) {
        final String name = type == null ? "" : type.trim().toLowerCase(Locale.ROOT);
        for (final LoggerType value : values()) {
            if (value.type.equals(name)) {
                return value;
            }
        }
        throw new IllegalArgumentException(
                "Unknown event logger type '" + type + "'; known are slf4j and file.");
    }
}
