package org.apache.flink.agents.runtime.host;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.flink.agents.api.context.AsyncDurableCallable;
import org.apache.flink.agents.api.context.CurrentDurableCall;
import org.apache.flink.agents.api.context.DurableCallContext;
import org.apache.flink.agents.api.context.DurableCallable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One durable call: it ends once, by its result, by what it threw, or by being given up; what comes later is dropped.
 *
 * <p><i>Threads</i>: any.
 */
final class Call<T> implements Runnable {
    private static final Logger LOG = LoggerFactory.getLogger(Call.class);

    private final DurableCallable<? extends T> callable;
    private final Duration limit;
    private final DurableCallContext context;
    /** Made instead; null for the call itself. */
    private final Callable<? extends T> instead;
    private CallGroup group;

    // Guarded by this.
    private boolean ended;
    private T result;
    private Throwable failure;
    private Thread thread;
    private CompletionStage<? extends T> stage;
    private Future<?> timeout;
    private long began;
    private long nanos = -1;

    Call(final DurableCallable<? extends T> callable, final Duration limit) {
        this(callable, limit, new RandomKey(), null);
    }

    @SuppressWarnings("unchecked") // the reconciler of a callable brings what the callable does
    Call(
            final DurableCallable<? extends T> callable,
            final Duration limit,
            final DurableCallContext context,
            final Callable<?> instead) {
        this.callable = callable;
        this.limit = limit;
        this.context = context;
        this.instead = (Callable<? extends T>) instead;
    }

    /** It has brought this already, and need not be made. */
    @SuppressWarnings("unchecked") // recorded of a call like this one
    synchronized void brought(final Object made, final Throwable thrown) {
        ended = true;
        result = (T) made;
        failure = thrown;
    }

    void joins(final CallGroup of) {
        group = of;
    }

    String id() {
        return callable.getId();
    }

    DurableCallable<? extends T> callable() {
        return callable;
    }

    /** When it was begun, as {@link System#nanoTime} has it; 0 if it never was. */
    synchronized long began() {
        return began;
    }

    /** Whether it has to be made by a thread; the others only have to be begun. */
    boolean needsThread() {
        return instead != null || !(callable instanceof AsyncDurableCallable);
    }

    /** Whether it is to be begun later. */
    boolean isDelayed() {
        return instead == null && delay().compareTo(Duration.ZERO) > 0;
    }

    /** How long to wait before it is begun. */
    Duration delay() {
        return callable.delay();
    }

    /** How long it may take; null: as long as it likes. */
    Duration limit() {
        return limit;
    }

    /** {@code timer} begins it, or gives it up when its time is over. */
    synchronized void timed(final Future<?> timer) {
        if (ended) {
            timer.cancel(false);
        } else {
            timeout = timer;
        }
    }

    /** Makes the call, on this thread. Never throws. */
    @Override
    public void run() {
        synchronized (this) {
            if (ended) {
                return;
            }
            thread = Thread.currentThread();
            began = System.nanoTime();
        }
        T made = null;
        Throwable thrown = null;
        try {
            made = CurrentDurableCall.during(context, () -> instead == null ? callable.call(context) : instead.call());
        } catch (final Throwable e) {
            thrown = e;
        }
        synchronized (this) {
            thread = null;
        }
        // One that came late was meant for this call, and one that the call left is nobody else's.
        Thread.interrupted();
        end(made, thrown);
    }

    /** Begins a call that needs no thread. Never throws. */
    void begin() {
        if (hasEnded()) {
            return;
        }
        synchronized (this) {
            began = System.nanoTime();
        }
        final CompletionStage<? extends T> begun;
        try {
            begun = CurrentDurableCall.during(context, () -> ((AsyncDurableCallable<? extends T>) callable).callAsync(context));
            if (begun == null) {
                throw new IllegalStateException("callAsync() of durable call '" + id() + "' returned null instead of a stage");
            }
        } catch (final Throwable e) {
            end(null, e);
            return;
        }
        final boolean tooLate;
        synchronized (this) {
            stage = begun;
            tooLate = ended;
        }
        if (tooLate) {
            cancel(begun);
        }
        try {
            begun.whenComplete((made, thrown) -> end(made, cause(thrown)));
        } catch (final RuntimeException | Error e) {
            end(null, e);
        }
    }

    private static Throwable cause(final Throwable thrown) {
        return (thrown instanceof CompletionException || thrown instanceof ExecutionException) && thrown.getCause() != null
                ? thrown.getCause()
                : thrown;
    }

    private void end(final T made, final Throwable thrown) {
        final boolean late;
        synchronized (this) {
            late = ended;
            if (!late) {
                ended = true;
                result = made;
                failure = thrown;
                nanos = System.nanoTime() - began;
                if (timeout != null) {
                    timeout.cancel(false);
                }
            }
        }
        if (late) {
            // One that stopped when it was told to has brought nothing.
            if (thrown == null) {
                group.endedLate(this);
            }
        } else {
            group.ended(thrown != null);
        }
    }

    /** Interrupts or cancels the call, which counts as ended by {@code reason} unless it has ended already. */
    void giveUp(final Throwable reason) {
        final CompletionStage<? extends T> begun;
        synchronized (this) {
            if (ended) {
                return;
            }
            ended = true;
            failure = reason;
            begun = stage;
            if (thread != null) {
                thread.interrupt();
            }
            if (timeout != null) {
                timeout.cancel(false);
            }
        }
        if (begun != null) {
            cancel(begun);
        }
        group.ended(true);
    }

    private static void cancel(final CompletionStage<?> begun) {
        try {
            begun.toCompletableFuture().cancel(true);
        } catch (final RuntimeException | Error e) {
            LOG.debug("A durable call's stage cannot be cancelled: what it brings is dropped", e);
        }
    }

    synchronized boolean hasEnded() {
        return ended;
    }

    /** How long it took, in nanoseconds; negative if it was not made to its end. */
    synchronized long nanos() {
        return nanos;
    }

    /** What the call threw, or why it was given up; null if it has a result. */
    synchronized Throwable failure() {
        return failure;
    }

    synchronized T result() {
        return result;
    }

    /** Why the rest of a group does not go on. */
    static CancellationException withTheGroup(final String failed) {
        return new CancellationException("Cancelled, since call '" + failed + "', made side by side with it, failed");
    }
}
