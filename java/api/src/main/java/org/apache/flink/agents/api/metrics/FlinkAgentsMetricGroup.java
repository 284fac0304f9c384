package org.apache.flink.agents.api.metrics;

import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.Meter;

/**
 * Metrics of an agent or an action. Asking twice for the same name gives the same object. Use it
 * from the thread the action runs on.
 */
public interface FlinkAgentsMetricGroup {

    /**
     * Returns a sub group.
     *
     * @throws IllegalArgumentException if the name contains {@code =}
     */
    FlinkAgentsMetricGroup getSubGroup(String name);

    /**
     * Returns a key-value sub group: {@code key.value} in the metric's name, a label for reporters
     * that know labels.
     *
     * @throws IllegalArgumentException if the key contains {@code =}
     */
    FlinkAgentsMetricGroup getSubGroup(String key, String value);

    /** Returns a gauge that shows the last value given to {@link UpdatableGauge#update}. */
    @SuppressWarnings("rawtypes")
    UpdatableGauge getGauge(String name);

    /** Returns a counter. */
    Counter getCounter(String name);

    /** Returns a meter: events per second over the last 60 s. */
    Meter getMeter(String name);

    /** Returns a meter of an existing counter: its increase per second over the last 60 s. */
    Meter getMeter(String name, Counter counter);

    /** Returns a histogram over the last 100 values. */
    Histogram getHistogram(String name);

    /** Returns a histogram over the last {@code windowSize} values. */
    Histogram getHistogram(String name, int windowSize);
}
