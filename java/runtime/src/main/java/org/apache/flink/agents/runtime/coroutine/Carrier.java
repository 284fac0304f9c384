package org.apache.flink.agents.runtime.coroutine;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What carries the virtual threads of one host: the host's own thread, unless it holds a monitor meanwhile.
 *
 * <p>Since release 24 a virtual thread takes its monitors with it when it is left, and the JVM takes those that the carrier holds
 * for its own: the carrier loses them, and the JVM ends by a signal soon after. Its own carriers hold none. A host may: a run
 * without Flink that was begun in a {@code synchronized} block, or a task whose mails hold a lock, as those of Flink's former
 * source functions. Another thread carries then, and the host waits for it.
 *
 * <p>Who holds a monitor holds it each time, so only the first turns are looked at: looking takes as long as a thousand turns.
 *
 * <p><i>Threads</i>: the host's.
 */
final class Carrier implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Carrier.class);
    private static final boolean TAKES_MONITORS = Runtime.version().feature() >= 24;

    private final String name;
    private boolean looksAtBeginnings = TAKES_MONITORS;
    private boolean looksAtReturns = TAKES_MONITORS;
    /** Null as long as the host carries. */
    private ExecutorService other;

    /** @param name of the thread that carries in place of the host */
    Carrier(final String name) {
        this.name = name;
    }

    /**
     * Carries a thread until it is left.
     *
     * @param carried is interrupted when the calling thread is
     * @param beginning whether the thread has not run yet
     * @return whether the calling thread was interrupted
     */
    boolean carry(final Runnable continuation, final Thread carried, final boolean beginning) {
        if (other == null && (beginning ? looksAtBeginnings : looksAtReturns)) {
            if (beginning) {
                looksAtBeginnings = false;
            } else {
                looksAtReturns = false;
            }
            if (holdsMonitors()) {
                other = Executors.newSingleThreadExecutor(work -> {
                    final Thread thread = new Thread(work, name);
                    thread.setDaemon(true);
                    return thread;
                });
            }
        }
        if (other == null) {
            continuation.run();
            return false;
        }
        return carryElsewhere(continuation, carried);
    }

    private boolean carryElsewhere(final Runnable continuation, final Thread carried) {
        final FutureTask<Void> turn = new FutureTask<>(continuation, null);
        other.execute(turn);
        boolean interrupted = false;
        while (true) {
            try {
                turn.get();
                return interrupted;
            } catch (final InterruptedException e) {
                // Flink cancels by interrupting its thread. What runs is the code.
                interrupted = true;
                carried.interrupt();
            } catch (final ExecutionException e) {
                throw new IllegalStateException("The JVM could not go on with thread \"" + carried.getName() + '"', e.getCause());
            }
        }
    }

    private static boolean holdsMonitors() {
        final Thread thread = Thread.currentThread();
        final ThreadInfo[] found =
                ManagementFactory.getThreadMXBean().getThreadInfo(new long[] {thread.getId()}, true, false);
        if (found[0] == null || found[0].getLockedMonitors().length == 0) {
            return false;
        }
        LOG.info(
                "Actions that wait are carried by a thread of their own, which costs about 20 µs each time one begins or goes on: thread \"{}\""
                        + " holds {} while it runs them, and Java {} would mix up its monitors with those of the actions",
                thread.getName(),
                found[0].getLockedMonitors()[0],
                Runtime.version().feature());
        return true;
    }

    @Override
    public void close() {
        if (other != null) {
            other.shutdown();
        }
    }
}
