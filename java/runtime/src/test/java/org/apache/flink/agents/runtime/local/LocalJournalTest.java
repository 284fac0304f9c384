package org.apache.flink.agents.runtime.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.Identity;
import org.apache.flink.agents.api.context.DurableCallContext;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.runtime.env.LocalExecutionEnvironment;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs without Flink that are started again under their name: what was done is not done again. */
@Timeout(value = 240, threadMode = ThreadMode.SEPARATE_THREAD)
class LocalJournalTest {
    /** Side effects, each with its idempotency key. */
    private static final List<String> EFFECTS = new ArrayList<>();

    private static volatile boolean broken;

    @TempDir Path directory;

    /** What the last run that ended well has counted. */
    private Map<String, Object> counted;

    @BeforeEach
    void forget() {
        EFFECTS.clear();
        broken = false;
    }

    private static final class Effect implements DurableCallable<String> {
        private final String what;
        private final List<String> ids;

        Effect(final String what, final String... ids) {
            this.what = what;
            this.ids = List.of(ids);
        }

        @Override
        public String getId() {
            return ids.get(0);
        }

        @Override
        public List<String> formerIds() {
            return ids.subList(1, ids.size());
        }

        @Override
        public Class<String> getResultClass() {
            return String.class;
        }

        @Override
        public Object arguments() {
            return what;
        }

        @Override
        public String call() {
            throw new IllegalStateException("This call wants its key");
        }

        @Override
        public String call(final DurableCallContext context) {
            EFFECTS.add(what + " " + context.idempotencyKey());
            return what + " done";
        }
    }

    private static void count(final Event event, final RunnerContext context, final String... ids) throws Exception {
        final MemoryObject known = context.getShortTermMemory().get("count");
        final int count = known == null ? 1 : (Integer) known.getValue() + 1;
        context.getShortTermMemory().set("count", count);
        final String done = context.durableExecute(new Effect(InputEvent.fromEvent(event).getInput() + " " + count, ids));
        if (broken) {
            // It begins when the first has been recorded for good.
            context.durableExecute(new Effect("more", "other"));
            throw new IllegalStateException("broken here");
        }
        context.sendEvent(new OutputEvent(done));
    }

    /** An action that counts its key's inputs. */
    public static final class Counting extends Agent {
        @Action(EventType.InputEvent)
        public static void count(final Event event, final RunnerContext context) throws Exception {
            LocalJournalTest.count(event, context, "count");
        }
    }

    /** The same under another name, and with another name of its call. */
    public static final class Renamed extends Agent {
        @Action(EventType.InputEvent)
        @Identity(formerNames = {"count", "counts"})
        public static void tally(final Event event, final RunnerContext context) throws Exception {
            LocalJournalTest.count(event, context, "tally", "count");
        }
    }

    /** The same, without a word of its former name. */
    public static final class Other extends Agent {
        @Action(EventType.InputEvent)
        public static void tally(final Event event, final RunnerContext context) throws Exception {
            LocalJournalTest.count(event, context, "count");
        }
    }

    /** The threads on which actions began, in their order; null for one with two calls. */
    private static final List<Thread> THREADS = new ArrayList<>();

    /** Makes one call, and on some inputs one more. */
    public static final class OneOrTwo extends Agent {
        @Action(EventType.InputEvent)
        public static void call(final Event event, final RunnerContext context) throws Exception {
            final int number = (Integer) InputEvent.fromEvent(event).getInput();
            THREADS.add(number < 0 ? null : Thread.currentThread());
            String done = context.durableExecute(new Effect("first of " + number, "first"));
            if (number < 0) {
                done += ", " + context.durableExecute(new Effect("second of " + number, "second"));
            }
            context.sendEvent(new OutputEvent(done));
        }
    }

    private static Object element(final Object key, final Object value) {
        return Map.of("key", key, "value", value);
    }

    private AgentsExecutionEnvironment environment(final String store) {
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment();
        env.getConfig().setStr("actionStateStoreBackend", store);
        env.getConfig().setStr("sqlite.path", directory.resolve("journal.sqlite").toString());
        return env;
    }

