package org.apache.flink.agents.runtime.host;

import org.apache.flink.metrics.Histogram;

/**
 * How long something takes, in microseconds. Asking the clock twice costs about 50 ns, so what takes less than a hundred times that
 * is measured now and then only: measuring stays below one in a hundred. What takes longer is measured always, and so is the
 * next of what was. Used by one thread.
 */
final class Latency {
    /** A hundred times what measuring costs, in nanoseconds. */
    private static final long WORTH = 5_000;

    /** Nothing takes less. */
    private static final long SHORTEST = 50;

    private final Histogram histogram;
    private int skip;

    Latency(final Histogram histogram) {
        this.histogram = histogram;
    }

    /** Whether what begins now is to be measured. */
    boolean isDue() {
        if (skip > 0) {
            skip--;
            return false;
        }
        return true;
    }

    /** It was measured elsewhere, at no cost here. */
    void tookMicros(final long micros) {
        histogram.update(micros);
    }

    /** It took so long. */
    void took(final long nanos) {
        histogram.update((nanos + 500) / 1_000);
        skip = (int) (WORTH / Math.max(nanos, SHORTEST));
    }
}
