package org.apache.flink.agents.core;

import java.util.concurrent.Executor;
import org.apache.flink.agents.core.loader.NativeLibrary;

/**
 * Virtual threads that run where a scheduler of ours says. JVMs have them since release 21, without a public class for them.
 *
 * <p><i>Threads</i>: any.
 */
public final class VirtualThreads {
    private VirtualThreads() {}

    /** Returns the JVM's own scheduler of virtual threads; null if it has none. */
    public static Executor defaultScheduler() {
        NativeLibrary.load();
        return Natives.virtualThreadScheduler();
    }

    /**
     * Makes a virtual thread.
     *
     * @param scheduler gets what continues the thread, whenever it can go on; it has to run that on a platform thread, by one
     *     at a time. Virtual threads that the thread itself starts come to the same scheduler.
     * @param name of the thread
     * @param body what it runs
     * @return the thread, not yet started; null if this JVM has no such threads
     * @throws UnsatisfiedLinkError if {@link #defaultScheduler} was never asked for
     */
    public static Thread create(final Executor scheduler, final String name, final Runnable body) {
        return Natives.newVirtualThread(scheduler, name, body);
    }
}
