package org.apache.flink.agents.runtime.local;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.runtime.metrics.CachedMetricGroup;
import org.apache.flink.agents.runtime.metrics.MetricsSnapshot;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.Meter;
import org.apache.flink.metrics.Metric;

/** Metrics of a run without Flink, kept in memory. Used by one thread. */
final class LocalMetrics extends CachedMetricGroup {
    private final List<List<String>> scope;

    LocalMetrics() {
        this("", List.of());
    }

    private LocalMetrics(final String path, final List<List<String>> scope) {
        super(path);
        this.scope = scope;
    }

    @Override
    protected CachedMetricGroup below(final String path, final String name, final String value) {
        final List<List<String>> below = new ArrayList<>(scope);
        below.add(value == null ? List.of(name) : List.of(name, value));
        return new LocalMetrics(path, List.copyOf(below));
    }

    @Override
    protected void show(final String name, final Metric metric) {
        // A snapshot finds it.
    }

    @Override
    protected Meter meterOf(final Counter counter) {
        return new MeanRate(counter);
    }

    @Override
    protected Histogram histogramOf(final int windowSize) {
        return new WindowHistogram(windowSize);
    }

    /** What all metrics of an agent show now. */
    MetricsSnapshot snapshot(final String agent) {
        final List<MetricsSnapshot.Entry> entries = new ArrayList<>();
        collect(agent, entries);
        return new MetricsSnapshot(entries);
    }

    private void collect(final String agent, final List<MetricsSnapshot.Entry> entries) {
        for (final Map.Entry<String, Metric> metric : metrics().entrySet()) {
            entries.add(MetricsSnapshot.Entry.of(agent, scope, metric.getKey(), metric.getValue()));
        }
        for (final CachedMetricGroup below : subGroups().values()) {
            ((LocalMetrics) below).collect(agent, entries);
        }
    }

    /** Events a second since the meter was made: there is no timer here that would keep a moving rate. */
    private static final class MeanRate implements Meter {
        private final Counter counter;
        private final long start = System.nanoTime();

        MeanRate(final Counter counter) {
            this.counter = counter;
        }

        @Override
        public void markEvent() {
            counter.inc();
        }

        @Override
        public void markEvent(final long count) {
            counter.inc(count);
        }

        @Override
        public double getRate() {
            return counter.getCount() * 1e9 / Math.max(1, System.nanoTime() - start);
        }

        @Override
        public long getCount() {
            return counter.getCount();
        }
    }
}
