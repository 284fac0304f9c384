package org.apache.flink.agents.runtime.host;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;
import org.apache.flink.agents.runtime.coroutine.Coroutine;

/**
 * Durable calls made side by side, for which one action waits. It is over when all have ended, or, if so asked, when the first
 * has failed.
 *
 * <p><i>Threads</i>: any.
 */
final class CallGroup implements Coroutine.Wait {
    private final Calls calls;
    private final ActionContext context;
    private final List<? extends Call<?>> members;
    private final boolean cancelOnFailure;
    private final AtomicInteger left;
    private final AtomicBoolean ending = new AtomicBoolean();
    /** Not before the rest is cancelled: an action that waits on a thread of its own looks whenever it is woken. */
    private volatile boolean over;

    CallGroup(
            final Calls calls, final ActionContext context, final List<? extends Call<?>> members, final boolean cancelOnFailure) {
        this.calls = calls;
        this.context = context;
        this.members = members;
        this.cancelOnFailure = cancelOnFailure;
        left = new AtomicInteger(members.size());
        for (final Call<?> member : members) {
            member.joins(this);
        }
    }

    ActionContext context() {
        return context;
    }

    @Override
    public void begin(final boolean mayBlock) {
        // Who may have to go on before all have ended cannot make one of them.
        calls.begin(context, members, mayBlock && (!cancelOnFailure || members.size() == 1));
    }

    @Override
    public boolean isOver() {
        return over;
    }

    /** Waits on this thread, which nobody else can use meanwhile. */
    void awaitHere() {
        boolean interrupted = false;
        while (!isOver()) {
            LockSupport.park(this);
            if (Thread.interrupted()) {
                interrupted = true;
                giveUp(context.cancellation());
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    void ended(final boolean failed) {
        // Both are looked at: whichever comes first ends the group, and only once.
        final boolean last = left.decrementAndGet() == 0;
        if ((last || failed && cancelOnFailure) && ending.compareAndSet(false, true)) {
            if (!last) {
                cancelRest();
            }
            over = true;
            calls.over(this);
        } else if (context.isRecorded() && !ending.get()) {
            calls.progressed(this);
        }
    }

    private void cancelRest() {
        final String failed = members.stream().filter(call -> call.hasEnded() && call.failure() != null)
                .findFirst().map(Call::id).orElse("?");
        giveUp(Call.withTheGroup(failed));
    }

    List<? extends Call<?>> members() {
        return members;
    }

    /** What came of each, in the order of the calls: futures that are over. */
    static List<CompletableFuture<Object>> outcomes(final List<? extends Call<?>> members) {
        final List<CompletableFuture<Object>> outcomes = new ArrayList<>(members.size());
        for (final Call<?> member : members) {
            final CompletableFuture<Object> outcome = new CompletableFuture<>();
            if (member.failure() == null) {
                outcome.complete(member.result());
            } else {
                outcome.completeExceptionally(member.failure());
            }
            outcomes.add(outcome);
        }
        return outcomes;
    }

    /** The results, in the order of the calls. */
    static List<Object> results(final List<? extends Call<?>> members) throws Throwable {
        Throwable first = null;
        final List<Object> results = new ArrayList<>(members.size());
        for (final Call<?> member : members) {
            final Throwable failure = member.failure();
            if (failure == null) {
                results.add(member.result());
            } else if (first == null) {
                first = failure;
            } else if (first instanceof CancellationException && !(failure instanceof CancellationException)) {
                // Why the others were cancelled says more than that they were.
                first = failure;
            } else if (first != failure && !(failure instanceof CancellationException)) {
                first.addSuppressed(failure);
            }
        }
        if (first != null) {
            throw first;
        }
        return results;
    }

    void giveUp(final Throwable reason) {
        for (final Call<?> member : members) {
            member.giveUp(reason);
        }
    }

    /** Tells how long each call took that was made to its end, in nanoseconds. */
    void measured(final LongConsumer took) {
        for (final Call<?> member : members) {
            final long nanos = member.nanos();
            if (nanos >= 0) {
                took.accept(nanos);
            }
        }
    }

    void endedLate(final Call<?> call) {
        calls.late(context, call);
    }
}
