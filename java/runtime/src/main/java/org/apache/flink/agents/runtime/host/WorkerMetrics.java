package org.apache.flink.agents.runtime.host;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.metrics.UpdatableGauge;
import org.apache.flink.agents.core.PythonWorker;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.Meter;

/** The metrics of Python actions: the worker tells how they change, Flink holds them. */
final class WorkerMetrics {
    private static final String SEPARATOR = "\n";

    private final FlinkAgentsMetricGroup root;
    private final LongConsumer loggerFailures;
    /** By the kind of change and the group, then by name: workers may give one name to two kinds. */
    private final List<Map<String, Map<String, Object>>> metrics =
            List.of(new HashMap<>(), new HashMap<>(), new HashMap<>(), new HashMap<>());
    private final Map<String, FlinkAgentsMetricGroup> groups = new HashMap<>();

    /**
     * @param root where they belong
     * @param loggerFailures gets failures of an event logger of Python: the event log has a metric of them already
     */
    WorkerMetrics(final FlinkAgentsMetricGroup root, final LongConsumer loggerFailures) {
        this.root = root;
        this.loggerFailures = loggerFailures;
    }

    void change(final PythonWorker worker) {
        if (worker.change() == PythonWorker.CHANGE_COUNT
                && worker.name().isEmpty()
                && worker.secondName().equals(HostEventLog.FAILURES)) {
            loggerFailures.accept(worker.bits());
            return;
        }
        final Object metric =
                metrics.get(worker.change()).computeIfAbsent(worker.name(), group -> new HashMap<>())
                        .computeIfAbsent(worker.secondName(), name -> make(worker.change(), group(worker.name()), name));
        switch (worker.change()) {
            case PythonWorker.CHANGE_COUNT:
                ((Counter) metric).inc(worker.bits());
                break;
            case PythonWorker.CHANGE_MARK:
                ((Meter) metric).markEvent(worker.bits());
                break;
            case PythonWorker.CHANGE_GAUGE:
                ((UpdatableGauge) metric).update(Double.longBitsToDouble(worker.bits()));
                break;
            default:
                ((Histogram) metric).update(worker.bits());
        }
    }

    private static Object make(final int change, final FlinkAgentsMetricGroup group, final String name) {
        switch (change) {
            case PythonWorker.CHANGE_COUNT:
                return group.getCounter(name);
            case PythonWorker.CHANGE_MARK:
                return group.getMeter(name);
            case PythonWorker.CHANGE_GAUGE:
                return group.getGauge(name);
            default:
                final int window = name.lastIndexOf('\n');
                return group.getHistogram(name.substring(0, window), Integer.parseInt(name.substring(window + 1)));
        }
    }

    /** Names of groups, each with a line feed behind it; a name with a value has a tab between them. */
    private FlinkAgentsMetricGroup group(final String names) {
        return groups.computeIfAbsent(
                names,
                all -> {
                    FlinkAgentsMetricGroup group = root;
                    for (final String name : all.isEmpty() ? new String[0] : all.split(SEPARATOR)) {
                        final int tab = name.indexOf('\t');
                        group =
                                tab < 0
                                        ? group.getSubGroup(name)
                                        : group.getSubGroup(name.substring(0, tab), name.substring(tab + 1));
                    }
                    return group;
                });
    }
}
