package org.apache.flink.agents.api.logger;

import java.util.Locale;

/** How much of an event is logged. */
public enum EventLogLevel {
    /** Nothing. */
    OFF,
    /** The event, long values cut. */
    STANDARD,
    /** The complete event. */
    VERBOSE;

    /**
     * Returns the level of a name, without regard to case.
     *
     * @throws IllegalArgumentException if there is no such level
     */
    public static EventLogLevel fromString(String level) {
        final String name = level == null ? "" : level.trim().toUpperCase(Locale.ROOT);
        for (final EventLogLevel value : values()) {
            if (value.name().equals(name)) {
                return value;
            }
        }
        throw new IllegalArgumentException(
                "Unknown event log level '" + level + "'; known are OFF, STANDARD and VERBOSE.");
    }
}