    private List<Map<String, Object>> run(final String store, final String name, final Agent agent, final Object... inputs)
            throws Exception {
        final AgentsExecutionEnvironment env = environment(store);
        final List<Map<String, Object>> outputs = env.fromList(List.of(inputs)).apply(agent).toList();
        env.execute(name);
        counted = ((LocalExecutionEnvironment) env).metrics().values();
        return outputs;
    }

    private void breaks(final String store, final String name, final Agent agent, final Object... inputs) {
        broken = true;
        assertThatThrownBy(() -> run(store, name, agent, inputs)).hasMessageContaining("broken here");
        broken = false;
    }

    @ParameterizedTest
    @ValueSource(strings = {"sqlite", "memory"})
    void aRunStartedAgainUnderItsNameGoesOnWhereItWas(final String store) throws Exception {
        final String name = "run " + UUID.randomUUID();
        final Object[] inputs = {element("a", "x"), element(7, "x"), element("a", "y")};
        breaks(store, name, new Counting(), inputs);
        final int before = EFFECTS.size();
        assertThat(before).isGreaterThanOrEqualTo(2);
        final String first = EFFECTS.get(0);
        final List<Map<String, Object>> outputs = run(store, name, new Counting(), inputs);
        assertThat(outputs)
                .containsExactlyInAnyOrder(Map.of("a", "x 1 done"), intKey("x 1 done"), Map.of("a", "y 2 done"));
        assertThat(EFFECTS.stream().filter(first::equals)).as("the call that was recorded").hasSize(1);
        final long made = EFFECTS.stream().filter(effect -> !effect.startsWith("more")).count();
        final long all = made - EFFECTS.subList(0, before).stream().filter(effect -> !effect.startsWith("more")).count();
        assertThat((Long) counted.get("numOfCallsReplayed")).as("calls not made").isEqualTo(inputs.length - all).isPositive();
        // A run that has finished returns the same, and does nothing; what is new at the end of its list is done.
        final int done = EFFECTS.size();
        assertThat(run(store, name, new Counting(), inputs)).containsExactlyInAnyOrderElementsOf(outputs);
        assertThat(EFFECTS).hasSize(done);
        assertThat(counted).containsEntry("numOfActionsReplayed", 3L).containsEntry("numOfDivergences", 0L);
        final Object[] longer = {inputs[0], inputs[1], inputs[2], element("a", "z")};
        assertThat(run(store, name, new Counting(), longer)).hasSize(4).contains(Map.of("a", "z 3 done"));
        assertThat(EFFECTS).hasSize(done + 1);
        // Under another name it is another run, with other keys.
        run(store, name + " 2", new Counting(), inputs);
        assertThat(EFFECTS).hasSize(done + 4);
        assertThat(new HashSet<>(EFFECTS.subList(done, done + 4))).hasSize(4);
    }

    @SuppressWarnings({"unchecked", "rawtypes"}) // each key is of the class that it was given with
    private static Map<String, Object> intKey(final Object output) {
        return (Map) Map.of(7, output);
    }

    @ParameterizedTest
    @ValueSource(strings = {"sqlite", "memory"})
    void anActionThatMakesOneCallRunsOnTheHostsThreadAndMayStillWaitThere(final String store) throws Exception {
        final List<Object> inputs = new ArrayList<>();
        final List<String> effects = new ArrayList<>();
        final List<Map<String, Object>> outputs = new ArrayList<>();
        for (int i = 0; i < 2500; i++) {
            // More runs than it takes to be known; then two that have to wait, and some after them.
            final int number = i == 2200 || i == 2250 ? -i : i;
            final String key = "k" + i % 5;
            inputs.add(element(key, number));
            effects.add("first of " + number);
            final String first = "first of " + number + " done";
            if (number < 0) {
                effects.add("second of " + number);
            }
            outputs.add(Map.of(key, number < 0 ? first + ", second of " + number + " done" : first));
        }
        THREADS.clear();
        assertThat(run(store, "run " + UUID.randomUUID(), new OneOrTwo(), inputs.toArray()))
                .containsExactlyInAnyOrderElementsOf(outputs);
        assertThat(EFFECTS.stream().map(effect -> effect.substring(0, effect.lastIndexOf(' '))))
                .containsExactlyInAnyOrderElementsOf(effects);
        final Thread host = Thread.currentThread();
        assertThat(THREADS.get(0)).isNotSameAs(host);
        // Keys take turns as they like: in the order in which the actions began.
        final int waits = THREADS.indexOf(null);
        assertThat(THREADS.subList(waits - 100, waits)).containsOnly(host);
        assertThat(THREADS.get(THREADS.size() - 1)).as("after it had to wait").isNotSameAs(host);
    }

