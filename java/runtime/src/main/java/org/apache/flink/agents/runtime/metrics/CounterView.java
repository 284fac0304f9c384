package org.apache.flink.agents.runtime.metrics;

import java.util.function.LongSupplier;
import org.apache.flink.metrics.SimpleCounter;

/** A counter that is kept elsewhere, with what is added here. */
final class CounterView extends SimpleCounter {
    private final LongSupplier value;

    /** @param value asked by the threads that report metrics */
    CounterView(final LongSupplier value) {
        this.value = value;
    }

    @Override
    public long getCount() {
        return value.getAsLong() + super.getCount();
    }
}
