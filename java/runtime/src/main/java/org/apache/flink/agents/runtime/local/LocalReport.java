package org.apache.flink.agents.runtime.local;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.annotation.Nullable;
import org.apache.flink.agents.core.MetricsPage;
import org.apache.flink.agents.runtime.metrics.MetricsSnapshot;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the metrics of runs show that are executed one after another: as a snapshot, and while they go on as a page for Prometheus if
 * that is wanted. Used by one thread.
 */
public final class LocalReport implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LocalReport.class);
    private static final long PERIOD = TimeUnit.SECONDS.toNanos(1);

    /** Null when nobody asked for one. */
    private final MetricsPage page;

    private final List<MetricsSnapshot.Entry> ended = new ArrayList<>();
    private long next = System.nanoTime();

    /**
     * @param port where the page is served on this machine; 0: a free one; null: nowhere
     * @throws org.apache.flink.agents.core.AgentsCoreException if the port cannot be had
     */
    public LocalReport(@Nullable final Integer port) {
        page = port == null ? null : MetricsPage.serve(port);
        if (page != null) {
            LOG.info("Metrics are at http://127.0.0.1:{}/metrics", page.port());
        }
    }

    /** Whether somebody may look while runs go on. */
    boolean isLive() {
        return page != null;
    }

    /** Shows how far a run has come, if that was not shown a moment ago. */
    void progress(final String agent, final LocalMetrics metrics) {
        if (page != null && System.nanoTime() - next >= 0) {
            next = System.nanoTime() + PERIOD;
            publish(metrics.snapshot(agent).entries());
        }
    }

    /** A run is over. */
    void ended(final String agent, final LocalMetrics metrics) {
        ended.addAll(metrics.snapshot(agent).entries());
        publish(List.of());
    }

    private void publish(final List<MetricsSnapshot.Entry> now) {
        if (page != null) {
            final List<MetricsSnapshot.Entry> all = new ArrayList<>(ended);
            all.addAll(now);
            page.publish(new MetricsSnapshot(all).toJson());
        }
    }

    /** What the runs that are over have left. */
    public MetricsSnapshot snapshot() {
        return new MetricsSnapshot(ended);
    }

    /** Ends the page. */
    @Override
    public void close() {
        if (page != null) {
            page.close();
        }
    }
}
