package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.Logger;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Property;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Durable calls of Python actions in a worker; what they do without Flink is tested in python/tests. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class PythonCallsTest {
    @AfterEach
    void noWorkerIsLeft() {
        assertThat(PythonTools.workers()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"loop,10000", "thread,1000"})
    void callsOfManyKeysAreUnderWayAtATime(final String kind, final int number) throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Meets").open()) {
            for (int i = 0; i < number; i++) {
                harness.in(PythonTools.record("k" + i, List.of(kind, number)));
            }
            assertThat(PythonTools.decode(harness.await(number))).hasSize(number).containsOnly("met");
        }
    }

    /** Nobody waits for the calls, neither the worker nor the task. */
    @Test
    void aJobEndsWhileCallsHang() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Calls").open()) {
            harness.in(PythonTools.record("k", "hang"));
            harness.in(PythonTools.record("l", "hang on the loop"));
            harness.in(PythonTools.record("m", "go on"));
            assertThat(PythonTools.decode(harness.await(1))).containsExactly("go on");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"hang", "hang on the loop", "hang in place"})
    void aCallThatNeverReturnsFailsTheTaskByItsTimeLimit(final String what) throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Calls", Map.of("call.timeout", "100 ms")).open()) {
            harness.in(PythonTools.record("k", what));
            assertThatThrownBy(
                            () -> {
                                while (true) {
                                    harness.awaitMail();
                                }
                            })
                    .hasMessageContainingAll(
                            "Python action 'act' of agent 'Calls' failed while handling event _input_event of key #",
                            "DurableCallTimeoutError: Durable call '",
                            "' of agent 'Calls', action 'act', took longer than 0.1 s",
                            "The limit is option call.timeout")
                    .hasMessageNotContaining("s:k");
        }
    }

    @Test
    void aContextIsRefusedInsideCallsAndWhileItsActionWaitsForMemory() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Calls").open()) {
            harness.in(PythonTools.record("k", "use the context"));
            final List<?> refused = (List<?>) PythonTools.decode(harness.await(1)).get(0);
            assertThat(refused).hasSize(6).allMatch(text -> text.toString().matches(".*(use what|use the context there).*"));
            harness.in(PythonTools.record("k", "wait for memory meanwhile"));
            final List<?> meanwhile = (List<?>) PythonTools.decode(harness.await(1)).get(0);
            assertThat(meanwhile.get(0)).isNull();
            assertThat(meanwhile).hasSizeGreaterThan(1);
            assertThat(meanwhile.toString()).contains("waits, for memory from the TaskManager");
        }
    }

    @Test
    void callsThatAnActionLeavesBehindAreToldInTheLog() throws Exception {
        final List<String> lines = new CopyOnWriteArrayList<>();
        final Logger logger = (Logger) LogManager.getLogger("flink_agents.python");
        final AbstractAppender appender =
                new AbstractAppender("captured", null, null, true, Property.EMPTY_ARRAY) {
                    @Override
                    public void append(final LogEvent event) {
                        lines.add(event.getLevel() + " " + event.getMessage().getFormattedMessage());
                    }
                };
        appender.start();
        logger.addAppender(appender);
        try (Harness<String, byte[]> harness = PythonTools.job("Calls").open()) {
            harness.in(PythonTools.record("k", "leave a call"));
            harness.await(1);
        } finally {
            logger.removeAppender(appender);
        }
        assertThat(lines)
                .anyMatch(
                        line ->
                                line.startsWith("WARN")
                                        && line.contains(
                                                "Agent 'Calls': Action 'act' ended while 1 of its durable calls were under way"))
                .noneMatch(line -> line.startsWith("" + Level.ERROR));
    }
}
