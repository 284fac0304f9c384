package org.apache.flink.agents.runtime.host;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.lang.reflect.Method;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.AbstractOwnableSynchronizer;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import java.util.function.LongFunction;

/**
 * Finds actions that can never go on: one needs a lock that another holds while it waits for a call. Such a subtask would stand
 * still for ever, since the second goes on only where the first runs.
 *
 * <p><i>Threads</i>: looks once a second from a daemon of its own, which lives from the first action that waits to {@link
 * #close}.
 */
final class LockWatch implements AutoCloseable {
    private static final long PERIOD = TimeUnit.SECONDS.toNanos(1);

    /** Where the JVM does not tell the owner, a virtual thread, for so many looks a lock may be somebody else's. */
    private static final int SUSPICIOUS = 5;

    /** Tells the owner of a lock, also if that is a virtual thread. Null where the package is not open to us, as Flink's scripts make it. */
    private static final Method OWNER = ownerOfLock();

    private static Method ownerOfLock() {
        try {
            final Method owner = AbstractOwnableSynchronizer.class.getDeclaredMethod("getExclusiveOwnerThread");
            owner.setAccessible(true);
            return owner;
        } catch (final ReflectiveOperationException | RuntimeException e) {
            return null;
        }
    }

    private final Thread watcher = new Thread(this::watch, "flink-agents-java-async-locks");
    private final long period;
    private final LongFunction<List<ActionContext>> owners;
    private final BiConsumer<List<ActionContext>, String> found;
    private boolean started;
    private volatile boolean closed;
    private volatile Thread runs;
    /** Changes with each turn. */
    private volatile long turns;

    /**
     * @param owners the waiting actions that run on the thread with an id, all for an id below 0. Called while the action that
     *     runs stands still
     * @param found gets the actions, one of which holds the lock, and the lock
     */
    LockWatch(final LongFunction<List<ActionContext>> owners, final BiConsumer<List<ActionContext>, String> found) {
        this(PERIOD, owners, found);
    }

    LockWatch(
            final long period, final LongFunction<List<ActionContext>> owners, final BiConsumer<List<ActionContext>, String> found) {
        this.period = period;
        this.owners = owners;
        this.found = found;
        watcher.setDaemon(true);
    }

    /** Some action waits. */
    void start() {
        if (!started) {
            started = true;
            watcher.start();
        }
    }

    /** Code of an action runs on a thread from now on; null: none does, and what threads wait for is nobody's concern. */
    void runs(final Thread thread) {
        if (started) {
            runs = thread;
            // One thread at a time writes it.
            turns = turns + 1;
        }
    }

    private void watch() {
        final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long seen = -1;
        int looks = 0;
        while (!closed) {
            LockSupport.parkNanos(this, period);
            final long now = turns;
            final Thread thread = runs;
            if (now != seen || thread == null) {
                seen = now;
                looks = 0;
                continue;
            }
            final Thread.State state = thread.getState();
            final boolean monitor = state == Thread.State.BLOCKED;
            final Object lock = LockSupport.getBlocker(thread);
            // Who waits for some time only goes on by itself.
            if (!monitor && !(state == Thread.State.WAITING && isLock(lock))) {
                looks = 0;
                continue;
            }
            looks++;
            final long holder = holder(threads, thread, monitor ? null : lock);
            final List<ActionContext> actions = holder >= 0 || looks >= SUSPICIOUS ? owners(holder) : List.of();
            if (!actions.isEmpty() && turns == now) {
                found.accept(actions, monitor ? "a monitor" : lock.toString());
                looks = 0;
            }
        }
    }

    /** Latches and semaphores, which are elsewhere, belong to nobody: who waits for one may well be woken. */
    private static boolean isLock(final Object blocker) {
        return blocker instanceof AbstractOwnableSynchronizer && blocker.getClass().getName().startsWith("java.util.concurrent.locks.");
    }

    /** The id of the thread that has what a thread needs; -1 if nobody tells. */
    private static long holder(final ThreadMXBean threads, final Thread thread, final Object lock) {
        if (lock != null && OWNER != null) {
            try {
                final Thread owner = (Thread) OWNER.invoke(lock);
                if (owner != null) {
                    return owner.getId();
                }
            } catch (final ReflectiveOperationException e) {
                // The other way, then.
            }
        }
        // Null for a virtual thread.
        final ThreadInfo info = threads.getThreadInfo(thread.getId());
        return info == null ? -1 : info.getLockOwnerId();
    }

    private List<ActionContext> owners(final long holder) {
        try {
            return owners.apply(holder);
        } catch (final RuntimeException e) {
            // The action that stood still has gone on, and changes what is read here.
            return List.of();
        }
    }

    /** Ends the watch. What it has found is dealt with when this returns. */
    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(watcher);
        boolean interrupted = false;
        while (started && watcher.isAlive()) {
            try {
                watcher.join();
            } catch (final InterruptedException e) {
                // It takes as long as actions take to end, which is bounded.
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
