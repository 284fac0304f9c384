package org.apache.flink.agents.runtime.coroutine;

import java.util.ArrayDeque;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.agents.core.VirtualThreads;

/**
 * The coroutines of one host, and the threads for what they wait for.
 *
 * <p>On JVMs that have virtual threads ({@link VirtualCoroutine}) both are such, and there may be any number. On others they
 * are platform threads, of each kind as many as are needed up to a bound; one that is idle for a minute goes.
 *
 * <p><i>Threads</i>: {@link #start} may be called by any, the rest by the host.
 */
public final class Coroutines implements AutoCloseable {
    private static final long PATIENCE = TimeUnit.SECONDS.toNanos(60);
    private static final int IDLE_VIRTUAL = 1024;
    private static final String NAME = "flink-agents-java-async";

    private final int bound;
    /** Null where there are no virtual threads. */
    private final Executor scheduler;
    /** Used last, taken first: the others may go. */
    private final ArrayDeque<Coroutine> idle = new ArrayDeque<>();

    private final AtomicInteger platformThreads = new AtomicInteger();
    private final AtomicInteger names = new AtomicInteger();
    private ThreadPoolExecutor helpers;

    /** @param bound how many platform threads of each kind there may be, where there are no virtual ones */
    public Coroutines(final int bound) {
        this(bound, VirtualThreads.defaultScheduler());
    }

    private Coroutines(final int bound, final Executor scheduler) {
        this.bound = bound;
        this.scheduler = scheduler;
    }

    /** As on a JVM without virtual threads, whatever this one has. */
    public static Coroutines onPlatformThreads(final int bound) {
        return new Coroutines(bound, null);
    }

    /** Whether coroutines are virtual threads. */
    public boolean isVirtual() {
        return scheduler != null;
    }

    /** Returns a coroutine in which no code runs; null if as many platform threads as may be are in use. */
    public Coroutine take() {
        for (Coroutine next = idle.pollLast(); next != null; next = idle.pollLast()) {
            if (!(next instanceof BatonCoroutine) || ((BatonCoroutine) next).take()) {
                return next;
            }
        }
        if (isVirtual()) {
            return VirtualCoroutine.create(name());
        }
        return reserve() ? new BatonCoroutine(name(), PATIENCE, platformThreads::decrementAndGet) : null;
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
            VirtualThreads.create(scheduler, name(), work).start();
        } else {
            helpers().execute(work);
        }
    }

    private synchronized ThreadPoolExecutor helpers() {
        if (helpers == null) {
            helpers = new ThreadPoolExecutor(bound, bound, PATIENCE, TimeUnit.NANOSECONDS, new LinkedBlockingQueue<>(), task -> {
                final Thread thread = new Thread(task, name());
                thread.setDaemon(true);
                return thread;
            });
            helpers.allowCoreThreadTimeOut(true);
        }
        return helpers;
    }

    private boolean reserve() {
        for (int now = platformThreads.get(); now < bound; now = platformThreads.get()) {
            if (platformThreads.compareAndSet(now, now + 1)) {
                return true;
            }
        }
        return false;
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
        synchronized (this) {
            if (helpers != null) {
                // What waits for a thread was given up.
                helpers.shutdown();
            }
        }
    }
}
