package org.apache.flink.agents.runtime.host;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.runtime.coroutine.Coroutines;
import org.apache.flink.metrics.Counter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The durable calls in flight of one host: on which threads they are made, how long they may take, and who is told when they
 * are over.
 *
 * <p><i>Threads</i>: {@link #receive} and {@link #close} are the host's; the rest may be called by any.
 */
final class Calls implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Calls.class);

    private final Coroutines threads;
    private final LogContext log;
    private final Runnable wakeUp;
    private final Duration limit;
    private final Counter late;
    private final Set<CallGroup> pending = ConcurrentHashMap.newKeySet();
    private final ConcurrentLinkedQueue<CallGroup> over = new ConcurrentLinkedQueue<>();
    /** Groups of which a call has ended, and not all: what it brought is to be written down. */
    private final ConcurrentLinkedQueue<CallGroup> progressed = new ConcurrentLinkedQueue<>();
    /** Somebody was told that there is something in {@link #over} or {@link #progressed}. */
    private final AtomicBoolean announced = new AtomicBoolean();

    private ScheduledThreadPoolExecutor timer;
    private volatile boolean cancelled;

    /**
     * @param threads where calls are made
     * @param log shows on those threads what a call belongs to
     * @param wakeUp called when there is something to {@link #receive}, once until that is done, by any thread
     * @param limit how long a call may take that says nothing itself; null: as long as it likes
     * @param late counts results that came after their call was given up
     */
    Calls(final Coroutines threads, final LogContext log, final Runnable wakeUp, final Duration limit, final Counter late) {
        this.threads = threads;
        this.log = log;
        this.wakeUp = wakeUp;
        this.limit = limit;
        this.late = late;
    }

    /** How long a call may take; null: as long as it likes. */
    Duration limitOf(final DurableCallable<?> callable) {
        final Duration own = callable.timeout();
        return own == null ? limit : own;
    }

    /** Prepares calls of an action, to be begun by {@link CallGroup#begin}. */
    CallGroup prepare(
            final ActionContext context, final List<? extends DurableCallable<?>> callables, final boolean cancelOnFailure) {
        final List<Call<?>> calls = new ArrayList<>(callables.size());
        for (final DurableCallable<?> callable : callables) {
            calls.add(new Call<>(callable, limitOf(callable)));
        }
        return group(context, calls, cancelOnFailure);
    }

    /** Makes one group of calls, to be begun by {@link CallGroup#begin}. */
    CallGroup group(final ActionContext context, final List<Call<?>> calls, final boolean cancelOnFailure) {
        final CallGroup group = new CallGroup(this, context, calls, cancelOnFailure);
        pending.add(group);
        if (cancelled) {
            group.giveUp(context.cancellation());
        }
        return group;
    }

    /**
     * Begins calls: those that need no thread here, the others each on a thread of its own. Never throws: a call that cannot be
     * begun has failed.
     *
     * @param mayBlock whether nobody waits for this thread, so that it makes one of them
     */
    void begin(final ActionContext context, final List<? extends Call<?>> calls, final boolean mayBlock) {
        Call<?> own = null;
        for (final Call<?> call : calls) {
            try {
                if (call.isDelayed()) {
                    call.timed(timer().schedule(() -> begin(context, call), nanos(call.delay()), TimeUnit.NANOSECONDS));
                } else if (mayBlock && own == null && call.needsThread() && call.limit() == null) {
                    // One that has a limit may have to be left behind with its thread.
                    own = call;
                } else {
                    begin(context, call);
                }
            } catch (final RuntimeException | Error e) {
                call.giveUp(e);
            }
        }
        if (own != null) {
            own.run();
        }
    }

    /** Begins a call whose time has come, not on this thread if it blocks. Never throws. */
    private void begin(final ActionContext context, final Call<?> call) {
        try {
            if (call.limit() != null) {
                limit(context, call);
            }
            if (call.needsThread()) {
                threads.start(log.carrying(context, call));
            } else {
                call.begin();
            }
        } catch (final RuntimeException | Error e) {
            call.giveUp(e);
        }
    }

    private void limit(final ActionContext context, final Call<?> call) {
        final Future<?> scheduled =
                timer().schedule(() -> call.giveUp(context.timeout(call)), nanos(call.limit()), TimeUnit.NANOSECONDS);
        call.timed(scheduled);
    }

    private static long nanos(final Duration limit) {
        try {
            return limit.toNanos();
        } catch (final ArithmeticException e) {
            // Centuries.
            return limit.isNegative() ? 0 : Long.MAX_VALUE;
        }
    }

    private synchronized ScheduledThreadPoolExecutor timer() {
        if (timer == null) {
            timer = new ScheduledThreadPoolExecutor(1, task -> {
                final Thread thread = new Thread(task, "flink-agents-java-async-timer");
                thread.setDaemon(true);
                return thread;
            });
            timer.setRemoveOnCancelPolicy(true);
        }
        return timer;
    }

    /** A group is over: its action may go on. */
    void over(final CallGroup group) {
        pending.remove(group);
        over.add(group);
        group.context().unblock();
        announce();
    }

    /** A call of a group has ended, others have not. */
    void progressed(final CallGroup group) {
        progressed.add(group);
        announce();
    }

    private void announce() {
        if (announced.compareAndSet(false, true)) {
            wakeUp.run();
        }
    }

    /** Hands over the groups of which some calls have ended, then those that are over. */
    void receive(final Consumer<CallGroup> partly, final Consumer<CallGroup> taker) {
        // Before looking: what comes from now on is announced anew.
        announced.set(false);
        for (CallGroup group = progressed.poll(); group != null; group = progressed.poll()) {
            partly.accept(group);
        }
        for (CallGroup group = over.poll(); group != null; group = over.poll()) {
            taker.accept(group);
        }
    }

    /** A call that was given up has brought something. */
    void late(final ActionContext context, final Call<?> call) {
        synchronized (late) {
            late.inc();
        }
        LOG.debug("{}: what durable call '{}' brought after it was given up is dropped", context, call.id());
    }

    /** Whether nothing goes on any more. */
    boolean isCancelled() {
        return cancelled;
    }

    /** Interrupts or cancels everything that is under way or comes. By any thread. */
    void cancel() {
        cancelled = true;
        for (final CallGroup group : pending) {
            group.giveUp(group.context().cancellation());
        }
    }

    @Override
    public void close() {
        cancel();
        synchronized (this) {
            if (timer != null) {
                timer.shutdownNow();
            }
        }
    }
}