    @Test
    void severalListsOfOneExecutionDoNotMix() throws Exception {
        for (int attempt = 0; attempt < 2; attempt++) {
            final AgentsExecutionEnvironment env = environment("sqlite");
            final List<Map<String, Object>> one = env.fromList(List.of(element("a", "x"))).apply(new Counting()).toList();
            final List<Map<String, Object>> two = env.fromList(List.of(element("a", "y"))).apply(new Counting()).toList();
            env.execute("both");
            assertThat(one).containsExactly(Map.of("a", "x 1 done"));
            assertThat(two).containsExactly(Map.of("a", "y 1 done"));
            assertThat(EFFECTS).hasSize(2);
        }
    }

    @Test
    void aRenamedActionAndItsRenamedCallGoOn() throws Exception {
        breaks("sqlite", "renamed", new Counting(), element("a", "x"));
        final List<String> before = new ArrayList<>(EFFECTS);
        assertThat(run("sqlite", "renamed", new Renamed(), element("a", "x"))).containsExactly(Map.of("a", "x 1 done"));
        assertThat(EFFECTS).isEqualTo(before);
        // What it records now is found by the agent of before, too.
        assertThat(run("sqlite", "renamed", new Counting(), element("a", "x"))).containsExactly(Map.of("a", "x 1 done"));
        assertThat(EFFECTS).isEqualTo(before);
        breaks("sqlite", "other", new Counting(), element("a", "x"));
        run("sqlite", "other", new Other(), element("a", "x"));
        assertThat(EFFECTS).as("without a declaration it is made again").hasSizeGreaterThan(2 * before.size());
    }

    @Test
    void anotherListUnderTheSameNameIsADivergence() throws Exception {
        run("sqlite", "list", new Counting(), element("a", "x"), element("a", "y"));
        final AgentsExecutionEnvironment env = environment("sqlite");
        env.getConfig().setStr("action-state.on-divergence", "fail");
        env.fromList(List.of(element("a", "x"), element("a", "other"))).apply(new Counting());
        assertThatThrownBy(() -> env.execute("list"))
                .hasMessageContaining("its input did not come again")
                .hasMessageContaining("on-divergence");
        assertThat(run("sqlite", "list", new Counting(), element("a", "x"), element("a", "other")))
                .containsExactly(Map.of("a", "x 1 done"), Map.of("a", "other 2 done"));
        assertThat(counted).containsEntry("numOfDivergences", 1L).containsEntry("numOfActionsReplayed", 1L);
    }

    /** A key. */
    public enum Colour {
        RED
    }

