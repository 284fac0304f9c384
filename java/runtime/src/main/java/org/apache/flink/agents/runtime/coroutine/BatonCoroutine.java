package org.apache.flink.agents.runtime.coroutine;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.agents.core.Affinity;

/**
 * A platform thread. Host and code pass the turn to each other, which costs some microseconds: for JVMs before 21. By a relay
 * coroutines pass it among themselves, and one whose code has ended goes on with the next without any change of threads.
 */
final class BatonCoroutine extends Coroutine implements Runnable {
    private static final long STACK_AS_USUAL = 0;
    private static final int IDLE = 0;
    private static final int TAKEN = 1;
    private static final int GONE = 2;
    private static final int LEFT_BEHIND = 3;

    private final Thread thread;
    private final long patience;
    private final Runnable entry;
    private final AtomicInteger state = new AtomicInteger(TAKEN);
    private boolean started;
    private volatile boolean codesTurn;
    /** Of the host that waits for this one, or for one before it; null while none does. */
    private volatile Turn turn;
    /** Waits until the thread is not busy. */
    private volatile Thread host;
    /** The thread blocks in what its code waits for. */
    private volatile boolean busy;
    /** The system's number of the thread, once it has begun. */
    private volatile int id = Affinity.NONE;
    /** The thread is held to the processor of the one that woke it. Ordered by the turn. */
    private boolean held;

    /** From when a host hands over until it goes on. */
    private static final class Turn {
        final Thread host = Thread.currentThread();
        final Relay relay;
        volatile BatonCoroutine runs;
        volatile boolean over;
        /** The host was interrupted, which concerns all that run until it is told. */
        volatile boolean interrupted;

        Turn(final BatonCoroutine first, final Relay relay) {
            runs = first;
            this.relay = relay;
        }

        void end() {
            over = true;
            LockSupport.unpark(host);
        }
    }

    /**
     * @param patience how long an idle one lives, ns
     * @param entry run first by its thread
     */
    BatonCoroutine(final String name, final long patience, final Runnable entry) {
        thread = new Thread(null, this, name, STACK_AS_USUAL);
        thread.setDaemon(true);
        this.patience = patience;
        this.entry = entry;
    }

    /** Host: it is not needed now. */
    void rest() {
        state.compareAndSet(TAKEN, IDLE);
    }

    /** Host: it is needed. Returns false if it has gone meanwhile. */
    boolean take() {
        return state.compareAndSet(IDLE, TAKEN);
    }

    @Override
    public void run() {
        try {
            id = Affinity.threadId();
            entry.run();
            live();
        } finally {
            codesTurn = false;
            final Turn last = turn;
            if (last != null) {
                last.end();
            }
        }
    }

    @Override
    public Thread thread() {
        return thread;
    }

    @Override
    void handOver(final Relay relay) {
        final Turn own = new Turn(this, relay);
        turn = own;
        if (started) {
            moveHere();
            codesTurn = true;
            LockSupport.unpark(thread);
        } else {
            started = true;
            codesTurn = true;
            thread.start();
        }
        while (!own.over) {
            LockSupport.park(this);
            if (Thread.interrupted()) {
                // Flink cancels by interrupting its thread. What blocks is the code.
                own.interrupted = true;
                own.runs.thread.interrupt();
            }
        }
        if (own.interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * The thread goes on where the calling one stops at once; another processor that is idle has to be woken first. Only until it has
     * the turn: its code, and threads that this starts, may run anywhere.
     */
    private void moveHere() {
        // One that still ends its call would have to be stopped for it.
        held = !busy && Affinity.moveHere(id);
    }

    /** The turn goes to another one, or back to the host. {@code stops}: this thread has nothing else to do. */
    private void passOn(final Turn current, final BatonCoroutine next, final boolean stops) {
        turn = null;
        codesTurn = false;
        if (next == null) {
            if (current != null) {
                current.end();
            }
            return;
        }
        next.turn = current;
        current.runs = next;
        if (stops) {
            next.moveHere();
        }
        next.codesTurn = true;
        LockSupport.unpark(next.thread);
        if (current.interrupted) {
            // The host may have taken this one for the one that runs.
            next.thread.interrupt();
        }
    }

    /** Without waiting for it: a restart ends a thousand of them, and goes on meanwhile. */
    @Override
    void end() {
        codesTurn = true;
        LockSupport.unpark(thread);
    }

    /** It goes on alone as soon as it can, and ends. */
    @Override
    void leaveBehind() {
        if (state.getAndSet(LEFT_BEHIND) != LEFT_BEHIND) {
            codesTurn = true;
            LockSupport.unpark(thread);
        }
    }

    @Override
    boolean canProceed(final long until) {
        if (state.get() == LEFT_BEHIND) {
            return false;
        }
        host = Thread.currentThread();
        boolean interrupted = false;
        while (busy && until - System.nanoTime() > 0) {
            LockSupport.parkNanos(this, until - System.nanoTime());
            // Flink's interrupts are for those who block; this ends by itself.
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return !busy;
    }

    @Override
    void handBack(final Wait wait) {
        if (state.get() == LEFT_BEHIND) {
            return;
        }
        // The code's own interrupt is not that of what it waits for.
        boolean interrupted = Thread.interrupted() && wait != null;
        final Turn current = turn;
        final boolean relays = current != null && current.relay != null && !current.interrupted;
        final BatonCoroutine next = relays ? (BatonCoroutine) current.relay.next() : null;
        if (next == this && wait == null) {
            return;
        }
        busy = wait != null;
        passOn(current, next, wait == null || wait.endsByHost());
        if (wait != null) {
            // Nobody waits for this thread now: what has to block, blocks it.
            wait.begin(true);
            busy = false;
            LockSupport.unpark(host);
        }
        long idle = System.nanoTime();
        while (!codesTurn) {
            if (wait == null) {
                LockSupport.parkNanos(this, patience);
                if (state.get() != IDLE) {
                    idle = System.nanoTime();
                } else if (System.nanoTime() - idle >= patience && !codesTurn && state.compareAndSet(IDLE, GONE)) {
                    // Only an idle one may go; the others stay until their turn comes.
                    return;
                }
            } else {
                LockSupport.park(this);
            }
            // Those that come while nothing waits are for nobody, but for one that came with the turn.
            if (Thread.interrupted() && (wait != null || codesTurn)) {
                interrupted = true;
            }
        }
        if (held) {
            held = false;
            Affinity.moveAnywhere();
        }
        if (interrupted) {
            thread.interrupt();
        }
    }
}
