package org.apache.flink.agents.runtime.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.slf4j.MDC;

@Execution(ExecutionMode.SAME_THREAD)
class LogContextTest {
    private static final List<Map<String, String>> SEEN = Collections.synchronizedList(new ArrayList<>());

    /** Notes what lines would show: in an action, in the one behind it, and in a call of that. */
    public static class Noting extends Agent {
        @Action(EventType.InputEvent)
        public static void first(final Event event, final RunnerContext context) {
            note("first");
            MDC.put("users", "own");
            context.sendEvent(new Event("second"));
        }

        @Action("second")
        public static void second(final Event event, final RunnerContext context) throws Exception {
            note("second");
            final String made =
                    context.durableExecuteAsync(
                            new DurableCallable<String>() {
                                @Override
                                public String getId() {
                                    return "note";
                                }

                                @Override
                                public Class<String> getResultClass() {
                                    return String.class;
                                }

                                @Override
                                public String call() {
                                    note("call");
                                    return "made";
                                }
                            });
            note("after");
            context.sendEvent(new OutputEvent(made));
        }

        private static void note(final String where) {
            final Map<String, String> shown = MDC.getCopyOfContextMap();
            final Map<String, String> seen = new HashMap<>(shown == null ? Map.of() : shown);
            seen.put("where", where);
            SEEN.add(seen);
        }
    }

    @BeforeEach
    @AfterEach
    void clean() {
        MDC.clear();
        SEEN.clear();
    }

    private static void run(final String keys) throws Exception {
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment();
        env.getConfig().setStr("log.keys", keys);
        env.fromList(List.of(Map.of("key", "ann", "value", 1L))).apply(new Noting()).toList();
        env.execute();
    }

    private static Map<String, String> seen(final String where) {
        return SEEN.stream().filter(one -> one.get("where").equals(where)).findFirst().orElseThrow();
    }

    @Test
    void linesOfActionsAndTheirCallsShowWhatTheyBelongTo() throws Exception {
        MDC.put("others", "stays");
        run("plain");
        final Map<String, String> first = seen("first");
        assertThat(first)
                .containsEntry(LogContext.JOB, "local")
                .containsEntry(LogContext.SUBTASK, "0")
                .containsEntry(LogContext.ACTION, "first")
                .containsEntry(LogContext.KEY, "ann")
                .containsEntry("others", "stays")
                .containsKeys(LogContext.OPERATOR, LogContext.AGENT, LogContext.EVENT);
        assertThat(first.get(LogContext.RUN)).isEqualTo(first.get(LogContext.EVENT));
        for (final String where : List.of("second", "call", "after")) {
            assertThat(seen(where))
                    .as(where)
                    .containsEntry(LogContext.ACTION, "second")
                    .containsEntry(LogContext.KEY, "ann")
                    .containsEntry(LogContext.RUN, first.get(LogContext.RUN));
            assertThat(seen(where).get(LogContext.EVENT)).isNotEqualTo(first.get(LogContext.EVENT));
        }
        assertThat(MDC.getCopyOfContextMap()).containsEntry("others", "stays").noneSatisfy((name, value) -> assertThat(name).startsWith("flink-agents-"));
    }

    @Test
    void keysAreShownAsTheOptionSays() throws Exception {
        run("hash");
        assertThat(seen("first").get(LogContext.KEY)).matches("#[0-9a-f]{12}");
        SEEN.clear();
        run("none");
        assertThat(seen("first")).doesNotContainKey(LogContext.KEY);
    }

    @Test
    void theContextIsSetWhereAPatternShowsIt() {
        for (final String pattern : List.of("%d %X %m", "%-20mdc %m", "%MDC", "%notEmpty{%X{flink-agents-key}}", "%X{a}%X{flink-agents-run}")) {
            assertThat(LogContext.asks(pattern)).as(pattern).isTrue();
        }
        for (final String pattern : List.of("%d{HH:mm} %-5p %-60c %x - %m%n", "%X{flink-job-id} %m", "[%notEmpty{%mdc{other}}]", "")) {
            assertThat(LogContext.asks(pattern)).as(pattern).isFalse();
        }
        assertThat(LogContext.asks(null)).isFalse();
    }
}
