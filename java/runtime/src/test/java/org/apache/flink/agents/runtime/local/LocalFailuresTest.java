package org.apache.flink.agents.runtime.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
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
import org.apache.flink.agents.core.CommandLine;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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
        assertThat(letter.event).as("the same as the input").isNull();
        assertThat(letter.errorType).isEqualTo("java.lang.IllegalStateException");
        assertThat(letter.errorMessage).isEqualTo("not yet: x9");
        assertThat(letter.stackTrace).contains("LocalFailuresTest$Failing.act");
        assertThat(letter.toJson()).contains("\"input\":\"x9\"").contains("\"event\":null");
        assertThat(DeadLetter.fromEvent(letter.toEvent())).isEqualTo(letter);
    }

    @Test
    void lettersInAFileAreFedInAgainByTheCommand() throws Exception {
        final String poisoned = "first\nline, \u00fc 2";
        final AgentsExecutionEnvironment env = environment(Map.of("on-failure", "dead-letter"));
        final AgentBuilder agent =
                env.fromList(List.of(Map.of("key", "a", "value", poisoned), Map.of("key", "b", "value", "y0"))).apply(new Failing());
        final List<Map<String, Object>> outputs = agent.toList();
        env.execute();
        assertThat(outputs).containsExactly(Map.of("b", "of y0"));
        final Path file = directory.resolve("letters.jsonl");
        Files.write(file, agent.deadLettersToList().stream().map(DeadLetter::toJson).collect(Collectors.toList()));
        final ByteArrayOutputStream told = new ByteArrayOutputStream();
        final ByteArrayOutputStream errors = new ByteArrayOutputStream();
        assertThat(
                        CommandLine.run(
                                new PrintStream(told, true, "UTF-8"),
                                new PrintStream(errors, true, "UTF-8"),
                                "dead-letters",
                                file.toString(),
                                "--format",
                                "inputs"))
                .isZero();
        assertThat(errors.toString("UTF-8")).isEmpty();
        final List<Object> inputs = new ArrayList<>();
        for (final String line : told.toString("UTF-8").split("\n")) {
            inputs.add(Map.of("key", "a", "value", new ObjectMapper().readValue(line, String.class)));
        }
        final AgentsExecutionEnvironment again = environment(Map.of("retry.max-attempts", 2, "retry.backoff", "1 ms"));
        final List<Map<String, Object>> later = again.fromList(inputs).apply(new Failing()).toList();
        again.execute();
        assertThat(later).containsExactly(Map.of("a", "of " + poisoned));
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

    // ---- what letters have

    private AgentBuilder apply(final Map<String, Object> options, final Object input, final Agent agent) throws Exception {
        final AgentsExecutionEnvironment env = environment(options);
        final AgentBuilder built = env.fromList(List.of(Map.of("key", "a", "value", input))).apply(agent);
        built.toList();
        env.execute("failures");
        return built;
    }

    private static Map<String, Object> letters(final Object... more) {
        final Map<String, Object> options = new HashMap<>();
        options.put("on-failure", "dead-letter");
        for (int i = 0; i < more.length; i += 2) {
            options.put((String) more[i], more[i + 1]);
        }
        return options;
    }

    private Map<String, Object> journalled(final Object... more) {
        final Map<String, Object> options = letters(more);
        options.put("actionStateStoreBackend", "sqlite");
        options.put("sqlite.path", directory.resolve("journal").toString());
        return options;
    }

    /** Fails for everything, and sends it on first if it comes from outside. */
    public static class Refusing extends Agent {
        @Action("_input_event")
        public static void pass(final Event event, final RunnerContext ctx) {
            ctx.sendEvent(new Event("passed", Map.of("what", InputEvent.fromEvent(event).getInput())));
        }

        @Action("passed")
        public static void refuse(final Event event, final RunnerContext ctx) {
            throw new IllegalArgumentException("no");
        }
    }

    @Test
    void aRowIsInTheLetterWithItsFields() throws Exception {
        final Row inner = Row.withNames();
        inner.setField("id", 1.5);
        final AgentBuilder agent = apply(letters(), Row.of(7, inner), new Refusing());
        final DeadLetter letter = agent.deadLettersToList().get(0);
        final String json = "{\"type\":\"Row\",\"values\":[7,{\"type\":\"Row\",\"values\":[1.5],\"fields\":[\"id\"]}]}";
        assertThat(letter.input).isEqualTo(json);
        assertThat(letter.event).isEqualTo("{\"what\":" + json + '}');
        assertThat(letter.upstreamAction).isEqualTo("pass");
        assertThat(letter.inputEventId).isEqualTo(letter.upstreamEventId);
    }

    @Test
    void aLetterThatWouldBeTooLargeForTheJournalIsCutAndSaysSo() throws Exception {
        final String large = "\"ä".repeat(40_000);
        final AgentBuilder agent = apply(journalled("action-state.max-record-size", "200 kb"), large, new Refusing());
        final DeadLetter letter = agent.deadLettersToList().get(0);
        assertThat(letter.input).startsWith("\"").contains("cut by the dead letter").contains("characters in all");
        assertThat(letter.event).contains("cut by the dead letter");
        assertThat(new ObjectMapper().readTree(letter.toJson()).get("input").isTextual()).isTrue();
        // Without a store nothing limits it.
        assertThat(apply(letters(), large, new Refusing()).deadLettersToList().get(0).input).doesNotContain("cut by");
    }

    /** An exception that cannot even be shown. */
    public static final class Unspeakable extends RuntimeException {
        private static final long serialVersionUID = 1;

        @Override
        public String getMessage() {
            throw new IllegalStateException("not to be said");
        }

        @Override
        public String toString() {
            throw new IllegalStateException("not to be shown");
        }
    }

    /** Throws what the input names. */
    public static class Throwing extends Agent {
        @Action("_input_event")
        public static void act(final Event event, final RunnerContext ctx) throws Exception {
            DONE.add(input(event));
            switch (input(event)) {
                case "unspeakable":
                    throw new Unspeakable();
                case "missing class":
                    throw new RuntimeException(new NoClassDefFoundError("no/Such"));
                case "no memory":
                    throw new IllegalStateException(new OutOfMemoryError("no heap"));
                case "interrupted":
                    throw new IllegalStateException(new InterruptedException("enough"));
                case "interrupted before":
                    Thread.currentThread().interrupt();
                    throw new IllegalStateException("stopped");
                case "without end":
                    while (true) {
                        ctx.sendEvent(new Event("more", Map.of()));
                    }
                default:
                    throw new StackOverflowError();
            }
        }
    }

    @Test
    void anExceptionThatCannotBeShownFollowsThePolicyToo() throws Exception {
        final DeadLetter letter = apply(letters(), "unspeakable", new Throwing()).deadLettersToList().get(0);
        assertThat(letter.errorType).isEqualTo(Unspeakable.class.getName());
        assertThat(letter.errorMessage).isEqualTo(Unspeakable.class.getName());
        assertThatThrownBy(() -> apply(Map.of(), "unspeakable", new Throwing()))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContaining(Unspeakable.class.getName());
    }

    @ParameterizedTest
    @ValueSource(strings = {"missing class", "no memory", "interrupted", "interrupted before", "without end"})
    void whatIsNotTheActionsOwnFailureFailsTheRun(final String what) {
        assertThatThrownBy(() -> apply(letters("retry.max-attempts", 3, "max-events-per-run", 50), what, new Throwing()))
                .isInstanceOf(ActionTaskExecutionException.class);
        Thread.interrupted();
        assertThat(DONE).hasSize(1);
    }

    @Test
    void anEndlessRecursionIsTheActionsOwnFailure() throws Exception {
        assertThat(apply(letters(), "recursion", new Throwing()).deadLettersToList()).hasSize(1);
    }

    private static final class Interrupted implements DurableCallable<String> {
        @Override
        public String getId() {
            return "wait";
        }

        @Override
        public Class<String> getResultClass() {
            return String.class;
        }

        @Override
        public String call() throws InterruptedException {
            DONE.add("call");
            if (DONE.size() == 1) {
                Thread.currentThread().interrupt();
                Thread.sleep(1);
            }
            return "waited";
        }
    }

    /** Hides that its call was interrupted. */
    public static class Hiding extends Agent {
        @Action("_input_event")
        public static void act(final Event event, final RunnerContext ctx) {
            try {
                ctx.sendEvent(new OutputEvent(ctx.durableExecute(new Interrupted())));
            } catch (final Exception e) {
                throw new IllegalStateException("it did not work");
            }
        }
    }

    @Test
    void aCallThatWasInterruptedIsMadeAgainByTheNextRunAndLeavesNoLetter() throws Exception {
        assertThatThrownBy(() -> apply(journalled("retry.max-attempts", 3), "x", new Hiding()))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContaining("it did not work");
        assertThat(Thread.interrupted()).isTrue();
        final AgentBuilder agent = apply(journalled("retry.max-attempts", 3), "x", new Hiding());
        assertThat(agent.deadLettersToList()).isEmpty();
        assertThat(agent.toList()).containsExactly(Map.of("a", "waited"));
        assertThat(DONE).hasSize(2);
    }

    /** Takes what it works on out of its event. */
    public static class Consuming extends Agent {
        @Action("_input_event")
        public static void act(final Event event, final RunnerContext ctx) {
            final List<?> work = (List<?>) InputEvent.fromEvent(event).getInput();
            work.remove(0);
            throw new IllegalStateException("later");
        }
    }

    @Test
    void verifyingFindsAnAttemptThatChangesItsEvent() {
        assertThatThrownBy(
                        () -> apply(letters("values.verify", true), new ArrayList<>(List.of("a", "b")), new Consuming()))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContaining("another value in its attribute \"input\"");
    }

    @Test
    void withoutAPolicyNobodyLooksWhatAFailedActionHasChanged() {
        assertThatThrownBy(() -> apply(Map.of(), new ArrayList<>(List.of("a", "b")), new Consuming()))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContaining("later")
                .hasMessageNotContaining("another value");
        assertThatThrownBy(() -> apply(Map.of(), "x", new Scribbling())).hasMessageContaining("later");
    }

    /** Changes a list in memory before it fails. */
    public static class Scribbling extends Agent {
        @Action("_input_event")
        public static void keep(final Event event, final RunnerContext ctx) throws Exception {
            ctx.getShortTermMemory().set("list", new ArrayList<>(List.of("a")));
            ctx.sendEvent(new Event("kept", Map.of()));
        }

        @Action("kept")
        public static void scribble(final Event event, final RunnerContext ctx) throws Exception {
            @SuppressWarnings("unchecked") // as it was set
            final List<Object> list = (List<Object>) ctx.getShortTermMemory().get("list").getValue();
            list.add("b");
            throw new IllegalStateException("later");
        }
    }

    @Test
    void verifyingFindsAnAttemptThatChangesWhatItGotFromMemory() {
        assertThatThrownBy(() -> apply(letters("values.verify", true), "x", new Scribbling()))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContaining("memory path \"list\" in place");
    }
}
