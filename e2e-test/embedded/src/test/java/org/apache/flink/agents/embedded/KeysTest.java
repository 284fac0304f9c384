package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** No two keys share state, however alike they look. */
class KeysTest {
    private static final List<Object> KEYS =
            List.of(
                    1, 1L, "1", 1.0, 1.0f, (short) 1, (byte) 1, '1', true, "true", "", " ", "_", "a_b", "a", "_b", "a_", "b",
                    "a.b", "a/b", "a\u0000b", "a\u0000", "\u0000", "null", "käse", "ka\u0308se", "鍵", "\uD83D\uDD11", "\uFFFF",
                    "x".repeat(100_000), "x".repeat(100_001), "x".repeat(99_999) + "y");

    /** Counts the inputs of a key in short-term and sensory memory; the run is too long for one mail. */
    public static final class Slow extends Agent {
        @Action(EventType.InputEvent)
        public static void begin(final Event event, final RunnerContext context) throws Exception {
            context.getSensoryMemory().set("key", InputEvent.fromEvent(event).getInput());
            context.sendEvent(new Event("wait", Map.of("left", 3 * Harness.SLICE)));
        }

        @Action("wait")
        public static void waits(final Event event, final RunnerContext context) throws Exception {
            final int left = (Integer) event.getAttr("left");
            if (left > 0) {
                context.sendEvent(new Event("wait", Map.of("left", left - 1)));
                return;
            }
            final Object key = context.getSensoryMemory().get("key").getValue();
            context.sendEvent(new OutputEvent(new ArrayList<>(List.of(key, TestAgents.next(context)))));
        }
    }

    private static Harness.Job<Object, Object> job(final Agent agent, final String backend) {
        return new Harness.Job<Object, Object>(agent, record -> record, Object.class, Object.class, Map.of()).with(flink -> {
            if (backend.equals("rocksdb")) {
                flink.setStateBackend(new EmbeddedRocksDBStateBackend());
            }
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"heap", "rocksdb"})
    void keysThatLookAlikeHaveTheirOwnMemory(final String backend) throws Exception {
        final Agent agent = new TestAgents.Counter();
        try (Harness<Object, Object> flink = job(agent, backend).open()) {
            for (int round = 1; round <= 2; round++) {
                for (final Object key : KEYS) {
                    flink.in(key);
                    assertThat(flink.out()).containsExactly(key + "#" + round);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"heap", "rocksdb"})
    void keysThatLookAlikeHaveTheirOwnRunsAlsoAfterARestore(final String backend) throws Exception {
        final OperatorSubtaskState state;
        final List<Object> outputs = new ArrayList<>();
        try (Harness<Object, Object> flink = job(new Slow(), backend).open()) {
            for (final Object key : KEYS) {
                flink.in(key);
                flink.in(key);
            }
            state = flink.snapshot(1);
            assertThat(flink.storedInFlight()).isGreaterThan(20);
            outputs.addAll(flink.out());
        }
        try (Harness<Object, Object> flink = job(new Slow(), backend).restore(state)) {
            flink.mails();
            outputs.addAll(flink.out());
        }
        final Map<Object, List<Object>> counts = new LinkedHashMap<>();
        for (final Object output : outputs) {
            final List<?> pair = (List<?>) output;
            counts.computeIfAbsent(pair.get(0), key -> new ArrayList<>()).add(pair.get(1));
        }
        assertThat(counts.keySet()).isEqualTo(new LinkedHashSet<>(KEYS));
        assertThat(counts.values()).allMatch(Arrays.asList(1, 2)::equals);
    }

    /** A record that is its own key. */
    public static final class Cart {
        public String owner;
        public int items;

        public Cart() {}

        Cart(final String owner) {
            this.owner = owner;
        }

        @Override
        public boolean equals(final Object other) {
            return other instanceof Cart && ((Cart) other).owner.equals(owner) && ((Cart) other).items == items;
        }

        @Override
        public int hashCode() {
            return owner.hashCode() * 31 + items;
        }
    }

    /** Changes its input while the run goes on, at once and in a later mail. */
    public static final class Changing extends Agent {
        @Action(EventType.InputEvent)
        public static void begin(final Event event, final RunnerContext context) throws Exception {
            final Cart cart = (Cart) InputEvent.fromEvent(event).getInput();
            context.getShortTermMemory().set("runs", TestAgents.number(context.getShortTermMemory(), "runs") + 1);
            cart.items++;
            context.sendEvent(new Event("wait", Map.of("left", 2 * Harness.SLICE, "cart", cart)));
        }

        @Action("wait")
        public static void waits(final Event event, final RunnerContext context) throws Exception {
            final Cart cart = (Cart) event.getAttr("cart");
            cart.items++;
            final int left = (Integer) event.getAttr("left");
            if (left > 0) {
                context.sendEvent(new Event("wait", Map.of("left", left - 1, "cart", cart)));
                return;
            }
            context.getShortTermMemory().set("runs", TestAgents.number(context.getShortTermMemory(), "runs") + 1);
            context.sendEvent(new OutputEvent(cart.owner + TestAgents.number(context.getShortTermMemory(), "runs")));
        }
    }

    @ParameterizedTest
    @CsvSource({"heap,false", "heap,true", "rocksdb,false", "rocksdb,true"})
    void aKeyStaysWhatItWasWhenTheActionChangesTheRecordItIs(final String backend, final boolean reuse) throws Exception {
        final Harness.Job<Cart, Cart> job =
                new Harness.Job<Cart, Cart>(new Changing(), record -> record, Cart.class, Cart.class, Map.of()).with(flink -> {
                    if (reuse) {
                        flink.getExecutionConfig().enableObjectReuse();
                    }
                    if (backend.equals("rocksdb")) {
                        flink.setStateBackend(new EmbeddedRocksDBStateBackend());
                    }
                });
        final OperatorSubtaskState state;
        try (Harness<Cart, Cart> flink = job.open()) {
            flink.in(new Cart("a"));
            flink.in(new Cart("b"));
            flink.in(new Cart("a"));
            flink.mails();
            assertThat(flink.out()).containsExactlyInAnyOrder("a2", "b2", "a4");
            flink.in(new Cart("a"));
            flink.in(new Cart("b"));
            assertThat(flink.out()).isEmpty();
            state = flink.snapshot(1);
            assertThat(flink.storedInFlight()).isEqualTo(2);
            assertThat(flink.readInFlight(new Cart("a"))).isNotNull();
            assertThat(flink.readInFlight(new Cart("b"))).isNotNull();
        }
        try (Harness<Cart, Cart> flink = job.restore(state)) {
            flink.mails();
            assertThat(flink.out()).containsExactlyInAnyOrder("a6", "b4");
            assertThat(flink.storedInFlight()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "hash", "none"})
    void everyKeyHasItsOwnTextInMessages(final String how) throws Exception {
        final Set<String> texts = new LinkedHashSet<>();
        for (final Object key : List.of(1, 1L, "1", "", "a_b")) {
            final Harness.Job<Object, Object> job =
                    new Harness.Job<>(new BadActionsTest.Throwing(), record -> key, Object.class, Object.class, Map.of("log.keys", how));
            try (Harness<Object, Object> flink = job.open()) {
                flink.in("secret");
            } catch (final org.apache.flink.agents.runtime.ActionTaskExecutionException e) {
                texts.add(e.getMessage().replaceAll(".* of key ", ""));
            }
        }
        final int distinct = how.equals("hash") ? 5 : how.equals("plain") ? 3 : 1;
        assertThat(texts.stream().collect(Collectors.toList())).hasSize(distinct);
    }
}
