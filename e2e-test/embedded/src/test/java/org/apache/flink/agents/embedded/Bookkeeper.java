package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.AsyncDurableCallable;
import org.apache.flink.agents.api.context.DurableCallContext;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;

/**
 * Two actions with durable calls of every kind, and a ledger outside of Flink in which each call leaves a line: the side effect.
 * Inputs are {@code key/number}, each different from the others.
 */
public final class Bookkeeper extends Agent {
    /**
     * Steps, of actions and calls, until an action throws; negative: never. What a call throws would be its outcome, recorded like
     * a result: when it is a call's step, the call goes on, and its action throws right after it, when the outcome is not durable yet.
     */
    static final AtomicInteger STEPS_TO_FAILURE = new AtomicInteger(-1);

    private static final AtomicBoolean FAILS = new AtomicBoolean();

    /** How often reconcilers were asked. */
    static final AtomicInteger RECONCILED = new AtomicInteger();

    /** Lines in the order in which they were written. Guarded by itself. */
    private static final List<Line> LEDGER = new ArrayList<>();

    /** A side effect. */
    static final class Line {
        final String input;
        /** Calls of one number are made side by side. */
        final int step;
        final String name;
        final String key;

        Line(final String input, final int step, final String name, final String key) {
            this.input = input;
            this.step = step;
            this.name = name;
            this.key = key;
        }

        @Override
        public String toString() {
            return input + " " + step + " " + name;
        }
    }

    static void reset() {
        synchronized (LEDGER) {
            LEDGER.clear();
        }
        STEPS_TO_FAILURE.set(-1);
        FAILS.set(false);
        RECONCILED.set(0);
    }

    static List<Line> ledger() {
        synchronized (LEDGER) {
            return new ArrayList<>(LEDGER);
        }
    }

    /**
     * No call was made again after one that comes after it in its run: that one has waited for its record. The key of a call
     * is always the same, and no other's.
     *
     * @return how many calls were made again
     */
    static int checkLedger() {
        final Map<String, Integer> furthest = new HashMap<>();
        final Map<String, String> keys = new HashMap<>();
        int again = 0;
        for (final Line line : ledger()) {
            final String call = line.toString();
            final String key = keys.putIfAbsent(call, line.key);
            if (key != null) {
                again++;
                assertThat(line.key).as("key of %s", call).isEqualTo(key);
                assertThat(furthest.get(line.input)).as("step that was reached before %s was made again", call).isLessThanOrEqualTo(line.step);
            }
            furthest.merge(line.input, line.step, Math::max);
        }
        final Set<String> different = new HashSet<>(keys.values());
        assertThat(different).as("keys of different calls").hasSize(keys.size());
        return again;
    }

    /** What comes out for an input, the n-th of its key. */
    static String output(final String input, final int count) {
        return input + " receipt(charge," + input.length() + ") note a+null+c no stock reconciled #" + count;
    }

    /** Calls made for each input when nothing fails. */
    static final int CALLS = 7;

    private static void count() {
        if (STEPS_TO_FAILURE.get() >= 0 && STEPS_TO_FAILURE.decrementAndGet() == 0) {
            FAILS.set(true);
        }
    }

    private static void step() {
        count();
        if (FAILS.getAndSet(false)) {
            throw new IllegalStateException("A failure that the test asked for");
        }
    }

    /** A result with a class of its own. */
    public static final class Receipt {
        public String text;
        public int length;

        public Receipt() {}

        Receipt(final String text, final int length) {
            this.text = text;
            this.length = length;
        }

        @Override
        public boolean equals(final Object other) {
            return other instanceof Receipt && ((Receipt) other).length == length && Objects.equals(((Receipt) other).text, text);
        }

        @Override
        public int hashCode() {
            return Objects.hash(text, length);
        }
    }

    /** An exception with a class and a field of its own. */
    public static final class Refused extends Exception implements Serializable {
        private static final long serialVersionUID = 1L;
        final String reason;

