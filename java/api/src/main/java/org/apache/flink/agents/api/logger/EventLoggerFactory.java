package org.apache.flink.agents.api.logger;

import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/** Makes event loggers. Safe for use by several threads. */
public final class EventLoggerFactory {
    private static final Map<LoggerType, Function<EventLoggerConfig, EventLogger>> FACTORIES =
            new ConcurrentHashMap<>();

    private EventLoggerFactory() {}

    /**
     * Makes a logger; it is not opened yet.
     *
     * @throws IllegalArgumentException if there is no factory for the type
     */
    public static EventLogger createLogger(EventLoggerConfig config) {
        final Function<EventLoggerConfig, EventLogger> factory =
                FACTORIES.get(config.getLoggerType());
        if (factory == null) {
            throw new IllegalArgumentException(
                    "No event logger of type "
                            + config.getLoggerType().getType()
                            + " is registered (registered: "
                            + FACTORIES.keySet()
                            + "); register one by EventLoggerFactory.registerFactory(type, factory).");
        }
        return Objects.requireNonNull(
                factory.apply(config),
                () -> "The factory for event loggers of type " + config.getLoggerType().getType() + " returned null.");
    }

    static boolean isRegistered(LoggerType type) {
        return FACTORIES.containsKey(type);
    }

    /** Registers how loggers of a type are made; replaces the factory that was there. */
    public static void registerFactory(
            LoggerType type, Function<EventLoggerConfig, EventLogger> factory) {
        FACTORIES.put(
                Objects.requireNonNull(type, "type"), Objects.requireNonNull(factory, "factory"));
    }
}
