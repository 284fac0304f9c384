package org.apache.flink.agents.runtime.host;

import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.metrics.Counter;

/** Counters that have a meter beside them. */
final class HostMetrics {
    private HostMetrics() {}

    /** The counter {@code name}, with the meter {@code name + "PerSec"} of it. */
    static Counter counter(final FlinkAgentsMetricGroup group, final String name) {
        final Counter counter = group.getCounter(name);
        group.getMeter(name + "PerSec", counter);
        return counter;
    }
}
