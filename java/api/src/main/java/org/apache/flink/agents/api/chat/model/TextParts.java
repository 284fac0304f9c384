package org.apache.flink.agents.api.chat.model;

import java.util.concurrent.Callable;
import java.util.function.Consumer;
import javax.annotation.Nullable;

/**
 * Who is told what a model says while it says it. For the connections of the framework; what others say is heard as a whole only.
 * An addition to the reference's API.
 *
 * <p><i>Threads</i>: each has its own listener; what is started on other threads has none.
 */
public final class TextParts {
    private static final ThreadLocal<Consumer<TextPart>> LISTENER = new ThreadLocal<>();

    private TextParts() {}

    /** Returns who listens to chats that this thread asks for; null if nobody does. For connections. */
    @Nullable
    public static Consumer<TextPart> listener() {
        return LISTENER.get();
    }

    /**
     * Does something, with its chats being told part by part. They return the same as without.
     *
     * @param listener told of each part, in order and before its chat has ended, by another thread, which it must not hold up; what
     *     it throws is logged. Null for nobody
     */
    public static <T> T listening(@Nullable Consumer<TextPart> listener, Callable<T> work) throws Exception {
        final Consumer<TextPart> before = LISTENER.get();
        if (listener == before) {
            // Mostly nobody listens.
            return work.call();
        }
        set(listener);
        try {
            return work.call();
        } finally {
            set(before);
        }
    }

    private static void set(@Nullable Consumer<TextPart> listener) {
        if (listener == null) {
            LISTENER.remove();
        } else {
            LISTENER.set(listener);
        }
    }
}
