package org.apache.flink.agents.api.logger;

import javax.annotation.Nullable;

/** INTERNAL: how the runtime asks for event loggers. Not for users; it may change with any release. */
public final class EventLoggers {
    private EventLoggers() {}

    /** Makes the logger that somebody has registered for a type; null if nobody has, and the runtime's own writer is to be used. */
    @Nullable
    public static EventLogger createCustom(EventLoggerConfig config) {
        return EventLoggerFactory.isRegistered(config.getLoggerType())
                ? EventLoggerFactory.createLogger(config)
                : null;
    }
}
