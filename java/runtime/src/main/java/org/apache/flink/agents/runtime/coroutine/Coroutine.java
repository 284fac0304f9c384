package org.apache.flink.agents.runtime.coroutine;

import java.time.Duration;

/**
 * A thread of its own for user code, which runs only while its host waits for it: of the two exactly one runs at any time.
 * The code may be left in the middle, where it calls {@link #suspend}, and gone on with later. When it has ended, the
 * coroutine can be used for other code.
 *
 * <p><i>Threads</i>: {@link #run}, {@link #resume} and {@link #end} are called by the host, always the same thread, or one
 * after the other; {@link #suspend} by the code that runs in it; {@link #interrupt} by any.
 */
public abstract class Coroutine {
    /** Set by the host before it hands over, read by the code; and the other way round. The hand-over orders them. */
    private Runnable body;

    private boolean suspended;

    /** For subclasses in this package. */
    Coroutine() {}

    /**
     * Runs code until it ends or suspends itself.
     *
     * @param code must not throw
     * @return whether it has ended; else it is suspended
     */
    public final boolean run(final Runnable code) {
        return run(code, null);
    }

    /**
     * The same, with a relay: where coroutines are platform threads, others may have run and go on when this returns.
     *
     * @param relay null if there is none
     */
    public final boolean run(final Runnable code, final Relay relay) {
        prepare(code);
        return proceed(relay);
    }

    /** Has code run when the turn comes by a relay. Called by what the relay asks whose turn it is. */
    public final void prepare(final Runnable code) {
        body = code;
    }

    /**
     * Goes on with suspended code until it ends or suspends itself again.
     *
     * @return whether it has ended
     */
    public final boolean resume() {
        return resume(null);
    }

    /** The same, with a relay. */
    public final boolean resume(final Relay relay) {
        return proceed(relay);
    }

    /** Whether code is suspended in it. */
    public final boolean isSuspended() {
        return suspended;
    }

    /**
     * Resumes suspended code, as often as it suspends itself, until it ends: what it waits for was given up.
     *
     * @return whether it has ended; else its thread is busy for longer than {@code patience}, and nothing can be done with this
     *     coroutine any more: when its thread is free, the code goes on without a host, and the thread ends with it
     */
    public final boolean unwind(final Duration patience) {
        final long until = System.nanoTime() + patience.toNanos();
        do {
            if (!canProceed(until)) {
                leaveBehind();
                return false;
            }
        } while (!proceed(null));
        return true;
    }

    private boolean proceed(final Relay relay) {
        suspended = false;
        handOver(relay);
        return !suspended;
    }

    /** Ends the thread, and need not wait for that. No code may be suspended in it. */
    void end() {
        body = null;
        handOver(null);
    }

    /**
     * Lets the host go on, runs {@code meanwhile} without it, and comes back when the host resumes this coroutine. Called by
     * the code that runs in the coroutine.
     *
     * @param wait what the code waits for. Where its thread cannot be left, since it holds a monitor (JVMs 21 to 23), the host
     *     has to wait, too, until this is over
     */
    public final void suspend(final Wait wait) {
        suspended = true;
        handBack(wait);
        suspended = false;
    }

    /** Interrupts the code. */
    public final void interrupt() {
        thread().interrupt();
    }

    /** The thread that the code runs on. */
    public abstract Thread thread();

    /**
     * Passes the turn from one coroutine to the next without the host: that saves one change of threads of two. The host waits
     * meanwhile, so that still exactly one of all runs.
     */
    @FunctionalInterface
    public interface Relay {
        /**
         * Whose turn it is after code has ended or suspended itself. Called by the thread of that code, in place of the host. Must not throw.
         *
         * @return one that is suspended or was {@linkplain #prepare prepared}, and whose thread has begun; null: it is the host's
         */
        Coroutine next();
    }

    /** What a coroutine's code waits for. */
    public interface Wait {
        /** Starts it, or does it, on the coroutine's own thread where {@code mayBlock} says that nobody waits for that thread. */
        void begin(boolean mayBlock);

        /** Whether it is over. */
        boolean isOver();

        /**
         * Whether only the host can end it, who must not wait for it then: where the thread cannot be left, {@link #suspend}
         * returns soon though it is not over.
         */
        default boolean endsByHost() {
            return false;
        }
    }

    /** Host's side: waits until the suspended code's thread has nothing else to do, at most until that nano time. */
    boolean canProceed(final long until) {
        return true;
    }

    /** Host's side: it cannot proceed, and nobody will look after it. */
    void leaveBehind() {}

    /** Host's side: the code goes on; returns when it, or where the relay led, has handed back. */
    abstract void handOver(Relay relay);

    /** Code's side: the host goes on; returns when it has handed over. */
    abstract void handBack(Wait wait);

    /** Host's side: the thread's life, one piece of code after another, until {@link #end}. */
    final void live() {
        for (Runnable code = body; code != null; code = body) {
            code.run();
            body = null;
            handBack(null);
        }
    }
}
