package org.apache.flink.agents.runtime.coroutine;

import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.agents.core.VirtualThreads;

/**
 * A virtual thread whose scheduler is the host: the host's own thread carries it ({@link Carrier}). A change of turns costs a
 * fifth of a microsecond, and no thread of the system.
 *
 * <p>User code that blocks, in a call of the network for instance, leaves its carrier as every virtual thread does. The host
 * waits for it all the same: to the user an action is one piece but where it waits for a durable call.
 */
final class VirtualCoroutine extends Coroutine implements Executor {
    /** How long the host stands still where the thread cannot be left, and only the host can end the wait; ns. */
    private static final long PINNED = 1_000_000_000;

    private final Thread thread;
    private final Carrier carrier;
    private boolean started;
    /** What the JVM runs to go on with this thread: always the same object. */
    private Runnable own;

    private volatile Runnable continuation;
    private volatile Thread waiting;
    private volatile boolean codesTurn;

    /** @param entry run first by the thread */
    VirtualCoroutine(final String name, final Carrier carrier, final Runnable entry) {
        this.carrier = carrier;
        thread = VirtualThreads.create(this, name, () -> {
            entry.run();
            live();
            codesTurn = false;
        });
    }

    @Override
    public Thread thread() {
        return thread;
    }

    /** The JVM: the thread can go on. Called by whoever has ended what it waited for. */
    @Override
    public void execute(final Runnable work) {
        if (own == null) {
            own = work;
        } else if (own != work) {
            // Virtual threads that the user's code starts inherit the scheduler. They are not part of the action.
            ForkJoinPool.commonPool().execute(work);
            return;
        }
        continuation = work;
        final Thread host = waiting;
        if (host != null) {
            LockSupport.unpark(host);
        }
    }

    @Override
    void handOver(final Relay relay) {
        codesTurn = true;
        final boolean beginning = !started;
        if (started) {
            LockSupport.unpark(thread);
        } else {
            started = true;
            thread.start();
        }
        boolean interrupted = false;
        do {
            Runnable next = continuation;
            if (next == null) {
                waiting = Thread.currentThread();
                for (next = continuation; next == null; next = continuation) {
                    LockSupport.park(this);
                    if (Thread.interrupted()) {
                        // Flink cancels by interrupting its thread. What blocks is the code.
                        interrupted = true;
                        thread.interrupt();
                    }
                }
                waiting = null;
            }
            continuation = null;
            if (Thread.interrupted()) {
                // The JVM forgets it when the thread is mounted.
                interrupted = true;
                thread.interrupt();
            }
            interrupted |= carrier.carry(next, thread, beginning);
        } while (codesTurn);
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    void handBack(final Wait wait) {
        // The code's own interrupt is not that of what it waits for.
        boolean interrupted = Thread.interrupted() && wait != null;
        if (wait != null) {
            wait.begin(false);
        }
        codesTurn = false;
        while (!codesTurn) {
            boolean pinned = false;
            if (wait != null && wait.endsByHost()) {
                // Where the thread was left nothing runs here before its turn, timer or not. An earlier unpark ends it at once.
                final long begun = System.nanoTime();
                LockSupport.parkNanos(this, PINNED);
                pinned = System.nanoTime() - begun >= PINNED;
            } else {
                LockSupport.park(this);
            }
            if (!codesTurn && wait != null && (pinned || wait.isOver())) {
                // The code runs though it is not its turn: the thread was not left, since it holds a monitor, and its carrier,
                // the host, stood still with it. So the wait has come to an end here.
                codesTurn = true;
            }
            // Those that come while nothing waits are for nobody, but for one that came with the turn.
            if (Thread.interrupted() && (wait != null || codesTurn)) {
                interrupted = true;
            }
        }
        if (interrupted) {
            thread.interrupt();
        }
    }
}
