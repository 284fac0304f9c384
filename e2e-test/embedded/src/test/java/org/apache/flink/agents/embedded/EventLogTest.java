package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.execution.Environment;
import org.apache.flink.runtime.metrics.groups.AbstractMetricGroup;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.appender.AppenderLoggingException;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.apache.logging.log4j.core.config.Property;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

/** What the event log of an operator says, and that nothing that is wrong with it harms the job. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class EventLogTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String LOGGER = "org.apache.flink.agents.EventLog";

    @TempDir Path directory;

    /** Jackson shows it as an object. */
    public static final class Point {
        public int x = 3;
        public String name = "here";
    }

    /** Nothing shows it: Jackson asks for its properties. */
    public static final class Sulky {
        public String getMood() {
            throw new IllegalStateException("not today");
        }
    }

    /** An input, an event of its own, an output. */
    public static final class Twostep extends Agent {
        @Action(EventType.InputEvent)
        public static void first(final Event event, final RunnerContext context) {
            final String input = (String) InputEvent.fromEvent(event).getInput();
            final Map<String, Object> attributes = new HashMap<>();
            attributes.put("what", input.endsWith("sulky") ? new Sulky() : new Point());
            context.sendEvent(new Event("my.step", attributes));
        }

        @Action("my.step")
        public static void second(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent("done"));
        }
    }

    private static Harness.Job<String, String> job(final Map<String, ?> config) {
        return new Harness.Job<>(new Twostep(), TestAgents::keyOf, String.class, String.class, config);
    }

    private Map<String, Object> inFiles() {
        final Map<String, Object> config = new HashMap<>();
        config.put("baseLogDir", directory.toString());
        return config;
    }

    private List<JsonNode> lines() throws IOException {
        return Lines.in(directory);
    }

    static long counter(final Harness<?, ?> harness, final String name) throws ReflectiveOperationException {
        return ((Counter) metrics(harness).get(name)).getCount();
    }

    static int gauge(final Harness<?, ?> harness, final String name) throws ReflectiveOperationException {
        return (Integer) ((Gauge<?>) metrics(harness).get(name)).getValue();
    }

    private static Map<?, ?> metrics(final Harness<?, ?> harness) throws ReflectiveOperationException {
        final Field metrics = AbstractMetricGroup.class.getDeclaredField("metrics");
        metrics.setAccessible(true);
        return (Map<?, ?>) metrics.get(harness.flink().getOperator().getMetricGroup());
    }

    @Test
    void aFileHasEveryEventWithWhereItCameFrom() throws Exception {
        try (Harness<String, String> harness = job(inFiles()).open()) {
            harness.in("k/a");
            harness.mails();
            assertThat(harness.out()).containsExactly("done");
        }
        final List<JsonNode> lines = lines();
        assertThat(Lines.types(lines)).containsExactly("_input_event", "my.step", "_output_event");
        assertThat(lines.get(0).fieldNames())
                .toIterable()
                .containsExactly("timestamp", "logLevel", "eventId", "eventType", "eventAttributes");
        assertThat(lines.get(0).get("eventAttributes").get("input").asText()).isEqualTo("k/a");
        assertThat(lines.get(1).fieldNames())
                .toIterable()
                .containsExactly(
                        "timestamp", "logLevel", "eventId", "eventType", "upstreamEventId", "upstreamActionName", "eventAttributes");
        assertThat(lines.get(1).get("upstreamEventId")).isEqualTo(lines.get(0).get("eventId"));
        assertThat(lines.get(1).get("upstreamActionName").asText()).isEqualTo("first");
        assertThat(lines.get(1).get("eventAttributes").toString()).isEqualTo("{\"what\":{\"x\":3,\"name\":\"here\"}}");
        assertThat(lines.get(2).get("upstreamEventId")).isEqualTo(lines.get(1).get("eventId"));
        assertThat(lines.get(2).get("upstreamActionName").asText()).isEqualTo("second");
        assertThat(lines.get(2).get("eventAttributes").toString()).isEqualTo("{\"output\":\"done\"}");
    }

    @Test
    void aTypeThatIsOffIsNotLoggedAndOneThatIsVerboseIsNotCut() throws Exception {
        final Map<String, Object> config = inFiles();
        config.put("event-log.type._input_event.level", "off");
        config.put("event-log.type.my.level", "VERBOSE");
        config.put("event-log.standard.max-string-length", 2);
        final Harness<String, String> harness = job(config).open();
        harness.in("k/a");
        harness.mails();
        harness.close();
        final List<JsonNode> lines = lines();
        assertThat(Lines.types(lines)).containsExactly("my.step", "_output_event");
        assertThat(lines.get(0).get("logLevel").asText()).isEqualTo("VERBOSE");
        assertThat(lines.get(0).get("eventAttributes").get("what").get("name").asText()).isEqualTo("here");
        assertThat(lines.get(1).get("eventAttributes").toString())
                .isEqualTo("{\"output\":{\"truncatedString\":\"do...\",\"omittedChars\":2}}");
        assertThat(counter(harness, "eventLogTruncatedEvents")).isEqualTo(1);
    }

    @Test
    void aValueThatCannotBeShownIsNamedAndCounted() throws Exception {
        final Harness<String, String> harness = job(inFiles()).open();
        harness.in("k/sulky");
        harness.mails();
        assertThat(harness.out()).containsExactly("done");
        harness.close();
        assertThat(lines().get(1).get("eventAttributes").get("what").asText()).contains("cannot be shown", "Sulky");
        assertThat(counter(harness, "eventLogWriteFailures")).isEqualTo(1);
    }

    /** Puts a device that is always full in the place of a log. */
    private void fillDisk(final Environment environment) {
        final String name = "events-" + environment.getJobID() + "-" + environment.getTaskInfo().getTaskName() + "-0.log";
        try {
            Files.createSymbolicLink(directory.resolve(name.replaceAll("[\\\\/:*?\"<>|]", "_")), Path.of("/dev/full"));
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void aFullDiskLosesLinesAndTheJobGoesOn() throws Exception {
        final Map<String, Object> config = inFiles();
        config.put("event-log.queue-size", 1);
        final Harness<String, String> harness = job(config).with(flink -> fillDisk(flink.getEnvironment())).open();
        for (int i = 0; i < 100; i++) {
            harness.in("k/" + i);
            harness.mails();
        }
        assertThat(harness.out()).hasSize(100);
        harness.close();
        assertThat(counter(harness, "eventLogWriteFailures")).isEqualTo(300);
        assertThat(counter(harness, "eventLogDroppedEvents")).isZero();
    }

    @Test
    void aDirectoryThatCannotBeMadeLosesLinesUntilItCanAndTheJobGoesOn() throws Exception {
        final Kept warnings = Kept.warnings();
        final Path file = Files.createFile(directory.resolve("file"));
        final Path logs = file.resolve("below");
        final Harness<String, String> harness = job(Map.of("baseLogDir", logs.toString())).open();
        assertThat(warnings.messages).singleElement().asString().contains(logs.toString(), "Not a directory", "option baseLogDir");
        harness.in("k/a");
        harness.mails();
        Files.delete(file);
        while (!Files.exists(logs)) {
            harness.in("k/b");
            harness.mails();
            LockSupport.parkNanos(10_000_000);
        }
        // Nothing of this one is lost.
        harness.in("k/c");
        harness.mails();
        harness.close();
        assertThat(Lines.types(Lines.in(logs))).contains("_input_event", "my.step", "_output_event");
        final int written = Lines.in(logs).size();
        assertThat(counter(harness, "eventLogWriteFailures")).isEqualTo(3L * harness.out().size() - written).isPositive();
        assertThat(warnings.messages).hasSize(2);
        assertThat(warnings.messages.get(1)).contains("is written again");
    }

    @Test
    void aDirectoryThatIsReadOnlyLosesLinesAndTheJobGoesOn() throws Exception {
        final Kept warnings = Kept.warnings();
        // Also for root, for whom permissions of files are none.
        final Harness<String, String> harness = job(Map.of("baseLogDir", "/sys/kernel/logs")).open();
        harness.in("k/a");
        harness.mails();
        assertThat(harness.out()).containsExactly("done");
        harness.close();
        assertThat(counter(harness, "eventLogWriteFailures")).isEqualTo(3);
        assertThat(warnings.messages)
                .singleElement()
                .asString()
                .contains("/sys/kernel/logs/events-", "option baseLogDir", "The job goes on", "event-log.level: OFF");
    }

    /** Takes no line before it is let go. */
    private static final class Slow extends AbstractAppender {
        private final CountDownLatch begun = new CountDownLatch(1);
        private final CountDownLatch released = new CountDownLatch(1);
        private final AtomicLong taken = new AtomicLong();

        Slow() {
            super("slow", null, null, false, Property.EMPTY_ARRAY);
            start();
        }

        @Override
        public void append(final LogEvent event) {
            begun.countDown();
            try {
                released.await();
            } catch (final InterruptedException e) {
                throw new AppenderLoggingException(e);
            }
            taken.incrementAndGet();
        }
    }

    @Test
    void aFullQueueDropsEventsAndCountsThemWhereItIsToldTo() throws Exception {
        final Slow slow = new Slow();
        final LoggerConfig logger = new LoggerConfig(LOGGER, Level.INFO, false);
        logger.addAppender(slow, null, null);
        Kept.context().getConfiguration().addLogger(LOGGER, logger);
        Kept.context().updateLoggers();
        final Harness<String, String> harness = job(Map.of("event-log.queue-size", 1, "event-log.on-full", "drop")).open();
        harness.in("k/first");
        harness.mails();
        slow.begun.await();
        // Nobody takes anything now: one event may wait, or what was handed over with it.
        for (int i = 0; i < 5; i++) {
            harness.in("k/" + i);
            harness.mails();
        }
        assertThat(harness.out()).hasSize(6);
        final long dropped = counter(harness, "eventLogDroppedEvents");
        assertThat(dropped).isPositive();
        slow.released.countDown();
        harness.close();
        assertThat(counter(harness, "eventLogDroppedEvents")).isEqualTo(dropped);
        assertThat(counter(harness, "eventLogWriteFailures")).isZero();
        assertThat(slow.taken.get()).isEqualTo(3L * 6 - dropped);
    }

    @Test
    void aDirectoryThatVanishesIsMadeAgain() throws Exception {
        final Path logs = directory.resolve("logs");
        try (Harness<String, String> harness = job(Map.of("baseLogDir", logs.toString())).open()) {
            harness.in("k/a");
            harness.mails();
            Files.move(logs, directory.resolve("gone"));
            while (!Files.exists(logs)) {
                harness.in("k/b");
                harness.mails();
                LockSupport.parkNanos(10_000_000);
            }
        }
        assertThat(Lines.types(Lines.in(logs))).contains("_input_event", "my.step", "_output_event");
    }

    @Test
    void whatRunsAgainAfterARestoreIsLoggedAgainUnderItsId() throws Exception {
        final Harness.Job<String, String> job = job(inFiles());
        final OperatorSubtaskState state;
        try (Harness<String, String> harness = job.open()) {
            harness.in("k/a");
            state = harness.snapshot(1);
        }
        try (Harness<String, String> harness = job.restore(state)) {
            harness.in("k/b");
            harness.mails();
        }
        // The first run had ended before the snapshot: it is not there twice.
        assertThat(Lines.types(lines()))
                .containsExactly("_input_event", "my.step", "_output_event", "_input_event", "my.step", "_output_event");
    }

    @Test
    void whatTheJournalReplaysIsLoggedAgainUnderItsId() throws Exception {
        final Map<String, Object> config = inFiles();
        config.put("actionStateStoreBackend", "sqlite");
        config.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        final Harness.Job<String, String> job = job(config);
        for (int attempt = 0; attempt < 2; attempt++) {
            try (Harness<String, String> harness = job.open()) {
                harness.in("k/a");
                assertThat(harness.await(1)).containsExactly("done");
            }
        }
        final List<JsonNode> lines = lines();
        assertThat(Lines.types(lines))
                .containsExactly("_input_event", "my.step", "_output_event", "_input_event", "my.step", "_output_event");
        for (int i = 1; i < 3; i++) {
            assertThat(lines.get(i + 3).get("eventId")).isEqualTo(lines.get(i).get("eventId"));
        }
    }

    @AfterEach
    void forgetLogger() {
        System.clearProperty("log.file");
        Kept.context().reconfigure();
    }

    @Test
    void aLoggerGetsALineForEachEventWithItsPlace() throws Exception {
        final Kept kept = new Kept();
        final LoggerConfig logger = new LoggerConfig(LOGGER, Level.INFO, false);
        logger.addAppender(kept, null, null);
        Kept.context().getConfiguration().addLogger(LOGGER, logger);
        Kept.context().updateLoggers();
        try (Harness<String, String> harness = job(Map.of()).open()) {
            harness.in("k/a");
            harness.mails();
        }
        assertThat(kept.messages).hasSize(3);
        final JsonNode line = JSON.readTree(kept.messages.get(0));
        assertThat(line.fieldNames())
                .toIterable()
                .containsExactly(
                        "timestamp", "logLevel", "jobId", "taskName", "subtaskId", "eventId", "eventType", "eventAttributes");
        assertThat(line.get("subtaskId").isInt()).isTrue();
        assertThat(line.get("jobId").asText()).hasSize(32);
    }

    /** Takes nothing, and says so. */
    private static final class Refusing extends AbstractAppender {
        Refusing() {
            super("refusing", null, null, false, Property.EMPTY_ARRAY);
            start();
        }

        @Override
        public void append(final LogEvent event) {
            throw new AppenderLoggingException("refused on purpose");
        }
    }

    @Test
    void linesThatALoggerRefusesAreCounted() throws Exception {
        final LoggerConfig logger = new LoggerConfig(LOGGER, Level.INFO, false);
        logger.addAppender(new Refusing(), null, null);
        Kept.context().getConfiguration().addLogger(LOGGER, logger);
        Kept.context().updateLoggers();
        losesItsLines();
    }

    @Test
    void aFullDiskUnderTheFileBesideThatOfTheProcessIsCounted() throws Exception {
        System.setProperty("log.file", directory.resolve("taskmanager.log").toString());
        Files.createSymbolicLink(directory.resolve("taskmanager.log.event-log.log"), Path.of("/dev/full"));
        Kept.context().reconfigure();
        losesItsLines();
    }

    private void losesItsLines() throws Exception {
        final Harness<String, String> harness = job(Map.of()).open();
        harness.in("k/a");
        harness.in("k/b");
        harness.mails();
        assertThat(harness.out()).hasSize(2);
        harness.close();
        assertThat(counter(harness, "eventLogWriteFailures")).isEqualTo(6);
    }

    @Test
    void withoutALoggerOfItsNameTheLogGetsAFileBesideThatOfTheProcess() throws Exception {
        final Path file = directory.resolve("taskmanager.log");
        System.setProperty("log.file", file.toString());
        final Path log = directory.resolve("taskmanager.log.event-log.log");
        for (int round = 1; round <= 2; round++) {
            // As when log4j2 has seen that its file has changed: what was added is gone.
            Kept.context().reconfigure();
            try (Harness<String, String> harness = job(Map.of()).open()) {
                harness.in("k/a");
                harness.in("k/b");
                harness.mails();
            }
            assertThat(Files.readAllLines(log)).hasSize(6 * round);
        }
        for (final String line : Files.readAllLines(log)) {
            assertThat(JSON.readTree(line).has("eventId")).isTrue();
        }
    }
}
