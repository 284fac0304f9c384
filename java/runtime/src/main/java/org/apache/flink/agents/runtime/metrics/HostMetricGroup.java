package org.apache.flink.agents.runtime.metrics;

import java.util.function.LongSupplier;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;

/** Where a host has its metrics and those of its users. */
public interface HostMetricGroup extends FlinkAgentsMetricGroup {

    @Override
    HostMetricGroup getSubGroup(String name);

    @Override
    HostMetricGroup getSubGroup(String key, String value);

    /** Shows what {@code value} says whenever somebody looks: it is asked by any thread, at any time, also after the host has ended. */
    void gauge(String name, LongSupplier value);

    /**
     * The same as a counter, of a number that only grows. What users add, who ask for the counter of this name, is in the count.
     */
    void counter(String name, LongSupplier value);
}
