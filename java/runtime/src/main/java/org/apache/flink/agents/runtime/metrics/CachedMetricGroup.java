package org.apache.flink.agents.runtime.metrics;

import java.util.HashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.apache.flink.agents.api.metrics.UpdatableGauge;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.Meter;
import org.apache.flink.metrics.Metric;
import org.apache.flink.metrics.SimpleCounter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The rules of metric groups, wherever metrics are shown: asking twice for a name gives the same object; a name that another kind of
 * metric has gives one that works and is not shown, with one warning, since measuring must not fail a job. Used by one thread.
 */
public abstract class CachedMetricGroup implements HostMetricGroup {
    private static final Logger LOG = LoggerFactory.getLogger(CachedMetricGroup.class);
    private static final int DEFAULT_WINDOW = 100;
    /** As for Python's: a histogram has room for all values of its window at once. */
    private static final int WIDEST = 1_000_000;

    private final String path;
    private final Map<String, CachedMetricGroup> subGroups = new HashMap<>();
    private final Map<String, Metric> metrics = new HashMap<>();
    /** Of which the name belongs to another kind, by kind and name. */
    private final Map<String, Metric> unshown = new HashMap<>();

    /** @param path names of the groups, each with a dot behind it, for messages */
    protected CachedMetricGroup(final String path) {
        this.path = path;
    }

    /** A group below this one; {@code value} is null for a plain one. */
    protected abstract CachedMetricGroup below(String path, String name, String value);

    /** Shows a metric. */
    protected abstract void show(String name, Metric metric);

    /** A meter of a counter. */
    protected abstract Meter meterOf(Counter counter);

    /** A histogram of the last values. */
    protected abstract Histogram histogramOf(int windowSize);

    /** Groups below by their names, with {@code key=value} where they have both. */
    protected final Map<String, CachedMetricGroup> subGroups() {
        return subGroups;
    }

    /** What is shown here. */
    protected final Map<String, Metric> metrics() {
        return metrics;
    }

    @Override
    public final HostMetricGroup getSubGroup(final String name) {
        return subGroups.computeIfAbsent(groupName(name), n -> below(path + n + '.', n, null));
    }

    @Override
    public final HostMetricGroup getSubGroup(final String key, final String value) {
        if (value == null) {
            throw new IllegalArgumentException("Metric group '" + key + "' below '" + path + "' has no value: it is null");
        }
        // '=' cannot be in a name, so a pair never meets a plain sub-group; a value, such as an action's name, may have it.
        return subGroups.computeIfAbsent(
                groupName(key) + '=' + value, n -> below(path + key + '.' + value + '.', key, value));
    }

    private String groupName(final String name) {
        if (named("metric group", name).indexOf('=') >= 0) {
            throw new IllegalArgumentException(
                    "A metric group's name may not contain '=': \"" + name + "\"; use getSubGroup(key, value) for labels");
        }
        return name;
    }

    private String named(final String what, final String name) {
        if (name == null) {
            throw new IllegalArgumentException("A " + what + " below '" + path + "' needs a name, and got null");
        }
        return name;
    }

    @Override
    public final UpdatableGauge<?> getGauge(final String name) {
        return metric(name, "gauge", UpdatableGauge.class, LatestValue::new);
    }

    @Override
    public final Counter getCounter(final String name) {
        return metric(name, "counter", Counter.class, SimpleCounter::new);
    }

    @Override
    public final Meter getMeter(final String name) {
        return metric(name, "meter", Meter.class, () -> meterOf(new SimpleCounter()));
    }

    @Override
    public final Meter getMeter(final String name, final Counter counter) {
        if (counter == null) {
            throw new IllegalArgumentException("Meter '" + path + name + "' needs a counter, and got null; getMeter(name) has one of its own");
        }
        return metric(name, "meter", Meter.class, () -> meterOf(counter));
    }

    @Override
    public final Histogram getHistogram(final String name) {
        return getHistogram(name, DEFAULT_WINDOW);
    }

    @Override
    public final Histogram getHistogram(final String name, final int windowSize) {
        if (windowSize < 1 || windowSize > WIDEST) {
            throw new IllegalArgumentException(
                    "The window of histogram '" + path + name + "' must hold at least one value, and 1,000,000 at most, not " + windowSize);
        }
        return metric(name, "histogram", Histogram.class, () -> histogramOf(windowSize));
    }

    @Override
    public final void gauge(final String name, final LongSupplier value) {
        metric(name, "gauge", Gauge.class, () -> (Gauge<Long>) value::getAsLong);
    }

    @Override
    public final void counter(final String name, final LongSupplier value) {
        metric(name, "counter", Counter.class, () -> new CounterView(value));
    }

    private <M extends Metric> M metric(final String name, final String kind, final Class<M> type, final Supplier<M> maker) {
        final Metric known = metrics.get(named(kind, name));
        if (type.isInstance(known)) {
            return type.cast(known);
        }
        if (known == null) {
            final M made = maker.get();
            metrics.put(name, made);
            show(name, made);
            return made;
        }
        return type.cast(
                unshown.computeIfAbsent(
                        kind + ' ' + name,
                        clash -> {
                            LOG.warn(
                                    "The metric '{}{}' is a {} already: the {} of this name that was asked for besides counts, and is"
                                            + " not shown; give it another name",
                                    path,
                                    name,
                                    kindOf(known),
                                    kind);
                            return maker.get();
                        }));
    }

    /** What kind of metric it is, in lower case. */
    protected static String kindOf(final Metric metric) {
        if (metric instanceof Counter) {
            return "counter";
        }
        if (metric instanceof Meter) {
            return "meter";
        }
        return metric instanceof Histogram ? "histogram" : "gauge";
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
