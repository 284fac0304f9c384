package org.apache.flink.agents.runtime.metrics;

import java.util.function.LongSupplier;
import org.apache.flink.metrics.Counter;

/** A counter that is kept elsewhere, and only looked at here. */
public final class CounterView implements Counter {
    private final LongSupplier value;

    /** @param value asked by the threads that report metrics */
    public CounterView(final LongSupplier value) {
        this.value = value;
    }

    @Override
    public long getCount() {
        return value.getAsLong();
    }

    @Override
    public void inc() {
        throw readOnly();
    }

    @Override
    public void inc(final long n) {
        throw readOnly();
    }

    @Override
    public void dec() {
        throw readOnly();
    }

    @Override
    public void dec(final long n) {
        throw readOnly();
    }

    private static UnsupportedOperationException readOnly() {
        return new UnsupportedOperationException("This counter shows what is counted elsewhere");
    }
}
