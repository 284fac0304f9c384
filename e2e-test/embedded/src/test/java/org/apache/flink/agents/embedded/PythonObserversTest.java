package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventContext;
import org.apache.flink.agents.api.listener.EventListener;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.Logger;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.logging.log4j.core.config.Property;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Event listeners and event loggers of Python in the operator: what they are told, and what happens when they fail or hang. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class PythonObserversTest {
    private static final String LISTENERS = "event-listeners";
    private static final String LOGGER = "event-logger";

    @TempDir Path directory;

    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final Logger logger = (Logger) LogManager.getLogger("flink_agents.python");
    private Level before;
    private AbstractAppender appender;

    @BeforeEach
    void capture() {
        InJava.TOLD.clear();
        appender =
                new AbstractAppender("captured", null, null, true, Property.EMPTY_ARRAY) {
                    @Override
                    public void append(final LogEvent event) {
                        lines.add(event.getLevel() + " " + event.getLoggerName() + " " + event.getMessage().getFormattedMessage());
                    }
                };
        appender.start();
        before = logger.getLevel();
        logger.addAppender(appender);
        Configurator.setLevel("flink_agents.python", Level.INFO);
    }

    @AfterEach
    void release() {
        Configurator.setLevel("flink_agents.python", before);
        logger.removeAppender(appender);
        assertThat(PythonTools.workers()).isEmpty();
    }

    /** A listener of Java beside those of Python. */
    public static final class InJava implements EventListener {
        static final List<String> TOLD = new CopyOnWriteArrayList<>();

        @Override
        public void onEventProcessed(final EventContext context, final Event event) {
            TOLD.add(event.getType());
        }
    }

    /** The next line that contains a text, without what stands before that. */
    private String awaitLine(final String text) throws InterruptedException {
        while (true) {
            final String line = lines.take();
            if (line.contains(text)) {
                return line.substring(line.indexOf(text));
            }
        }
    }

    private static void awaitCount(final Harness<?, ?> harness, final String metric, final long count) throws Exception {
        while (EventLogTest.counter(harness, metric) < count) {
            harness.awaitMail();
        }
        assertThat(EventLogTest.counter(harness, metric)).isEqualTo(count);
    }

    private List<String> told() throws Exception {
        return Files.readAllLines(directory.resolve("told"));
    }

    private Map<String, Object> withLogger(final String name) {
        final Map<String, Object> config = new HashMap<>();
        config.put(LOGGER, "watching_agents:" + name);
        config.put("told", directory.resolve("told").toString());
        return config;
    }

    @Test
    void listenersOfBothLanguagesHearWhatActionsOfBothDo() throws Exception {
        final Map<String, Object> config = Map.of(LISTENERS, "watching_agents:Hears;" + InJava.class.getName());
        try (Harness<String, byte[]> harness = PythonTools.job("Mixed", config).open()) {
            harness.in(PythonTools.record("k", 1));
            harness.await(1);
        }
        final List<String> heard =
                lines.stream()
                        .filter(line -> line.contains("python.watched"))
                        .map(line -> line.substring(line.indexOf("] ") + 2))
                        .collect(Collectors.toList());
        assertThat(heard).hasSize(4);
        assertThat(heard.get(0)).isEqualTo("_input_event {\"input\": 1} by None");
        assertThat(heard.get(1)).startsWith("to-java {").endsWith(" by first");
        assertThat(heard.get(2)).startsWith("to-python {").endsWith(" by middle");
        assertThat(heard.get(3)).startsWith("_output_event {").endsWith(" by last");
        assertThat(InJava.TOLD).containsExactly("_input_event", "to-java", "to-python", "_output_event");
    }

    @Test
    void aListenerThatThrowsIsNamedOnceAndCountedAndTheJobGoesOn() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Echo", Map.of(LISTENERS, "watching_agents:Moody")).open()) {
            for (int i = 0; i < 10; i++) {
                harness.in(PythonTools.record("k" + i, i));
            }
            harness.await(10);
            awaitCount(harness, "eventListenerFailures", 20);
        }
        assertThat(lines.stream().filter(line -> line.startsWith("WARN")).collect(Collectors.toList()))
                .singleElement()
                .asString()
                .contains("Event listener watching_agents:Moody failed, told of _input_event", "RuntimeError: not in the mood");
    }

    @Test
    void aListenerThatHangsIsNamedWithWhereItIsAndTheJobGoesOnWhenItComesBack() throws Exception {
        final Path file = Files.createFile(directory.resolve("hang"));
        try (Harness<String, byte[]> harness = PythonTools.job("Echo", Map.of(LISTENERS, "watching_agents:Hangs")).open()) {
            harness.in(PythonTools.record("k", file.toString()));
            harness.mails();
            assertThat(awaitLine("Event listener watching_agents:Hangs, told of _input_event, has not come back for "))
                    .contains("The worker waits for it", "watching_agents.py", "in on_event_processed");
            Files.delete(file);
            assertThat(harness.await(1)).hasSize(1);
            assertThat(awaitLine("Event listener watching_agents:Hangs")).contains("has come back, after at most ");
        }
    }

    @Test
    void aJavaAgentMayHaveAListenerOfPython() throws Exception {
        final Harness.Job<String, String> job =
                new Harness.Job<>(
                        new EventLogTest.Twostep(), TestAgents::keyOf, String.class, String.class,
                        Map.of(LISTENERS, "watching_agents:Hears"));
        try (Harness<String, String> harness = job.withPython().open()) {
            for (int i = 0; i < 2_000; i++) {
                harness.in("k/" + i);
                harness.mails();
            }
            harness.await(2_000);
        }
        assertThat(lines.stream().filter(line -> line.contains("python.watched")).count()).isEqualTo(6_000);
    }

    @Test
    void aClassThatIsNotThereIsNamedWhenTheTaskStarts() throws Exception {
        assertThatThrownBy(() -> PythonTools.job("Echo", Map.of(LISTENERS, "watching_agents:Gone")).open())
                .hasStackTraceContaining("Option event-listeners names watching_agents:Gone, which cannot be made");
        final Harness.Job<String, String> alone =
                new Harness.Job<>(
                        new EventLogTest.Twostep(), TestAgents::keyOf, String.class, String.class, withLogger("Keeps"));
        assertThatThrownBy(alone::open)
                .hasStackTraceContaining("names listeners or an event logger of Python")
                .hasStackTraceContaining("there is no Python here");
    }

    @Test
    void aLoggerGetsTheEventsOfAllWorkersAndEndsWithTheTask() throws Exception {
        final Map<String, Object> config = withLogger("Keeps");
        config.put("python.workers", 3);
        config.put("event-log.type._output_event.level", "OFF");
        try (Harness<String, byte[]> harness = PythonTools.job("Echo", config).open()) {
            for (int i = 0; i < 30; i++) {
                harness.in(PythonTools.record("k" + i, i));
            }
            harness.await(30);
        }
        final List<String> expected = new ArrayList<>();
        expected.add("[\"open\", \"Echo\", \"MockTask\", 0]");
        for (int i = 0; i < 30; i++) {
            expected.add("[\"append\", \"_input_event\", {\"input\": " + i + "}, null, null]");
        }
        expected.add("[\"close\"]");
        assertThat(told()).isEqualTo(expected);
    }

    @Test
    void withATraceALoggerGetsRecordsOfExecutions() throws Exception {
        final Map<String, Object> config = withLogger("Keeps");
        config.put("event-log.trace.enabled", true);
        config.put("log.keys", "plain");
        try (Harness<String, byte[]> harness = PythonTools.job("Echo", config).open()) {
            harness.in(PythonTools.record("k", "a"));
            harness.await(1);
        }
        assertThat(told())
                .containsExactly(
                        "[\"open\", \"Echo\", \"MockTask\", 0]",
                        "[\"append\", \"_input_event\", {\"input\": \"a\"}, null, [\"k\", null, null]]",
                        "[\"append\", \"_execution_started_event\", {\"status\": \"started\"}, null, [\"k\", \"action\", \"echo\"]]",
                        "[\"append\", \"_execution_finished_event\", {\"status\": \"success\"}, null, [\"k\", \"action\", \"echo\"]]",
                        "[\"append\", \"_output_event\", {\"output\": \"a\"}, \"echo\", [\"k\", \"action\", \"echo\"]]",
                        "[\"close\"]");
    }

    @Test
    void aLoggerThatThrowsIsNamedOnceAndCountedAndTheJobGoesOn() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Echo", withLogger("Broken")).open()) {
            for (int i = 0; i < 5; i++) {
                harness.in(PythonTools.record("k", i));
            }
            harness.await(5);
            awaitCount(harness, "eventLogWriteFailures", 10);
        }
        assertThat(lines.stream().filter(line -> line.contains("Event logger watching_agents:Broken failed")).count()).isEqualTo(1);
    }

    @Test
    void aLoggerThatHangsIsNamedAndMissesNothingWhenItComesBack() throws Exception {
        final Path file = Files.createFile(directory.resolve("hang"));
        final Map<String, Object> config = withLogger("HangsAtFirst");
        config.put("hang", file.toString());
        try (Harness<String, byte[]> harness = PythonTools.job("Echo", config).open()) {
            for (int i = 0; i < 3; i++) {
                harness.in(PythonTools.record("k" + i, i));
                harness.mails();
            }
            assertThat(awaitLine("Event logger watching_agents:HangsAtFirst, told of _input_event, has not come back for "))
                    .contains("The worker waits for it", "watching_agents.py", "in append");
            Files.delete(file);
            harness.await(3);
            assertThat(awaitLine("Event logger watching_agents:HangsAtFirst")).contains("has come back, after at most ");
        }
        assertThat(told().stream().filter(line -> line.startsWith("[\"append\"")).count()).isEqualTo(6);
    }

    @Test
    void aLoggerThatNeverComesBackFailsTheTaskAlsoWhereNoActionIsPythons() throws Exception {
        final Map<String, Object> config = withLogger("Never");
        config.put("python.worker.timeout", "1 s");
        final Harness.Job<String, String> job =
                new Harness.Job<>(new EventLogTest.Twostep(), TestAgents::keyOf, String.class, String.class, config);
        try (Harness<String, String> harness = job.withPython().open()) {
            harness.in("k/a");
            assertThat(harness.await(1)).containsExactly("done");
            assertThatThrownBy(() -> harness.flink().endInput())
                    .hasStackTraceContaining("was silent for")
                    .hasStackTraceContaining("an event listener or an event logger may take that long")
                    .hasStackTraceContaining("python.worker.timeout");
        }
    }

    @Test
    void aSlowLoggerIsNotTakenForOneThatHangsAndGetsEverythingBeforeTheInputEnds() throws Exception {
        final Map<String, Object> config = withLogger("Slow");
        // For all events together it takes twice as long.
        config.put("python.worker.timeout", "2 s");
        try (Harness<String, byte[]> harness = PythonTools.job("Echo", config).open()) {
            for (int i = 0; i < 20; i++) {
                harness.in(PythonTools.record("k" + i, i));
            }
            harness.await(20);
            harness.flink().endInput();
            assertThat(told().stream().filter(line -> line.startsWith("[\"append\"")).count()).isEqualTo(40);
        }
    }

    @Test
    void aLoggerThatCannotBeOpenedFailsTheTaskWithItsReason() {
        assertThatThrownBy(() -> PythonTools.job("Echo", withLogger("Closed")).open())
                .hasStackTraceContaining("The event log of agent 'Echo' cannot be opened by watching_agents:Closed")
                .hasStackTraceContaining("no door");
    }
}
