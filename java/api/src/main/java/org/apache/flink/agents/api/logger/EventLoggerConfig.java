package org.apache.flink.agents.api.logger;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import javax.annotation.Nullable;

/** Says which event logger to make, and what it is to know. Immutable. */
public final class EventLoggerConfig {
    /** Property with the flat configuration of the agent: a map from key to value. */
    public static final String AGENT_CONFIG_PROPERTY_KEY = "agentConfig";

    private final LoggerType loggerType;
    private final Map<String, Object> properties;

    private EventLoggerConfig(LoggerType loggerType, Map<String, Object> properties) {
        this.loggerType = loggerType;
        this.properties = Collections.unmodifiableMap(new LinkedHashMap<>(properties));
    }

    /** Returns a builder for an SLF4J logger without properties. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns which logger to make. */
    public LoggerType getLoggerType() {
        return loggerType;
    }

    /** Returns what the logger is to know, unmodifiable. */
    public Map<String, Object> getProperties() {
        return properties;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (!(other instanceof EventLoggerConfig)) {
            return false;
        }
        final EventLoggerConfig that = (EventLoggerConfig) other;
        return loggerType == that.loggerType && properties.equals(that.properties);
    }

    @Override
    public int hashCode() {
        return Objects.hash(loggerType, properties);
    }

    // The agent's configuration may hold secrets, so only names are shown.
    @Override
    public String toString() {
        return "EventLoggerConfig{loggerType=" + loggerType + ", properties=" + properties.keySet() + '}';
    }

    /** Builds configurations. */
    public static final class Builder {
        private LoggerType loggerType = LoggerType.SLF4J;
        private final Map<String, Object> properties = new LinkedHashMap<>();

        private Builder() {}

        /** Sets which logger to make. */
        public Builder loggerType(LoggerType loggerType) {
            this.loggerType = Objects.requireNonNull(loggerType, "loggerType");
            return this;
        }

        /** Sets a property; a later one of the same name wins. */
        public Builder property(String key, @Nullable Object value) {
            properties.put(Objects.requireNonNull(key, "key"), value);
            return this;
        }

        /** Sets several properties; later ones of the same name win. */
        public Builder properties(Map<String, Object> properties) {
            properties.forEach(this::property);
            return this;
        }

        /** Returns the configuration. */
        public EventLoggerConfig build() {
            return new EventLoggerConfig(loggerType, properties);
        }
    }
}
