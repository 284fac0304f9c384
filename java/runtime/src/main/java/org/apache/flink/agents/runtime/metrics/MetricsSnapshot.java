package org.apache.flink.agents.runtime.metrics;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.agents.core.MetricsPage;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.HistogramStatistics;
import org.apache.flink.metrics.Meter;
import org.apache.flink.metrics.Metric;

/**
 * What the metrics of agents without Flink showed at a moment. It does not change any more.
 *
 * <p>Names are described in {@code docs/operations/metrics.md}.
 */
public final class MetricsSnapshot {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Those of Flink's Prometheus reporter. */
    private static final double[] QUANTILES = {0.5, 0.75, 0.95, 0.98, 0.99, 0.999};

    private final List<Entry> entries;

    /** @param entries of one agent or several */
    public MetricsSnapshot(final List<Entry> entries) {
        this.entries = List.copyOf(entries);
    }

    /** The metrics, in no particular order. */
    public List<Entry> entries() {
        return entries;
    }

    /**
     * Values by dotted names, {@code action.<name>.numOfActionsExecuted} for instance: counts are {@code Long}, meters and
     * histograms {@code Double} (the rate, the mean), gauges what was set, {@code null} if nothing was. Of several agents, those of
     * the last count where names are the same.
     */
    public Map<String, Object> values() {
        final Map<String, Object> values = new TreeMap<>();
        for (final Entry entry : entries) {
            values.put(entry.path(), entry.value());
        }
        return Collections.unmodifiableMap(values);
    }

    /** The text page that Prometheus reads. */
    public String toPrometheus() {
        return MetricsPage.text(toJson());
    }

    /** A list of what each agent has, as {@link MetricsPage} takes it; UTF-8. */
    public byte[] toJson() {
        final ArrayNode list = JSON.createArrayNode();
        final Map<String, ArrayNode> agents = new LinkedHashMap<>();
        for (final Entry entry : entries) {
            agents.computeIfAbsent(
                            entry.agent(),
                            agent -> {
                                final ObjectNode snapshot = list.addObject();
                                snapshot.put("agent", agent);
                                return snapshot.putArray("metrics");
                            })
                    .add(entry.json);
        }
        try {
            return JSON.writeValueAsBytes(list);
        } catch (final JsonProcessingException e) {
            throw new IllegalStateException("A snapshot of metrics cannot be written", e);
        }
    }

    /** One metric. */
    public static final class Entry {
        private final String agent;
        private final String path;
        private final Object value;
        private final ObjectNode json;

        private Entry(final String agent, final String path, final Object value, final ObjectNode json) {
            this.agent = agent;
            this.path = path;
            this.value = value;
            this.json = json;
        }

        /**
         * Reads a metric.
         *
         * @param agent its agent
         * @param scope names of the groups above it, the outermost first; a group with a value has two
         * @param name its own
         */
        public static Entry of(final String agent, final List<List<String>> scope, final String name, final Metric metric) {
            final ObjectNode json = JSON.createObjectNode();
            final List<String> path = new ArrayList<>();
            final ArrayNode groups = json.putArray("scope");
            for (final List<String> group : scope) {
                final ArrayNode texts = groups.addArray();
                group.forEach(texts::add);
                path.addAll(group);
            }
            path.add(name);
            json.put("name", name);
            json.put("kind", CachedMetricGroup.kindOf(metric));
            return new Entry(agent, String.join(".", path), read(metric, json), json);
        }

        private static Object read(final Metric metric, final ObjectNode json) {
            if (metric instanceof Counter) {
                final long count = ((Counter) metric).getCount();
                json.put("count", count);
                return count;
            }
            if (metric instanceof Meter) {
                final Meter meter = (Meter) metric;
                final double rate = meter.getRate();
                json.put("count", meter.getCount()).put("rate", rate);
                return rate;
            }
            if (metric instanceof Histogram) {
                final Histogram histogram = (Histogram) metric;
                final HistogramStatistics statistics = histogram.getStatistics();
                json.put("count", histogram.getCount());
                final ObjectNode quantiles = json.putObject("quantiles");
                for (final double quantile : QUANTILES) {
                    quantiles.put(Double.toString(quantile), statistics.getQuantile(quantile));
                }
                return statistics.getMean();
            }
            final Object value = ((Gauge<?>) metric).getValue();
            if (value instanceof Number) {
                final double number = ((Number) value).doubleValue();
                // JSON has no others; whole ones stay whole.
                if (value instanceof Long || value instanceof Integer) {
                    json.put("value", ((Number) value).longValue());
                } else if (Double.isFinite(number)) {
                    json.put("value", number);
                } else {
                    json.putNull("value");
                }
            } else if (value instanceof Boolean) {
                json.put("value", (Boolean) value);
            } else if (value == null) {
                json.putNull("value");
            } else {
                json.put("value", value.toString());
            }
            return value;
        }

        /** Name of its agent. */
        public String agent() {
            return agent;
        }

        /** Names of its groups and its own, with dots between them. */
        public String path() {
            return path;
        }

        /** What it showed, as in {@link MetricsSnapshot#values}. */
        public Object value() {
            return value;
        }

        @Override
        public String toString() {
            return agent + ": " + path + " = " + value;
        }
    }
}
