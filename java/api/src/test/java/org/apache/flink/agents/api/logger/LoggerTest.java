package org.apache.flink.agents.api.logger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventContext;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.trace.ExecutionTraceContext;
import org.junit.jupiter.api.Test;

class LoggerTest {
    private static final class ListLogger implements EventLogger {
        private final EventLoggerConfig config;
        private final List<Event> events = new ArrayList<>();

        private ListLogger(EventLoggerConfig config) {
            this.config = config;
        }

        @Override
        public void open(EventLoggerOpenParams params) {}

        @Override
        public void append(EventContext context, Event event) {
            events.add(event);
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    }

    @Test
    void registeredFactoryMakesTheLogger() throws Exception {
        final EventLoggerConfig config =
                EventLoggerConfig.builder()
                        .loggerType(LoggerType.FILE)
                        .property(EventLoggerConfig.AGENT_CONFIG_PROPERTY_KEY, Map.of("k", 1))
                        .properties(Map.of("p", 2))
                        .build();
        EventLoggerFactory.registerFactory(LoggerType.FILE, ListLogger::new);
        final EventLogger logger = EventLoggerFactory.createLogger(config);
        assertThat(logger).isInstanceOf(ListLogger.class);
        assertThat(((ListLogger) logger).config).isSameAs(config);

        final Event event = new InputEvent(1);
        logger.append(new EventContext(event), event, ExecutionTraceContext.forInputRun("key"));
        assertThat(((ListLogger) logger).events).containsExactly(event);

        EventLoggerFactory.registerFactory(LoggerType.FILE, any -> null);
        assertThatNullPointerException()
                .isThrownBy(() -> EventLoggerFactory.createLogger(config))
                .withMessageContaining("file");
    }

    @Test
    void typeWithoutFactoryIsNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> EventLoggerFactory.createLogger(EventLoggerConfig.builder().build()))
                .withMessageContaining("slf4j");
    }

    @Test
    void configurationsAreValuesAndHideTheirProperties() {
        final EventLoggerConfig config =
                EventLoggerConfig.builder().property("password", "secret").build();
        assertThat(config)
                .isEqualTo(EventLoggerConfig.builder().property("password", "secret").build())
                .isNotEqualTo(EventLoggerConfig.builder().build());
        assertThat(config.toString()).contains("password").doesNotContain("secret");
        assertThat(config.getProperties()).isUnmodifiable();
    }

    @Test
    void namesAreReadWithoutRegardToCase() {
        assertThat(EventLogLevel.fromString("verbose")).isEqualTo(EventLogLevel.VERBOSE);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> EventLogLevel.fromString("loud"))
                .withMessageContaining("STANDARD");
        assertThat(LoggerType.fromType("FILE")).isEqualTo(LoggerType.FILE);
        assertThat(LoggerType.SLF4J.getType()).isEqualTo("slf4j");
        assertThatIllegalArgumentException().isThrownBy(() -> LoggerType.fromType(null));
    }

    @Test
    void eventContextTellsTypeAndTime() {
        final EventContext context = new EventContext(new Event("t"));
        assertThat(context.getEventType()).isEqualTo("t");
        assertThat(java.time.Instant.parse(context.getTimestamp())).isNotNull();
        assertThat(new EventContext("t", "2026-01-01T00:00:00Z").getTimestamp())
                .isEqualTo("2026-01-01T00:00:00Z");
    }
}