        Refused(final String reason) {
            super("refused: " + reason);
            this.reason = reason;
        }
    }

    /** A call that leaves its line. */
    static class Entry implements DurableCallable<Object> {
        final String input;
        final int step;
        final String name;
        private final Callable<Object> result;

        Entry(final String input, final int step, final String name, final Callable<Object> result) {
            this.input = input;
            this.step = step;
            this.name = name;
            this.result = result;
        }

        @Override
        public String getId() {
            return name;
        }

        @Override
        public Class<Object> getResultClass() {
            return Object.class;
        }

        @Override
        public Object arguments() {
            return Map.of("input", input, "step", step);
        }

        @Override
        public Object call() {
            throw new AssertionError("the call has a context");
        }

        @Override
        public Object call(final DurableCallContext context) throws Exception {
            count();
            write(context);
            count();
            return result.call();
        }

        void write(final DurableCallContext context) {
            synchronized (LEDGER) {
                LEDGER.add(new Line(input, step, name, context.idempotencyKey()));
            }
        }
    }

    private static final class Reconciled extends Entry {
        Reconciled(final String input, final int step, final String name, final Callable<Object> result) {
            super(input, step, name, result);
        }

        @Override
        public Callable<Object> reconciler(final DurableCallContext context) {
            return () -> {
                RECONCILED.incrementAndGet();
                final boolean made = ledger().stream().anyMatch(line -> line.key.equals(context.idempotencyKey()));
                return made ? "reconciled" : call(context);
            };
        }
    }

    private static final class WithoutThread extends Entry implements AsyncDurableCallable<Object> {
        WithoutThread(final String input, final int step, final String name) {
            super(input, step, name, () -> null);
        }

        @Override
        public CompletionStage<Object> callAsync() {
            throw new AssertionError("the call has a context");
        }

        @Override
        public CompletionStage<Object> callAsync(final DurableCallContext context) {
            write(context);
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public Object call() {
            throw new AssertionError("the call needs no thread");
        }
    }

    @Action(listenEventTypes = InputEvent.EVENT_TYPE)
    public static void take(final Event event, final RunnerContext context) throws Exception {
        final String input = (String) InputEvent.fromEvent(event).getInput();
        final Receipt receipt =
                (Receipt) context.durableExecute(new Entry(input, 0, "charge", () -> new Receipt("charge", input.length())));
        step();
        final Object note = context.durableExecuteAsync(new Entry(input, 1, "note", () -> "note"));
        step();
        final List<Object> group =
                context.durableExecuteAllAsync(
                        List.of(
                                new Entry(input, 2, "first", () -> "a"),
                                new WithoutThread(input, 2, "second"),
                                new Entry(input, 2, "third", () -> "c")),
                        true);
        step();
        String refusal = "";
        try {
            context.durableExecute(new Entry(input, 3, "order", () -> {
                throw new Refused("no stock");
            }));
        } catch (final Refused e) {
            refusal = e.reason;
        }
        step();
        final Event taken = new Event("taken");
        taken.setAttr("input", input);
        taken.setAttr("text", "receipt(" + receipt.text + "," + receipt.length + ") " + note + " " + group.get(0) + "+" + group.get(1) + "+" + group.get(2) + " " + refusal);
        context.sendEvent(taken);
        context.getSensoryMemory().set("receipt", receipt);
    }

    @Action(listenEventTypes = "taken")
    public static void close(final Event event, final RunnerContext context) throws Exception {
        final String input = (String) event.getAttr("input");
        step();
        final Object last = context.durableExecuteAsync(new Reconciled(input, 4, "last", () -> "reconciled"));
        assertThat(context.getSensoryMemory().get("receipt").getValue()).isEqualTo(new Receipt("charge", input.length()));
        final MemoryObject memory = context.getShortTermMemory();
        final int count = TestAgents.number(memory, "count") + 1;
        memory.set("count", count);
        step();
        context.sendEvent(new OutputEvent(input + " " + event.getAttr("text") + " " + last + " #" + count));
    }
}
