package org.apache.flink.agents.runtime.coroutine;

import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Platform threads for calls: as many as have something to do at a time, up to a bound; one that is idle for a while goes.
 *
 * <p>The executor begins a thread where its queue does not take a task. An ordinary queue takes all, which would leave it at its
 * least number of threads; with the bound as that number each of the first tasks would get a thread of its own, whoever is idle.
 * This one takes a task only if a thread waits for one, and else when there are as many threads as may be.
 */
final class CallThreads {
    private final Waiting waiting = new Waiting();
    private final ThreadPoolExecutor pool;

    /**
     * @param bound how many there may be
     * @param patience how long one that is idle stays, ns
     */
    CallThreads(final int bound, final long patience, final ThreadFactory factory) {
        pool = new ThreadPoolExecutor(0, bound, patience, TimeUnit.NANOSECONDS, waiting, factory, (task, full) -> {
            if (full.isShutdown()) {
                throw new RejectedExecutionException("the subtask has ended");
            }
            waiting.add(task);
        });
    }

    /** Runs it as soon as a thread is free. */
    void execute(final Runnable task) {
        pool.execute(task);
    }

    /** Takes no more; threads end when nothing is left to do. */
    void shutdown() {
        pool.shutdown();
    }

    /** Tasks for which there is no thread yet. */
    private static final class Waiting extends LinkedTransferQueue<Runnable> {
        private static final long serialVersionUID = 1L;

        @Override
        public boolean offer(final Runnable task) {
            return tryTransfer(task);
        }

        /** Whether a thread waits or not. */
        @Override
        public boolean add(final Runnable task) {
            return super.offer(task);
        }
    }
}
