package org.apache.flink.agents.api.metrics;

import org.apache.flink.metrics.Gauge;

/** A gauge whose value is set by the code that measures. */
public interface UpdatableGauge<T> extends Gauge<T> {

    /** Sets the value that is shown from now on: a number or a string. */
    void update(T value);
}
