package org.apache.flink.agents.core;

import java.nio.charset.StandardCharsets;
import org.apache.flink.agents.core.loader.NativeLibrary;

/**
 * Metrics in the text format of Prometheus, for runs without Flink: as a text, and served at a port of 127.0.0.1, at
 * {@code /metrics}, until this is closed. Snapshots are JSON as {@code rust/runtime/src/metrics} reads it. Used by any thread.
 */
public final class MetricsPage implements AutoCloseable {
    private static final int PORT_BITS = 0xffff;

    private final long server;

    private MetricsPage(final long server) {
        this.server = server;
    }

    /**
     * The page of some agents.
     *
     * @param snapshots a list of snapshots, JSON in UTF-8
     * @throws IllegalArgumentException if they cannot be read
     */
    public static String text(final byte[] snapshots) {
        NativeLibrary.load();
        return new String(Natives.metricsPage(snapshots), StandardCharsets.UTF_8);
    }

    /**
     * Serves a page; empty until something is published.
     *
     * @param port 0 takes one that is free
     * @throws AgentsCoreException if the port cannot be had
     */
    public static MetricsPage serve(final int port) {
        NativeLibrary.load();
        return new MetricsPage(Natives.metricsServe(port));
    }

    /** Where it is served. */
    public int port() {
        return (int) server & PORT_BITS;
    }

    /** Replaces what is shown by snapshots as for {@link #text}. */
    public void publish(final byte[] snapshots) {
        Natives.metricsPublish(server, snapshots);
    }

    @Override
    public void close() {
        Natives.metricsStop(server);
    }
}
