package org.apache.flink.agents.api.context;

import java.util.concurrent.Callable;
import javax.annotation.Nullable;

/**
 * The durable call that this thread is making or beginning, for clients that are called from within one and are handed no {@link
 * DurableCallContext}: so a chat is told apart from a repeated one by its server. An addition to the reference's API.
 *
 * <p><i>Threads</i>: each has its own; what a call starts on other threads has none.
 */
public final class CurrentDurableCall {
    private static final ThreadLocal<DurableCallContext> CURRENT = new ThreadLocal<>();

    private CurrentDurableCall() {}

    /** Returns the call; null outside of durable calls. */
    @Nullable
    public static DurableCallContext get() {
        return CURRENT.get();
    }

    /** INTERNAL: does something as part of a call. */
    public static <T> T during(final DurableCallContext call, final Callable<T> work) throws Exception {
        final DurableCallContext before = CURRENT.get();
        CURRENT.set(call);
        try {
            return work.call();
        } finally {
            if (before == null) {
                CURRENT.remove();
            } else {
                CURRENT.set(before);
            }
        }
    }
}