    @Test
    void keysAreFoundAgainByWhatTheyAre() throws Exception {
        final UUID uuid = UUID.randomUUID();
        final Object[] inputs = {
            element(1, "x"), element(1L, "x"), element("1", "x"), element(Colour.RED, "x"), element(List.of("a", 1), "x"),
            element(uuid, "x"), element("", "x"), element("\u00e9", "x"), Map.of("value", "x"),
        };
        final List<Map<String, Object>> outputs = run("sqlite", "keys", new Counting(), inputs);
        assertThat(outputs).allSatisfy(output -> assertThat(output.values()).containsExactly("x 1 done"));
        final Set<String> effects = new HashSet<>(EFFECTS);
        assertThat(effects).as("idempotency keys").hasSize(inputs.length);
        assertThat(run("sqlite", "keys", new Counting(), inputs)).containsExactlyInAnyOrderElementsOf(outputs);
        assertThat(EFFECTS).hasSize(inputs.length);
        assertThatThrownBy(() -> run("sqlite", "keys", new Counting(), element(new File("x"), "x")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("java.io.File")
                .hasMessageContaining("texts");
        assertThatThrownBy(() -> run("sqlite", "keys", new Counting(), element(List.of(Set.of("x")), "x")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("could not find it in the store");
    }

    @Test
    void aRunWithAStoreHasAName() throws Exception {
        assertThatThrownBy(() -> run("sqlite", null, new Counting(), element("a", "x")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("execute(\"a name\")")
                .hasMessageContaining("job-identifier");
        for (int attempt = 0; attempt < 2; attempt++) {
            final AgentsExecutionEnvironment env = environment("sqlite");
            env.getConfig().setStr("job-identifier", "by option");
            env.fromList(List.of(element("a", "x"))).apply(new Counting());
            env.execute();
        }
        assertThat(EFFECTS).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"fluss", "sqlight"})
    void storesThatAreNotHereAreRefused(final String store) {
        assertThatThrownBy(() -> run(store, "run", new Counting(), element("a", "x")))
                .hasStackTraceContaining("actionStateStoreBackend")
                .hasStackTraceContaining(store);
    }

    // ---- killed

    @Test
    void aKilledProgramDoesNothingAgainButWhatWasUnderWay() throws Exception {
        final int all = KilledProgram.KEYS * KilledProgram.INPUTS * KilledProgram.CALLS;
        int kills = 0;
        int made = 0;
        // Beyond the first calls of all keys: each attempt gets further by those, which others wait for.
        while (start(KilledProgram.KEYS + 2 + kills % 4) != 0) {
            kills++;
            final int now = ledger().size();
            assertThat(now).as("kill %s", kills).isGreaterThan(made);
            made = now;
            assertThat(kills).isLessThan(all);
        }
        assertThat(kills).isGreaterThanOrEqualTo(5);
        final Map<String, String> keys = new HashMap<>();
        final Map<String, Integer> furthest = new HashMap<>();
        int again = 0;
        for (final String line : ledger()) {
            final String call = line.substring(0, line.indexOf(' '));
            final String key = keys.putIfAbsent(call, line);
            if (key != null) {
                assertThat(line).as("the key of a call").isEqualTo(key);
                again++;
            }
            // A call waits for the results of those before it: none of them is made again once it was made.
            final String input = call.substring(0, call.lastIndexOf('/'));
            final int step = Integer.parseInt(call.substring(call.lastIndexOf('/') + 1));
            assertThat(furthest.merge(input, step, Math::max)).as("step reached before %s", call).isEqualTo(step);
        }
        assertThat(keys).hasSize(all);
        assertThat(new HashSet<>(keys.values())).hasSize(all);
        assertThat(again).as("calls made again").isLessThanOrEqualTo(kills * KilledProgram.KEYS);
        final List<String> outputs = Files.readAllLines(directory.resolve("outputs"));
        assertThat(outputs).hasSize(KilledProgram.KEYS * KilledProgram.INPUTS);
        for (int key = 0; key < KilledProgram.KEYS; key++) {
            for (int input = 0; input < KilledProgram.INPUTS; input++) {
                final String name = "k" + key + "/" + input;
                assertThat(outputs)
                        .contains("{k" + key + "=" + name + "/1 done #" + (input + 1) + ", " + name + "/2 done, " + name + "/3 done}");
            }
        }
    }

    private List<String> ledger() throws Exception {
        return Files.readAllLines(directory.resolve("ledger"));
    }

    /** One attempt; its exit status. */
    private int start(final int last) throws Exception {
        final Path log = directory.resolve("log");
        final Process process =
                new ProcessBuilder(
                                Paths.get(System.getProperty("java.home"), "bin", "java").toString(),
                                "-cp",
                                System.getProperty("java.class.path"),
                                KilledProgram.class.getName(),
                                directory.toString(),
                                "killed",
                                Integer.toString(last))
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start();
        assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
        final int status = process.exitValue();
        assertThat(status).as(() -> text(log)).isIn(0, 9);
        return status;
    }

    private static String text(final Path file) {
        try {
            return Files.readString(file, StandardCharsets.UTF_8);
        } catch (final java.io.IOException e) {
            return e.toString();
        }
    }
}
