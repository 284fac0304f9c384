package org.apache.flink.agents.runtime.metrics;

import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.Meter;
import org.apache.flink.metrics.MeterView;
import org.apache.flink.metrics.Metric;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.metrics.DescriptiveStatisticsHistogram;

/** Metrics in a Flink metric group. Used by one thread. */
public final class MetricGroupAdapter extends CachedMetricGroup {
    private static final int SECONDS = 60;

    private final MetricGroup group;

    /** @param group where the metrics are registered */
    public MetricGroupAdapter(final MetricGroup group) {
        this("", group);
    }

    private MetricGroupAdapter(final String path, final MetricGroup group) {
        super(path);
        this.group = group;
    }

    @Override
    protected CachedMetricGroup below(final String path, final String name, final String value) {
        return new MetricGroupAdapter(path, value == null ? group.addGroup(name) : group.addGroup(name, value));
    }

    /** Flink warns of a name that it has itself in this group, and keeps its own. */
    @Override
    protected void show(final String name, final Metric metric) {
        if (metric instanceof Counter) {
            group.counter(name, (Counter) metric);
        } else if (metric instanceof Meter) {
            group.meter(name, (Meter) metric);
        } else if (metric instanceof Histogram) {
            group.histogram(name, (Histogram) metric);
        } else {
            group.gauge(name, (Gauge<?>) metric);
        }
    }

    @Override
    protected Meter meterOf(final Counter counter) {
        return new MeterView(counter, SECONDS);
    }

    @Override
    protected Histogram histogramOf(final int windowSize) {
        return new DescriptiveStatisticsHistogram(windowSize);
    }
}
