package org.apache.flink.agents.core;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.apache.flink.agents.core.loader.NativeLibrary;

/**
 * What one built-in action at work has to do next, decided by the core. Start, commands and answers are JSON as {@code
 * rust/core/src/builtin/mod.rs} describes them. One user at a time.
 */
public final class BuiltInDecisions implements AutoCloseable {
    private final long handle;
    private final byte[] first;

    private BuiltInDecisions(final long handle, final byte[] first) {
        this.handle = handle;
        this.first = first;
    }

    /**
     * Begins an action.
     *
     * @throws IllegalArgumentException if the event is not one for the action, or the start cannot be read
     */
    public static BuiltInDecisions begin(final byte[] start) {
        NativeLibrary.load();
        final byte[] begun = Natives.builtInBegin(start);
        final long handle = ByteBuffer.wrap(begun).order(ByteOrder.LITTLE_ENDIAN).getLong();
        return new BuiltInDecisions(handle, Arrays.copyOfRange(begun, Long.BYTES, begun.length));
    }

    /** The first batch of commands. */
    public byte[] first() {
        return first;
    }

    /**
     * Takes the answer to the last command, and gives the next batch.
     *
     * @throws IllegalArgumentException if the answer cannot be read
     * @throws IllegalStateException if the action has ended
     */
    public byte[] answer(final byte[] answer) {
        return Natives.builtInAnswer(handle, answer);
    }

    @Override
    public void close() {
        Natives.builtInEnd(handle);
    }
}
