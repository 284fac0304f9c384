package org.apache.flink.agents.core;

import org.apache.flink.agents.core.loader.NativeLibrary;

/**
 * Lets a thread that is woken go on where the one that wakes it stops. Linux prefers a processor that is idle, which takes two to
 * nine times as long on a virtual machine. Elsewhere, and with one processor, nothing happens.
 *
 * <p><i>Threads</i>: any.
 */
public final class Affinity {
    /** Of a thread that cannot be moved. */
    public static final int NONE = 0;

    private Affinity() {}

    /** Returns the system's number of the calling thread; {@link #NONE} if it cannot be moved. */
    public static int threadId() {
        NativeLibrary.load();
        return Natives.threadId();
    }

    /**
     * Holds a thread that sleeps to the processor of the calling one, until it calls {@link #moveAnywhere}. Threads that it starts
     * before that would be held, too.
     *
     * @param thread what {@link #threadId} has returned on it
     * @return whether it is held; not if the system does not allow it, or there is no such thread
     */
    public static boolean moveHere(final int thread) {
        return thread != NONE && Natives.moveHere(thread) != 0;
    }

    /** Lets the calling thread run on all processors again that the process may use. */
    public static void moveAnywhere() {
        Natives.moveAnywhere();
    }
}
