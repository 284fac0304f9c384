package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Path;
import java.time.DayOfWeek;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Values of every kind through the journal, with a failure between record and replay: type and value are the same. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class JournalValuesTest {
    @TempDir Path directory;

    /** What the agent's calls bring, and what it has seen. */
    private static volatile Supplier<?> source;

    private static volatile boolean broken;
    private static volatile String where;
    private static final AtomicInteger CALLS = new AtomicInteger();
    private static final AtomicInteger RUNS = new AtomicInteger();
    private static final List<Object> SEEN = new ArrayList<>();

    @BeforeEach
    void forget() {
        source = () -> "value";
        broken = false;
        where = "";
        CALLS.set(0);
        RUNS.set(0);
        SEEN.clear();
    }

    private abstract static class Call implements DurableCallable<Object> {
        private final String id;

        Call(final String id) {
            this.id = id;
        }

        @Override
        public String getId() {
            return id;
        }

        @Override
        public Class<Object> getResultClass() {
            return Object.class;
        }
    }

    private static final class Bring extends Call {
        Bring() {
            super("bring");
        }

        @Override
        public Object call() throws Exception {
            CALLS.incrementAndGet();
            final Object brought = source.get();
            if (brought instanceof Exception && where.equals("throw")) {
                throw (Exception) brought;
            }
            return brought;
        }
    }

    /** It begins when everything before it is in the journal for good. */
    private static void breaks(final RunnerContext context) throws Exception {
        context.durableExecute(new Call("after") {
            @Override
            public Object call() {
                return null;
            }
        });
        if (broken) {
            throw new IllegalStateException("A failure that the test asked for");
        }
    }

    /** The first action is replayed from its record; the second reads what it left, and has a call of its own. */
    public static final class Keeper extends Agent {
        @Action(EventType.InputEvent)
        public static void begin(final Event event, final RunnerContext context) throws Exception {
            RUNS.incrementAndGet();
            final Object made = context.durableExecute(new Bring());
            if (made != null) {
                context.getShortTermMemory().set("kept", made);
                context.getSensoryMemory().set("felt", made);
            }
            final Map<String, Object> attributes = new HashMap<>();
            attributes.put("sent", made);
            attributes.put("input", InputEvent.fromEvent(event).getInput());
            context.sendEvent(new Event("next", attributes));
        }

        @Action("next")
        public static void next(final Event event, final RunnerContext context) throws Exception {
            final Object result = context.durableExecute(new Bring());
            final Object sent = event.getAttr("sent");
            breaks(context);
            final MemoryObject kept = context.getShortTermMemory();
            SEEN.add(result);
            SEEN.add(sent);
            SEEN.add(sent == null ? null : kept.get("kept").getValue());
            SEEN.add(sent == null ? null : context.getSensoryMemory().get("felt").getValue());
            context.sendEvent(new OutputEvent(String.valueOf(event.getAttr("input"))));
        }
    }

    /** Catches what its call throws. */
    public static final class Catcher extends Agent {
        @Action(EventType.InputEvent)
        public static void begin(final Event event, final RunnerContext context) throws Exception {
            Object caught;
            try {
                caught = context.durableExecute(new Bring());
            } catch (final Exception e) {
                caught = e;
            }
            breaks(context);
            SEEN.add(caught);
            context.sendEvent(new OutputEvent("done"));
        }
    }

    /** Leaves a value in one place. */
    public static final class Leaver extends Agent {
        @Action(EventType.InputEvent)
        public static void begin(final Event event, final RunnerContext context) throws Exception {
            final Object value = source.get();
            switch (where) {
                case "memory":
                    context.getShortTermMemory().set("left", value);
                    break;
                case "event":
                    final Map<String, Object> attributes = new HashMap<>();
                    attributes.put("left", value);
                    context.sendEvent(new Event("nobody", attributes));
                    break;
                case "output":
                    context.sendEvent(new OutputEvent(value));
                    break;
                default:
                    context.durableExecute(new Bring());
            }
            context.sendEvent(new OutputEvent("done"));
        }
    }

    private Map<String, Object> config() {
        final Map<String, Object> config = new HashMap<>();
        config.put("actionStateStoreBackend", "sqlite");
        config.put("sqlite.path", directory.resolve("journal.sqlite").toString());
        return config;
    }

    private Harness.Job<String, String> job(final Agent agent) {
        return new Harness.Job<>(agent, TestAgents::keyOf, String.class, String.class, config());
    }

    /** Fails after everything is recorded, and goes on from the journal. */
    private static void twice(final Harness.Job<String, String> job) throws Exception {
        broken = true;
        final Harness<String, String> failing = job.open();
        failing.in("a/1");
        assertThatThrownBy(() -> failing.await(1)).hasMessageContaining("A failure that the test asked for");
        failing.close();
        broken = false;
        try (Harness<String, String> harness = job.open()) {
            harness.in("a/1");
            assertThat(harness.await(1)).hasSize(1);
        }
    }

    /** A kind of value, and how to make one: a new one each time, since user code may change what it gets. */
    static final class Value {
        final String name;
        final Supplier<?> made;

        Value(final String name, final Supplier<?> made) {
            this.name = name;
            this.made = made;
        }

        @Override
        public String toString() {
            return name;
        }
    }

    enum Level {
        LOW,
        HIGH {
            @Override
            public String toString() {
                return "high";
            }
        }
    }

    private static <T> T with(final T value, final java.util.function.Consumer<T> change) {
        change.accept(value);
        return value;
    }

    static List<Value> values() {
        return List.of(
                new Value("null", () -> null),
                new Value("true", () -> true),
                new Value("byte", () -> (byte) -1),
                new Value("short", () -> Short.MIN_VALUE),
                new Value("int", () -> 1),
                new Value("long", () -> 1L),
                new Value("float", () -> 1f),
                new Value("double", () -> 1d),
                new Value("NaN", () -> Double.NaN),
                new Value("minus zero", () -> -0.0),
                new Value("char", () -> '\ud800'),
                new Value("text", () -> "ключ \ud83d\ude00 \0"),
                new Value("half a surrogate pair", () -> "\udc00"),
                new Value("large text", () -> "x".repeat(100_000)),
                new Value("bytes", () -> new byte[] {0, -1}),
                new Value("ints", () -> new int[] {1, 2}),
                new Value("texts", () -> new String[] {"a", null}),
                new Value("big integer", () -> BigInteger.ONE.shiftLeft(200)),
                new Value("big decimal", () -> new BigDecimal("9.900")),
                new Value("list", () -> new ArrayList<>(Arrays.asList(1, 1L, "1", null, new ArrayList<>()))),
                new Value("linked list", () -> new LinkedList<>(List.of(1))),
                new Value("map", () -> new HashMap<>(Map.of("a", new HashMap<>(Map.of("b", 2.5f))))),
                new Value("map in order", () -> with(new LinkedHashMap<>(), map -> {
                    map.put("z", 1);
                    map.put("a", 2);
                })),
                new Value("map with keys of all kinds", () -> new HashMap<>(Map.of(1, "i", 1L, "l", "1", "s"))),
                new Value("tree map", () -> new TreeMap<>(Map.of("b", 1, "a", 2))),
                new Value("set", () -> new HashSet<>(Set.of("a", "b"))),
                new Value("enum", () -> DayOfWeek.FRIDAY),
                new Value("enum with a body", () -> Level.HIGH),
                new Value("uuid", () -> new UUID(1, 2)),
                new Value("instant", () -> Instant.ofEpochSecond(5, 7)),
                new Value("date", () -> LocalDate.of(2024, 2, 29)),
                new Value("date and time", () -> LocalDateTime.of(2024, 2, 29, 1, 2, 3, 4)),
                new Value("zoned time", () -> ZonedDateTime.of(2024, 2, 29, 1, 2, 3, 4, ZoneId.of("Asia/Kolkata"))),
                new Value("duration", () -> Duration.ofNanos(-1)),
                new Value("old date", () -> new Date(5)),
                new Value("timestamp", () -> java.sql.Timestamp.valueOf("2024-02-29 01:02:03.000000004")),
                new Value("pojo", () -> new TypesTest.Person("Ada", 36)),
                new Value("left to Kryo", () -> new TypesTest.Opaque(new UUID(1, 2))),
                new Value("row", () -> Row.ofKind(RowKind.DELETE, 1, null, "x")),
                new Value("named row", () -> with(Row.withNames(), row -> row.setField("a", 1L))),
                new Value("tuple", () -> Tuple2.of("a", 1L)),
                new Value("nested", () -> new ArrayList<>(List.of(new HashMap<>(
                        Map.of("p", new ArrayList<>(List.of(new TypesTest.Person("Grace", 85)))))))));
    }

    private static Object[] boxed(final Object value) {
        return new Object[] {value};
    }

    private static void same(final Object back, final Object value, final String what) {
        assertThat(java.util.Objects.deepEquals(boxed(back), boxed(value))).as("%s: %s", what, back).isTrue();
        assertThat(back == null ? null : back.getClass()).as(what).isEqualTo(value == null ? null : value.getClass());
    }

    @ParameterizedTest
    @MethodSource("values")
    void resultsEventsAndMemoryComeBackAsTheyWere(final Value value) throws Exception {
        source = value.made;
        twice(job(new Keeper()));
        assertThat(CALLS.get()).as("calls").isEqualTo(2);
        assertThat(RUNS.get()).as("runs of the first action").isEqualTo(1);
        assertThat(SEEN).hasSize(4);
        final List<String> places = List.of("result", "event", "short-term memory", "sensory memory");
        for (int i = 0; i < 4; i++) {
            same(SEEN.get(i), value.made.get(), places.get(i));
        }
    }

    /** Its fields are not what its constructor gets. */
    public static final class Declined extends Exception {
        private static final long serialVersionUID = 1L;
        final List<String> reasons;

        Declined(final int code, final String reason) {
            super("declined: " + code);
            reasons = new ArrayList<>(List.of(reason));
        }
    }

    static List<Value> failures() {
        return List.of(
                new Value("unchecked", () -> new IllegalArgumentException("why")),
                new Value("without message", () -> new NullPointerException()),
                new Value("checked", () -> new IOException("disk")),
                new Value("with fields", () -> new Declined(7, "limit")),
                new Value("with cause", () -> new RuntimeException("outer", new Declined(7, "inner"))),
                new Value("with a suppressed one", () -> with(new Exception("main"), e -> e.addSuppressed(new IOException("other")))),
                new Value("error as cause", () -> new Exception(new AssertionError("deep"))));
    }

    @ParameterizedTest
    @MethodSource("failures")
    void exceptionsComeBackAsTheyWere(final Value value) throws Exception {
        source = value.made;
        where = "throw";
        twice(job(new Catcher()));
        assertThat(CALLS.get()).isEqualTo(1);
        sameFailure((Throwable) SEEN.get(0), (Throwable) value.made.get());
    }

    private static void sameFailure(final Throwable back, final Throwable failure) {
        if (failure == null) {
            assertThat(back).isNull();
            return;
        }
        assertThat(back).hasSameClassAs(failure).hasMessage(failure.getMessage());
        assertThat(back.getStackTrace()).isNotEmpty();
        if (failure instanceof Declined) {
            assertThat(((Declined) back).reasons).isEqualTo(((Declined) failure).reasons);
        }
        sameFailure(back.getCause(), failure.getCause());
        assertThat(back.getSuppressed()).hasSameSizeAs(failure.getSuppressed());
        for (int i = 0; i < failure.getSuppressed().length; i++) {
            sameFailure(back.getSuppressed()[i], failure.getSuppressed()[i]);
        }
    }

    static List<TypesTest.Kind> inputs() {
        return TypesTest.kinds();
    }

    @ParameterizedTest
    @MethodSource("inputs")
    void inputsAndKeysOfEveryTypeFindTheirRuns(final TypesTest.Kind kind) throws Exception {
        final Harness.Job<Object, Object> job = new Harness.Job<>(new Keeper(), value -> value, kind.type, kind.type, config());
        List<Object> before = null;
        for (int attempt = 0; attempt < 3; attempt++) {
            try (Harness<Object, Object> harness = job.open()) {
                harness.in(kind.first);
                harness.in(kind.second);
                harness.in(kind.first);
                final List<Object> outputs = harness.await(3);
                assertThat(outputs).containsExactlyInAnyOrder(
                        String.valueOf(kind.first), String.valueOf(kind.second), String.valueOf(kind.first));
                assertThat(before == null ? outputs : before).containsExactlyInAnyOrderElementsOf(outputs);
                before = outputs;
            }
            assertThat(CALLS.get()).as("calls after attempt %s", attempt).isEqualTo(6);
        }
        assertThat(RUNS.get()).isEqualTo(3);
    }

    @ParameterizedTest
    @ValueSource(strings = {"result", "memory", "event", "output"})
    void whatCannotComeBackIsRefusedWhenItIsWrittenWithThePathToIt(final String place) throws Exception {
        where = place;
        source = () -> new HashMap<>(Map.of("a", new ArrayList<>(List.of(1, new Thread("no value")))));
        final Harness.Job<String, String> job = job(new Leaver());
        for (int attempt = 1; attempt <= 2; attempt++) {
            final Harness<String, String> harness = job.open();
            assertThatThrownBy(() -> {
                        harness.in("a/1");
                        harness.await(1);
                    })
                    .hasStackTraceContaining("java.lang.Thread")
                    .hasStackTraceContaining("a[1]");
            harness.close();
            assertThat(CALLS.get()).as("nothing is recorded").isEqualTo(place.equals("result") ? attempt : 0);
        }
    }

    @Test
    void aResultOfTenMegabytesIsRefusedByAnOptionThatCanBeRaised() throws Exception {
        source = () -> "x".repeat(10 << 20);
        final Harness<String, String> harness = job(new Catcher()).open();
        assertThatThrownBy(() -> {
                    harness.in("a/1");
                    harness.await(1);
                })
                .hasStackTraceContaining("action-state.max-record-size");
        harness.close();

        final Map<String, Object> config = config();
        config.put("action-state.max-record-size", "11 mb");
        CALLS.set(0);
        twice(new Harness.Job<>(new Catcher(), TestAgents::keyOf, String.class, String.class, config));
        assertThat(CALLS.get()).isEqualTo(1);
        assertThat(SEEN).containsExactly("x".repeat(10 << 20));
    }
}
