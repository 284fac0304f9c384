package org.apache.flink.agents.runtime.local;

import java.util.HashMap;
import java.util.Map;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.metrics.UpdatableGauge;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.Meter;
import org.apache.flink.metrics.SimpleCounter;

/** User metrics of a run without Flink: kept in memory, reported to nobody. Used by one thread. */
final class LocalMetrics implements FlinkAgentsMetricGroup {
    private static final int DEFAULT_WINDOW = 100;

    private final Map<String, LocalMetrics> subGroups = new HashMap<>();
    private final Map<String, Counter> counters = new HashMap<>();
    private final Map<String, Meter> meters = new HashMap<>();
    private final Map<String, Histogram> histograms = new HashMap<>();
    private final Map<String, LatestValue> gauges = new HashMap<>();

    @Override
    public FlinkAgentsMetricGroup getSubGroup(final String name) {
        return subGroups.computeIfAbsent(name, n -> new LocalMetrics());
    }

    @Override
    public FlinkAgentsMetricGroup getSubGroup(final String key, final String value) {
        return subGroups.computeIfAbsent(key + '=' + value, n -> new LocalMetrics());
    }

    @Override
    public UpdatableGauge<?> getGauge(final String name) {
        return gauges.computeIfAbsent(name, n -> new LatestValue());
    }

    @Override
    public Counter getCounter(final String name) {
        return counters.computeIfAbsent(name, n -> new SimpleCounter());
    }

    @Override
    public Meter getMeter(final String name) {
        return getMeter(name, new SimpleCounter());
    }

    @Override
    public Meter getMeter(final String name, final Counter counter) {
        return meters.computeIfAbsent(name, n -> new MeanRate(counter));
    }

    @Override
    public Histogram getHistogram(final String name) {
        return getHistogram(name, DEFAULT_WINDOW);
    }

    @Override
    public Histogram getHistogram(final String name, final int windowSize) {
        return histograms.computeIfAbsent(name, n -> new WindowHistogram(windowSize));
    }

    private static final class LatestValue implements UpdatableGauge<Object> {
        private Object value;

        @Override
        public void update(final Object latest) {
            value = latest;
        }

        @Override
        public Object getValue() {
            return value;
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
