package org.apache.flink.agents.embedded;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;

/**
 * Takes {@code key/tag} and asks: a durable call that ends when the test lets it. Output is {@code key/tag#count}, where the
 * short-term memory counted the runs of the key.
 */
public final class Asker extends Agent {
    /** Calls that have begun. */
    static final Semaphore BEGUN = new Semaphore(0);

    /** Calls that may end. */
    static final Semaphore GATE = new Semaphore(0);

    /** Calls that were interrupted. */
    static final Semaphore INTERRUPTED = new Semaphore(0);

    /** How often the first line was reached, by input. */
    static final Map<String, Integer> BEGINNINGS = new ConcurrentHashMap<>();

    /** The call that makes it zero fails; below zero none does. */
    static final AtomicInteger CALLS_TO_FAILURE = new AtomicInteger(-1);

    /** Keys with calls under way, and the most there were. */
    static final AtomicInteger UNDER_WAY = new AtomicInteger();

    static final AtomicInteger MOST_UNDER_WAY = new AtomicInteger();

    /** Whether calls ignore that they are interrupted. */
    static volatile boolean stubborn;

    static void reset() {
        BEGUN.drainPermits();
        GATE.drainPermits();
        INTERRUPTED.drainPermits();
        BEGINNINGS.clear();
        CALLS_TO_FAILURE.set(-1);
        MOST_UNDER_WAY.set(0);
        stubborn = false;
    }

    /** Lets all calls end, those that are under way and those to come. */
    static void open() {
        GATE.release(1_000_000);
    }

    /** Waits until so many more calls have begun. */
    static void awaitBegun(final int calls) throws InterruptedException {
        if (!BEGUN.tryAcquire(calls, 60, TimeUnit.SECONDS)) {
            throw new AssertionError("Of " + calls + " calls only " + BEGUN.availablePermits() + " have begun");
        }
    }

    /** Gives way until something holds; the limit is for what hangs. */
    static void until(final String what, final BooleanSupplier holds) {
        final long limit = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!holds.getAsBoolean()) {
            if (System.nanoTime() > limit) {
                throw new AssertionError("Not within a minute: " + what);
            }
            LockSupport.parkNanos(1_000_000);
        }
    }

    /** Does something as soon as a thread waits, as the test's does while the operator holds it up. */
    static Thread onceItWaits(final Thread thread, final Runnable what) {
        final Thread other = new Thread(() -> {
            // Flink's mailbox looks up now and then while it waits.
            until(thread + " waits", () -> {
                final Thread.State state = thread.getState();
                return state == Thread.State.WAITING || state == Thread.State.TIMED_WAITING;
            });
            what.run();
        });
        other.start();
        return other;
    }

    /** Waits until no thread for actions or calls is left. */
    static void awaitNoThreads() {
        until("no thread of actions is left", () -> Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().startsWith("flink-agents-java-async")));
    }

    @Action(EventType.InputEvent)
    public static void ask(final Event event, final RunnerContext context) throws Exception {
        final String input = (String) InputEvent.fromEvent(event).getInput();
        BEGINNINGS.merge(input, 1, Integer::sum);
        final int count = TestAgents.next(context);
        final String answer = context.durableExecuteAsync(new Question(input));
        context.sendEvent(new Event("answered", Map.of("answer", answer + "#" + count)));
    }

    @Action("answered")
    public static void answered(final Event event, final RunnerContext context) {
        context.sendEvent(new OutputEvent(event.getAttr("answer")));
    }

    private static final class Question implements DurableCallable<String> {
        private final String input;

        Question(final String input) {
            this.input = input;
        }

        @Override
        public String getId() {
            return "question";
        }

        @Override
        public Class<String> getResultClass() {
            return String.class;
        }

        @Override
        public String call() throws Exception {
            MOST_UNDER_WAY.accumulateAndGet(UNDER_WAY.incrementAndGet(), Math::max);
            BEGUN.release();
            try {
                if (stubborn) {
                    GATE.acquireUninterruptibly();
                } else {
                    GATE.acquire();
                }
            } catch (final InterruptedException e) {
                INTERRUPTED.release();
                throw e;
            } finally {
                UNDER_WAY.decrementAndGet();
            }
            if (CALLS_TO_FAILURE.get() >= 0 && CALLS_TO_FAILURE.decrementAndGet() == 0) {
                throw new IllegalStateException("failed on purpose");
            }
            return input;
        }
    }
}
