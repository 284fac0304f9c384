package org.apache.flink.agents.runtime.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.AgentBuilder;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.DeadLetter;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Failure policies without Flink. */
@Timeout(120)
class LocalFailuresTest {
    /** What was done, in its order. */
    private static final List<String> DONE = new ArrayList<>();

    @TempDir Path directory;

    @BeforeEach
    void forget() {
        DONE.clear();
    }

    private static String input(final Event event) {
        return (String) InputEvent.fromEvent(event).getInput();
    }

    private static long times(final String what) {
        return DONE.stream().filter(what::equals).count();
    }

    /** Fails as often as the input's last character says. */
    public static class Failing extends Agent {
        @Action("_input_event")
        public static void act(final Event event, final RunnerContext ctx) throws Exception {
            final String input = input(event);
            ctx.getShortTermMemory().set("seen", "attempt");
            ctx.sendEvent(new OutputEvent("of " + input));
            DONE.add(input);
            if (times(input) <= input.charAt(input.length() - 1) - '0') {
                throw new IllegalStateException("not yet: " + input);
            }
        }
    }

    private static AgentsExecutionEnvironment environment(final Map<String, Object> options) {
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment();
        options.forEach((key, value) -> env.getConfig().setStr(key, String.valueOf(value)));
        return env;
    }

    @Test
    void anActionIsTriedAgainAndOnlyItsLastAttemptCounts() throws Exception {
        final AgentsExecutionEnvironment env =
                environment(Map.of("retry.max-attempts", 3, "retry.backoff", "5 ms", "on-failure", "dead-letter"));
        final AgentBuilder agent =
                env.fromList(List.of(Map.of("key", "a", "value", "x2"), Map.of("key", "b", "value", "y0"), Map.of("key", "a", "value", "z0")))
                        .apply(new Failing());
        final List<Map<String, Object>> outputs = agent.toList();
        env.execute();
        assertThat(outputs).containsExactly(Map.of("b", "of y0"), Map.of("a", "of x2"), Map.of("a", "of z0"));
        assertThat(times("x2")).isEqualTo(3);
        assertThat(agent.deadLettersToList()).isEmpty();
    }

    @Test
    void aPoisonedInputEndsAsADeadLetterWithItsWholeContext() throws Exception {
        final AgentsExecutionEnvironment env =
                environment(Map.of("action.act.retry.max-attempts", 1, "retry.backoff", "1 ms", "action.act.on-failure", "dead-letter"));
        final AgentBuilder agent =
                env.fromList(List.of(Map.of("key", "a", "value", "x9"), Map.of("key", "a", "value", "y0"))).apply(new Failing());
        final List<Map<String, Object>> outputs = agent.toList();
        env.execute();
        assertThat(outputs).containsExactly(Map.of("a", "of y0"));
        assertThat(agent.deadLettersToList()).hasSize(1);
        final DeadLetter letter = agent.deadLettersToList().get(0);
        assertThat(letter.action).isEqualTo("act");
        assertThat(letter.attempts).isEqualTo(2);
        assertThat(letter.key).isEqualTo("a");
        assertThat(letter.input).isEqualTo("\"x9\"");
        assertThat(letter.eventType).isEqualTo("_input_event");
        assertThat(letter.event).isEqualTo("{\"input\":\"x9\"}");
        assertThat(letter.errorType).isEqualTo("java.lang.IllegalStateException");
        assertThat(letter.errorMessage).isEqualTo("not yet: x9");
        assertThat(letter.stackTrace).contains("LocalFailuresTest$Failing.act");
        assertThat(letter.toJson()).contains("\"input\":\"x9\"").contains("\"event\":{\"input\":\"x9\"}");
        assertThat(DeadLetter.fromEvent(letter.toEvent())).isEqualTo(letter);
    }

    @Test
    void withoutAPolicyTheRunFailsAndAfterRetriesTheMessageSaysHowOften() {
        assertThatThrownBy(() -> {
                    final AgentsExecutionEnvironment env = environment(Map.of());
                    env.fromList(List.of(Map.of("key", "a", "value", "x9"))).apply(new Failing()).toList();
                    env.execute();
                })
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageNotContaining("time");
        DONE.clear();
        assertThatThrownBy(() -> {
                    final AgentsExecutionEnvironment env = environment(Map.of("retry.max-attempts", 2, "retry.backoff", "1 ms"));
                    env.fromList(List.of(Map.of("key", "a", "value", "x9"))).apply(new Failing()).toList();
                    env.execute();
                })
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContaining("for the 3. time");
        assertThat(DONE).hasSize(3);
    }

    private static final class Paid implements DurableCallable<String> {
        private final String what;
        private final int fails;

        Paid(final String what, final int fails) {
            this.what = what;
            this.fails = fails;
        }

        @Override
        public String getId() {
            return "pay";
        }

        @Override
        public Class<String> getResultClass() {
            return String.class;
        }

        @Override
        public String call() {
            DONE.add(what);
            if (times(what) <= fails) {
                throw new IllegalStateException("the bank is closed");
            }
            return what + "!";
        }
    }

    /** A call that returns, then one that fails twice. */
    public static class Paying extends Agent {
        @Action("_input_event")
        public static void act(final Event event, final RunnerContext ctx) throws Exception {
            final String first = ctx.durableExecute(new Paid("first", 0));
            final String second = ctx.durableExecute(new Paid("second", 2));
            ctx.sendEvent(new OutputEvent(first + second));
        }
    }

    @Test
    void withAJournalACallThatReturnedIsNotMadeAgainAndOneThatFailedIs() throws Exception {
        for (int run = 0; run < 2; run++) {
            final AgentsExecutionEnvironment env =
                    environment(
                            Map.of(
                                    "retry.max-attempts", 2, "retry.backoff", "1 ms", "actionStateStoreBackend", "sqlite",
                                    "sqlite.path", directory.resolve("journal").toString()));
            final List<Map<String, Object>> outputs =
                    env.fromList(List.of(Map.of("key", "a", "value", "x"))).apply(new Paying()).toList();
            env.execute("paying");
            assertThat(outputs).containsExactly(Map.of("a", "first!second!"));
            assertThat(DONE).containsExactly("first", "second", "second", "second");
        }
    }
}
