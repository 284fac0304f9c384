package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Field;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Supplier;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventContext;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.logger.EventLogger;
import org.apache.flink.agents.api.logger.EventLoggerFactory;
import org.apache.flink.agents.api.logger.EventLoggerOpenParams;
import org.apache.flink.agents.api.logger.LoggerType;
import org.apache.flink.agents.api.trace.ExecutionTraceContext;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.Logger;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Property;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

/** Event loggers of the user's own: what they are told, and that nothing of what they throw harms the job. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class EventLoggersTest {
    @TempDir Path directory;

    @BeforeEach
    void nothingIsTold() {
        Own.TOLD.clear();
    }

    @AfterEach
    void forgetLogger() throws ReflectiveOperationException {
        final Field factories = EventLoggerFactory.class.getDeclaredField("FACTORIES");
        factories.setAccessible(true);
        ((Map<?, ?>) factories.get(null)).remove(LoggerType.FILE);
    }

    private Map<String, Object> inFiles() {
        final Map<String, Object> config = new HashMap<>();
        config.put("baseLogDir", directory.toString());
        return config;
    }

    private Harness<String, String> open(final Supplier<EventLogger> logger, final Map<String, ?> config) throws Exception {
        EventLoggerFactory.registerFactory(LoggerType.FILE, ignored -> logger.get());
        return new Harness.Job<>(new EventLogTest.Twostep(), TestAgents::keyOf, String.class, String.class, config).open();
    }

    /** What a logger of the user's was told; throws at outputs. */
    public static class Own implements EventLogger {
        static final List<String> TOLD = Collections.synchronizedList(new ArrayList<>());

        @Override
        public void open(final EventLoggerOpenParams params) throws Exception {
            TOLD.add("open " + params.getRuntimeContext().getTaskInfo().getIndexOfThisSubtask());
        }

        @Override
        public void append(final EventContext context, final Event event) throws Exception {
            TOLD.add(context.getEventType());
            if (event.getType().equals(OutputEvent.EVENT_TYPE)) {
                throw new IllegalStateException("no outputs, please");
            }
        }

        @Override
        public void flush() throws Exception {
            if (!TOLD.get(TOLD.size() - 1).equals("flush")) {
                TOLD.add("flush");
            }
        }

        @Override
        public void close() throws Exception {
            TOLD.add("close");
        }
    }

    @Test
    void aLoggerThatIsRegisteredIsUsedInPlaceOfOurs() throws Exception {
        final Map<String, Object> config = inFiles();
        config.put("event-log.type.my.level", "OFF");
        final Harness<String, String> harness = open(Own::new, config);
        harness.in("k/a");
        harness.mails();
        assertThat(harness.out()).containsExactly("done");
        harness.close();
        assertThat(Own.TOLD).containsExactly("open 0", "_input_event", "_output_event", "flush", "close");
        assertThat(EventLogTest.counter(harness, "eventLogWriteFailures")).isEqualTo(1);
        assertThat(Lines.in(directory)).isEmpty();
    }

    /** Throws wherever it can, but when it is opened. */
    public static final class Broken extends Own {
        @Override
        public void append(final EventContext context, final Event event) {
            throw new NoClassDefFoundError("gone");
        }

        @Override
        public void flush() throws Exception {
            throw new InterruptedException("no flush");
        }

        @Override
        public void close() throws Exception {
            throw new Exception("no end");
        }
    }

    @Test
    void aLoggerThatThrowsEverywhereIsCountedAndTheJobGoesOn() throws Exception {
        final Harness<String, String> harness = open(Broken::new, inFiles());
        for (int i = 0; i < 3; i++) {
            harness.in("k/" + i);
            harness.mails();
        }
        assertThat(harness.out()).hasSize(3);
        harness.close();
        // Nine events, at least one flush, the end.
        assertThat(EventLogTest.counter(harness, "eventLogWriteFailures")).isGreaterThanOrEqualTo(11);
    }

    /** Waits at the first event until it has been named. */
    public static final class Hanging extends Own {
        static final CountDownLatch NAMED = new CountDownLatch(1);

        @Override
        public void append(final EventContext context, final Event event) throws Exception {
            NAMED.await();
            TOLD.add(context.getEventType());
        }
    }

    @Test
    void aLoggerThatHangsIsNamedAndMissesNothingWhenItComesBack() throws Exception {
        final BlockingQueue<String> said = new LinkedBlockingQueue<>();
        final AbstractAppender appender =
                new AbstractAppender("captured", null, null, true, Property.EMPTY_ARRAY) {
                    @Override
                    public void append(final LogEvent event) {
                        said.add(event.getLevel() + " " + event.getMessage().getFormattedMessage());
                        Hanging.NAMED.countDown();
                    }
                };
        appender.start();
        final Logger logger = (Logger) LogManager.getLogger("org.apache.flink.agents.runtime.host.UserCodeWatch");
        logger.addAppender(appender);
        try (Harness<String, String> harness = open(Hanging::new, inFiles())) {
            harness.in("k/a");
            harness.mails();
            assertThat(harness.out()).containsExactly("done");
            assertThat(said.take())
                    .startsWith("WARN Event logger " + Hanging.class.getName() + ", told of _input_event, has not come back for ")
                    .contains("The subtask waits for it", "Hanging.append(");
            assertThat(said.take()).contains("Event logger " + Hanging.class.getName(), "has come back, after at most ");
            assertThat(EventLogTest.counter(harness, "eventLogWriteFailures")).isZero();
        } finally {
            logger.removeAppender(appender);
        }
        assertThat(Own.TOLD).containsSubsequence("open 0", "_input_event", "my.step", "_output_event", "close");
    }

    @Test
    void aLoggerThatCannotBeOpenedFailsTheTaskWithItsReason() {
        assertThatThrownBy(
                        () ->
                                open(
                                        () ->
                                                new Own() {
                                                    @Override
                                                    public void open(final EventLoggerOpenParams params) throws Exception {
                                                        throw new Exception("no door");
                                                    }
                                                },
                                        inFiles()))
                .hasStackTraceContaining("The event log of agent 'Twostep' cannot be opened: no door");
    }

    /** Is told of executions, too. */
    public static final class Tracing extends Own {
        @Override
        public void append(final EventContext context, final Event event, final ExecutionTraceContext trace) {
            final String about = trace.getEntityName() == null ? "run" : trace.getEntityName();
            TOLD.add(event.getType() + " of " + about + ": " + event.getAttributes().keySet());
            IDS.add(trace.getInputRunId() + trace.getBusinessKey() + trace.getAgentName());
        }

        static final List<String> IDS = Collections.synchronizedList(new ArrayList<>());
    }

    @Test
    void withATraceALoggerGetsRecordsOfExecutionsAndWhereEventsBelong() throws Exception {
        final Map<String, Object> config = inFiles();
        config.put("event-log.trace.enabled", true);
        config.put("log.keys", "plain");
        final Harness<String, String> harness = open(Tracing::new, config);
        harness.in("k/a");
        harness.mails();
        harness.close();
        assertThat(Own.TOLD)
                .filteredOn(told -> !told.equals("flush"))
                .containsExactly(
                        "open 0",
                        "_input_event of run: [input]",
                        "_execution_started_event of first: [status]",
                        "_execution_finished_event of first: [status]",
                        "my.step of first: [what]",
                        "_execution_started_event of second: [status]",
                        "_execution_finished_event of second: [status]",
                        "_output_event of second: [output]",
                        "close");
        assertThat(Tracing.IDS).hasSize(7).allMatch(id -> id.equals(Tracing.IDS.get(0))).allMatch(id -> id.endsWith("kTwostep"));
    }
}
