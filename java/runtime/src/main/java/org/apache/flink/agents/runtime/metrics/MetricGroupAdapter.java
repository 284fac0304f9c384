package org.apache.flink.agents.runtime.metrics;

import java.util.HashMap;
import java.util.Map;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.metrics.UpdatableGauge;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.Meter;
import org.apache.flink.metrics.MeterView;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.metrics.DescriptiveStatisticsHistogram;

/** User metrics in a Flink metric group. Asking twice for a name gives the same object. Used by one thread. */
public final class MetricGroupAdapter implements FlinkAgentsMetricGroup {
    private static final int DEFAULT_WINDOW = 100;

    private final MetricGroup group;
    private final Map<String, MetricGroupAdapter> subGroups = new HashMap<>();
    private final Map<String, Counter> counters = new HashMap<>();
    private final Map<String, Meter> meters = new HashMap<>();
    private final Map<String, Histogram> histograms = new HashMap<>();
    private final Map<String, LatestValue> gauges = new HashMap<>();

    /** @param group where the metrics are registered */
    public MetricGroupAdapter(final MetricGroup group) {
        this.group = group;
    }

    @Override
    public FlinkAgentsMetricGroup getSubGroup(final String name) {
        return subGroups.computeIfAbsent(checked(name), n -> new MetricGroupAdapter(group.addGroup(n)));
    }

    @Override
    public FlinkAgentsMetricGroup getSubGroup(final String key, final String value) {
        // '=' cannot be in a name, so a pair never meets a plain sub-group; a value, such as an action's name, may have it.
        return subGroups.computeIfAbsent(
                checked(key) + '=' + value, n -> new MetricGroupAdapter(group.addGroup(key, value)));
    }

    private static String checked(final String name) {
        if (name.indexOf('=') >= 0) {
            throw new IllegalArgumentException(
                    "A metric group's name may not contain '=': \"" + name + "\"; use getSubGroup(key, value) for labels");
        }
        return name;
    }

    @Override
    public UpdatableGauge<?> getGauge(final String name) {
        return gauges.computeIfAbsent(
                name,
                n -> {
                    final LatestValue gauge = new LatestValue();
                    group.gauge(n, gauge);
                    return gauge;
                });
    }

    @Override
    public Counter getCounter(final String name) {
        return counters.computeIfAbsent(name, group::counter);
    }

    @Override
    public Meter getMeter(final String name) {
        return meters.computeIfAbsent(name, n -> group.meter(n, new MeterView(60)));
    }

    @Override
    public Meter getMeter(final String name, final Counter counter) {
        return meters.computeIfAbsent(name, n -> group.meter(n, new MeterView(counter, 60)));
    }

    @Override
    public Histogram getHistogram(final String name) {
        return getHistogram(name, DEFAULT_WINDOW);
    }

    @Override
    public Histogram getHistogram(final String name, final int windowSize) {
        return histograms.computeIfAbsent(
                name, n -> group.histogram(n, new DescriptiveStatisticsHistogram(windowSize)));
    }

    /** A gauge that shows what was set last; read by the thread of a reporter. */
    private static final class LatestValue implements UpdatableGauge<Object> {
        private volatile Object value;

        @Override
        public void update(final Object latest) {
            value = latest;
        }

        @Override
        public Object getValue() {
            return value;
        }
    }
}
