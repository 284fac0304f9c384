package org.apache.flink.agents.runtime.coroutine;

import java.util.ArrayDeque;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.agents.core.VirtualThreads;
import org.slf4j.MDC;

/**
 * The coroutines of one host, and the threads for what they wait for.
 *
 * <p>On JVMs that have virtual threads ({@link VirtualCoroutine}) both are such, and there may be any number. On others they
 * are platform threads, of each kind as many as are needed up to a bound; one that is idle for a minute goes.
 *
 * <p><i>Threads</i>: {@link #start} and {@link #startNeeded} may be called by any, the rest by the host.
 */
public final class Coroutines implements AutoCloseable {
    private static final long PATIENCE = TimeUnit.SECONDS.toNanos(60);
    private static final int IDLE_VIRTUAL = 1024;
    private static final String NAME = "flink-agents-java-async";

    private final int bound;
    /** How long an idle platform thread lives, ns. */
    private final long patience;
    /** Null where there are no virtual threads. */
    private final Executor scheduler;
    /** Used last, taken first: the others may go. */
    private final ArrayDeque<Coroutine> idle = new ArrayDeque<>();

    private final Carrier carrier = new Carrier(NAME + "-carrier");
    private int platformThreads;
    private final AtomicInteger names = new AtomicInteger();
    private CallThreads helpers;
    private CallThreads needed;
    /** Flink has the job's id here, on the thread of the subtask; null where there is nothing. */
    private final Map<String, String> logContext;

    /** @param bound how many platform threads of each kind there may be, where there are no virtual ones */
    public Coroutines(final int bound) {
        this(bound, virtualThreads(), PATIENCE);
    }

    /** Their scheduler; null if this JVM has none, or has them in another way than those of release 21 to 25. */
    private static Executor virtualThreads() {
        final Executor scheduler = VirtualThreads.defaultScheduler();
        return scheduler != null && VirtualThreads.create(scheduler, NAME, () -> {}) != null ? scheduler : null;
    }

    private Coroutines(final int bound, final Executor scheduler, final long patience) {
        this.bound = bound;
        this.patience = patience;
        this.scheduler = scheduler;
        final Map<String, String> context = MDC.getCopyOfContextMap();
        logContext = context == null || context.isEmpty() ? null : context;
    }

    /** As on a JVM without virtual threads, whatever this one has. */
    public static Coroutines onPlatformThreads(final int bound) {
        return onPlatformThreads(bound, PATIENCE);
    }

    static Coroutines onPlatformThreads(final int bound, final long patience) {
        return new Coroutines(bound, null, patience);
    }

    /** Whether coroutines are virtual threads. */
    public boolean isVirtual() {
        return scheduler != null;
    }

    /** Returns a coroutine in which no code runs; null if as many platform threads as may be are in use. */
    public Coroutine take() {
        final Coroutine found = takeIdle();
        if (found != null) {
            return found;
        }
        if (isVirtual()) {
            return new VirtualCoroutine(name(), carrier, this::entersThread);
        }
        if (platformThreads >= bound) {
            return null;
        }
        platformThreads++;
        return new BatonCoroutine(name(), patience, this::entersThread);
    }

    /** Returns a coroutine in which no code runs and whose thread has begun; null if there is none. */
    public Coroutine takeIdle() {
        for (Coroutine next = idle.pollLast(); next != null; next = idle.pollLast()) {
            if (!(next instanceof BatonCoroutine) || ((BatonCoroutine) next).take()) {
                return next;
            }
            // Counted here, not by the thread when it ends, so that its place is free for sure.
            platformThreads--;
        }
        return null;
    }

    /** Takes back a coroutine whose code has ended. */
    public void release(final Coroutine coroutine) {
        if (coroutine instanceof BatonCoroutine) {
            ((BatonCoroutine) coroutine).rest();
        } else if (idle.size() >= IDLE_VIRTUAL) {
            coroutine.end();
            return;
        }
        idle.addLast(coroutine);
    }

    /**
     * Runs something on a thread that is no coroutine's; where there are no virtual threads, as soon as one is free.
     *
     * @param work must not throw
     */
    public void start(final Runnable work) {
        if (isVirtual()) {
            startVirtual(work);
        } else {
            helpers().execute(work);
        }
    }

    /**
     * The same for what others may wait for that have all threads there may be: it gets one in any case.
     *
     * @param work must not throw
     */
    public void startNeeded(final Runnable work) {
        if (isVirtual()) {
            startVirtual(work);
        } else {
            needed().execute(work);
        }
    }

    private void startVirtual(final Runnable work) {
        final Runnable body = logContext == null ? work : () -> {
            entersThread();
            work.run();
        };
        VirtualThreads.create(scheduler, name(), body).start();
    }

    private synchronized CallThreads helpers() {
        if (helpers == null) {
            helpers = newThreads(bound);
        }
        return helpers;
    }

    private synchronized CallThreads needed() {
        if (needed == null) {
            needed = newThreads(Integer.MAX_VALUE);
        }
        return needed;
    }

    private CallThreads newThreads(final int most) {
        return new CallThreads(most, patience, task -> {
            final Thread thread = new Thread(() -> {
                entersThread();
                task.run();
            }, name());
            thread.setDaemon(true);
            return thread;
        });
    }

    /** What logs on a new thread shows the same job. */
    private void entersThread() {
        if (logContext != null) {
            MDC.setContextMap(logContext);
        }
    }

    private String name() {
        return NAME + '-' + names.incrementAndGet();
    }

    /** Ends the threads of idle coroutines, and of helpers as soon as they are done. No code may be suspended. */
    @Override
    public void close() {
        for (Coroutine next = idle.pollLast(); next != null; next = idle.pollLast()) {
            if (!(next instanceof BatonCoroutine) || ((BatonCoroutine) next).take()) {
                next.end();
            }
        }
        carrier.close();
        synchronized (this) {
            if (helpers != null) {
                // What waits for a thread was given up.
                helpers.shutdown();
            }
            if (needed != null) {
                needed.shutdown();
            }
        }
    }
}
