package org.apache.flink.agents.core;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * How a core is doing, for metrics. The core writes these numbers at each poll into memory of this object, so that reading them costs
 * the core nothing: any thread may, at any time, also when the core is closed. Each is exact as of some recent poll.
 */
public final class CoreFigures {
    private static final VarHandle NUMBERS = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

    /** As {@code rust/jni/src/hot.rs} tells them. */
    private static final int EVENTS = 0;

    private static final int UNFINISHED = 1;
    private static final int WAITING = 2;
    private static final int SUSPENDED = 3;
    private static final int HELD_OUTPUTS = 4;
    private static final int HELD_MARKERS = 5;
    private static final int FAILED_ATTEMPTS = 6;
    private static final int DEAD_LETTERS = 7;
    private static final int COUNT = 8;

    private final ByteBuffer memory = ByteBuffer.allocateDirect(COUNT * Long.BYTES).order(ByteOrder.nativeOrder());

    CoreFigures() {}

    ByteBuffer memory() {
        return memory;
    }

    private long number(final int place) {
        return (long) NUMBERS.getOpaque(memory, place * Long.BYTES);
    }

    /** Events processed since the core was opened; those of a replayed action count again. */
    public long events() {
        return number(EVENTS);
    }

    /** Runs that have begun and not ended. */
    public long runsInFlight() {
        // Two numbers of perhaps two polls.
        return Math.max(0, number(UNFINISHED) - number(WAITING));
    }

    /** Inputs that wait for the run before them of the same key. */
    public long pendingInputs() {
        return number(WAITING);
    }

    /** Actions that wait for something. */
    public long suspendedTasks() {
        return number(SUSPENDED);
    }

    /** Outputs that wait until the records before them are durable. */
    public long heldOutputs() {
        return number(HELD_OUTPUTS);
    }

    /** Attempts of actions that failed and were followed by another, since the core was opened. */
    public long failedAttempts() {
        return number(FAILED_ATTEMPTS);
    }

    /** Dead letters that left since the core was opened. */
    public long deadLetters() {
        return number(DEAD_LETTERS);
    }

    /** Watermarks and other markers that wait for inputs before them. */
    public long heldMarkers() {
        return number(HELD_MARKERS);
    }
}
