package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.PythonFunction;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.Logger;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.logging.log4j.core.config.Property;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Python actions in the operator: what they may do, what becomes of it, and what is said when they fail. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class PythonTest {
    @AfterEach
    void noWorkerIsLeft() {
        assertThat(PythonTools.workers()).isEmpty();
    }

    /** Java actions that Python's plans name. */
    public static final class JavaActions {
        private JavaActions() {}

        public static void middle(final Event event, final RunnerContext context) throws Exception {
            for (final MemoryObject memory : List.of(context.getShortTermMemory(), context.getSensoryMemory())) {
                final String name = memory == context.getShortTermMemory() ? "count" : "seen";
                memory.set(name, (Integer) memory.get(name).getValue() + 1);
            }
            context.getShortTermMemory().set("java.was", "here");
            final List<Object> trace = new ArrayList<>((List<?>) event.getAttr("trace"));
            trace.add("java");
            context.sendEvent(new Event("to-python", Map.of("trace", trace, "value", event.getAttr("value"))));
        }
    }

    @Test
    void outputsOfAKeyComeInOrder() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Echo").open()) {
            for (int i = 0; i < 1_000; i++) {
                harness.in(PythonTools.record("k" + i % 10, "k" + i % 10 + "/" + i));
            }
            final List<Object> outputs = PythonTools.decode(harness.await(1_000));
            for (int key = 0; key < 10; key++) {
                final String own = "k" + key + "/";
                final List<String> expected = new ArrayList<>();
                for (int i = key; i < 1_000; i += 10) {
                    expected.add(own + i);
                }
                assertThat(outputs).filteredOn(output -> ((String) output).startsWith(own)).isEqualTo(expected);
            }
        }
    }

    @Test
    void runsOfAKeyFollowOneAnotherAndMemoryOutlivesThem() throws Exception {
        for (final String agent : List.of("Walker", "AsyncWalker", "CallWalker")) {
            try (Harness<String, byte[]> harness = PythonTools.job(agent).open()) {
                final List<String> expected = new ArrayList<>();
                for (int i = 0; i < 60; i++) {
                    final String key = "k" + i % 3;
                    harness.in(PythonTools.record(key, List.of(key, i % 5, "t" + i)));
                    expected.add(key + "/t" + i + "#" + (i / 3 + 1) + " after " + i % 5);
                }
                assertThat(Cluster.byKey(PythonTools.decode(harness.await(60)))).isEqualTo(Cluster.byKey(expected));
            }
        }
    }

    @Test
    void valuesComeBackAsTheyWere() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Echo").open()) {
            final Map<String, Object> value = new java.util.LinkedHashMap<>();
            value.put("text", "ä😀");
            value.put("none", null);
            value.put("list", new ArrayList<>(List.of(1, 1L << 40, 2.5, true, new ArrayList<>())));
            harness.in(PythonTools.record("k", value));
            assertThat(PythonTools.decode(harness.await(1))).isEqualTo(List.of(value));
            harness.in(PythonTools.record("k", "x".repeat(3_000_000)));
            assertThat(PythonTools.decode(harness.await(1))).isEqualTo(List.of("x".repeat(3_000_000)));
        }
    }

    @Test
    void anActionMayWriteMorePathsThanAWorkerKeeps() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("ManyPaths").open()) {
            for (final int count : new int[] {10, 5_000, 10, 6_000}) {
                harness.in(PythonTools.record("k", count));
                final int sum = count * (count - 1) / 2;
                assertThat(PythonTools.decode(harness.await(1))).isEqualTo(List.of(List.of(sum, sum)));
            }
        }
    }

    @Test
    void javaAndPythonActionsOfOnePlanShareEventsAndMemory() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Mixed").open()) {
            for (int i = 1; i <= 3; i++) {
                harness.in(PythonTools.record("k", i));
                final Map<?, ?> output = (Map<?, ?>) PythonTools.decode(harness.await(1)).get(0);
                assertThat(output.get("trace")).isEqualTo(List.of("python", "java", "python"));
                assertThat(output.get("value")).isEqualTo(i);
                assertThat(output.get("count")).isEqualTo(3 * i);
                assertThat(output.get("seen")).isEqualTo(3);
                assertThat(output.get("fields")).isEqualTo(List.of("count", "java"));
                assertThat(output.get("upstream")).isEqualTo("middle");
            }
        }
    }

    /** A Java agent with an action of Python. */
    public static final class WithPython extends Agent {
        @Action(EventType.InputEvent)
        public static void start(final Event event, final RunnerContext context) {
            context.sendEvent(new Event("to-python", Map.of("number", InputEvent.fromEvent(event).getInput())));
        }

        @Action(
                value = "to-python",
                target = @PythonFunction(module = "embedded_agents", qualname = "from_java"))
        public static void python(final Event event, final RunnerContext context) {
            throw new IllegalStateException("stands for the function of Python");
        }

        @Action("back")
        public static void end(final Event event, final RunnerContext context) throws Exception {
            final Object memory = context.getShortTermMemory().get("from.python").getValue();
            context.sendEvent(new OutputEvent(event.getAttr("doubled") + " " + event.getAttr("got") + " " + memory));
        }
    }

    @Test
    void aPythonActionOfAJavaAgentGetsItsEventsAndItsMemoryIsSeen() throws Exception {
        final Harness.Job<String, Long> job =
                new Harness.Job<String, Long>(new WithPython(), number -> "k" + number, String.class, Long.class, Map.of());
        try (Harness<String, Long> harness = job.withPython().open()) {
            harness.in(21L);
            assertThat(harness.await(1)).isEqualTo(List.of("42 {number=21} [1, {a=b}]"));
        }
    }

    @Test
    void conditionsSeeInputsAndEventsOfPython() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Conditions").open()) {
            for (final int size : new int[] {3, 30}) {
                harness.in(PythonTools.record("k", Map.of("size", size, "other", "x")));
            }
            assertThat(PythonTools.decode(harness.await(2))).isEqualTo(List.of("small 3", "LARGE 30"));
        }
    }

    @Test
    void configurationReachesTheAction() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Counts", Map.of("my.option", "x")).open()) {
            harness.in(PythonTools.record("k", 1));
            final List<?> output = (List<?>) PythonTools.decode(harness.await(1)).get(0);
            assertThat(output.get(0)).isEqualTo("x");
            assertThat(PythonTools.workers()).extracting(ProcessHandle::pid).containsExactly(((Number) output.get(1)).longValue());
        }
    }

    @Test
    void whatAnActionLogsAndPrintsIsInTheLogOfTheTaskManager() throws Exception {
        final List<String> lines = new CopyOnWriteArrayList<>();
        final Logger logger = (Logger) LogManager.getLogger("flink_agents.python");
        final AbstractAppender appender =
                new AbstractAppender("captured", null, null, true, Property.EMPTY_ARRAY) {
                    @Override
                    public void append(final LogEvent event) {
                        lines.add(event.getLevel() + " " + event.getLoggerName() + " " + event.getMessage().getFormattedMessage());
                    }
                };
        appender.start();
        final Level before = logger.getLevel();
        logger.addAppender(appender);
        Configurator.setLevel("flink_agents.python", Level.INFO);
        try (Harness<String, byte[]> harness = PythonTools.job("Talks").open()) {
            harness.in(PythonTools.record("k", 1));
            harness.await(1);
        } finally {
            Configurator.setLevel("flink_agents.python", before);
            logger.removeAppender(appender);
        }
        assertThat(lines)
                .contains(
                        "WARN flink_agents.python.my.agent [MockTask (1/1)#0] first line\nsecond line",
                        "INFO flink_agents.python.my.agent [MockTask (1/1)#0] told",
                        "INFO flink_agents.python [MockTask (1/1)#0] printed ä",
                        "INFO flink_agents.python [MockTask (1/1)#0] on standard error");
    }

    private static void fails(final String what, final String... said) throws Exception {
        failsWithin("1 s", what, said);
    }

    private static void failsWithin(final String timeout, final String what, final String... said) throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("Fails", Map.of("python.worker.timeout", timeout)).open()) {
            harness.in(PythonTools.record("k", what));
            assertThatThrownBy(
                            () -> {
                                while (true) {
                                    harness.awaitMail();
                                }
                            })
                    .hasMessageContainingAll(said);
        }
    }

    @Test
    void anExceptionFailsTheTaskWithItsTraceback() throws Exception {
        fails(
                "raise",
                "Python action 'act' of agent 'Fails' failed while handling event _input_event of key #",
                "ValueError: stumbled on purpose",
                "embedded_agents.py\", line ",
                "raise ValueError(\"stumbled on purpose\")");
        fails("raise what is odd", "Odd: seven", "raise Odd(text=\"seven\")");
        fails("raise what has no text", "Odd: <Odd whose text cannot be made: LookupError>", "raise Odd(text=None)");
        fails("raise half a character", "ValueError: half \\ud800");
        fails("exit", "it called sys.exit(3)");
        fails("send what is no data", "attributes.items[1].when", "object");
        failsWithin("60 s", "send what is huge", "attributes: it has 26", "Keep what is large elsewhere");
        failsWithin("60 s", "remember what is huge", "a.b: it has 26", "Keep what is large elsewhere");
        fails("send without end", "max-events-per-run");
    }

    /** Also a thread that is left behind does not keep the worker, which is checked after each test. */
    @Test
    void forksThreadsAndOddOutputLeaveTheWorkerInOrder() throws Exception {
        try (Harness<String, byte[]> harness = PythonTools.job("BadManners").open()) {
            final List<String> answers =
                    List.of(
                            "fork and come back: 1", "fork and leave: 5", "fork and raise: 1", "fork and remember: 1",
                            "fork and send much: 1", "print what is no text", "leave a thread", "nothing");
            for (final String answer : answers) {
                harness.in(PythonTools.record("k", answer.split(":")[0]));
                // Each alone, and a batch of others behind it, which a child must not work off a second time.
                harness.in(PythonTools.record("other", "nothing"));
            }
            harness.in(PythonTools.record("k", "run a process"));
            final List<Object> outputs = PythonTools.decode(harness.await(2 * answers.size() + 1));
            assertThat(outputs).containsAll(answers).contains(List.of(1, 2)).doesNotContain("of the child");
            harness.in(PythonTools.record("k", "nothing"));
            assertThat(PythonTools.decode(harness.await(1))).containsExactly("nothing");
        }
        try (Harness<String, byte[]> harness = PythonTools.job("AsyncFork").open()) {
            for (int i = 0; i < 20; i++) {
                harness.in(PythonTools.record("k" + i, i));
            }
            final List<Object> outputs = PythonTools.decode(harness.await(20));
            assertThat(outputs).hasSize(20).doesNotHaveDuplicates().allMatch(output -> ((String) output).endsWith(": 1"));
        }
    }

    @Test
    void aWorkerThatDiesOrHangsFailsTheTaskWithItsLastWords() throws Exception {
        fails("die", "The Python worker of agent 'Fails'", "exited with status 7", "these are my last words");
        fails("hang", "was silent for", "python.worker.timeout");
    }

    @Test
    void anAgentThatCannotBeLoadedIsToldWhenTheOperatorOpens() throws Exception {
        final Harness.Job<String, byte[]> job =
                PythonTools.job("Echo").withPlan(plan -> plan.replace("embedded_agents", "no_such_module"));
        assertThatThrownBy(job::open)
                .hasMessageContainingAll("No Python worker for agent 'Echo'", "no_such_module", "modules are looked for in");
        final Harness.Job<String, byte[]> plain = PythonTools.job("Echo");
        assertThatThrownBy(() -> plain.withPlan(plan -> plan).withInterpreter("/nowhere/python", Map.of()).open())
                .hasMessageContainingAll("/nowhere/python", "cannot be started", "exist on every machine");
        final String here = System.getProperty(PythonTools.PYTHON);
        assertThatThrownBy(() -> plain.withInterpreter(here, Map.of("FLINK_AGENTS_CLIENT_PYTHON", "3.9")).open())
                .hasMessageContainingAll("submitted with Python 3.9", here, "-pyexec");
        assertThatThrownBy(() -> PythonTools.job("Echo").withPlan(plan -> plan.replace("embedded_agents", "half_a_module")).open())
                .hasMessageContainingAll("its agent cannot be loaded: RuntimeError: half \\udc80");
    }

    @Test
    void withoutPythonAPythonActionIsRefused() {
        final Harness.Job<String, Long> job =
                new Harness.Job<String, Long>(new WithPython(), number -> "k" + number, String.class, Long.class, Map.of());
        assertThatThrownBy(job::open).hasMessageContaining("there is no Python here to run them");
    }
}
