package org.apache.flink.agents.embedded;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.runtime.testutils.InMemoryReporter;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.util.TestStreamEnvironment;
import org.apache.flink.util.CloseableIterator;

/** The one Flink of this JVM: a TaskManager with four slots. It starts with the first job and ends with the JVM. */
final class Cluster {
    static final int SLOTS = 4;

    private static final InMemoryReporter METRICS = InMemoryReporter.createWithRetainedMetrics();
    private static final int PROMETHEUS_PORT = freePort();
    private static final Map<Integer, Queue<Object>> COLLECTED = new ConcurrentHashMap<>();
    private static final AtomicInteger COLLECTORS = new AtomicInteger();

    private Cluster() {}

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static final class Started {
        private static final MiniCluster CLUSTER = start();

        private static MiniCluster start() {
            final Configuration config = METRICS.addToConfiguration(new Configuration());
            config.setString("metrics.reporter.prom.factory.class", "org.apache.flink.metrics.prometheus.PrometheusReporterFactory");
            config.setString("metrics.reporter.prom.port", Integer.toString(PROMETHEUS_PORT));
            config.set(RestOptions.BIND_PORT, "0");
            config.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(128));
            final MiniCluster cluster =
                    new MiniCluster(
                            new MiniClusterConfiguration.Builder()
                                    .setConfiguration(config)
                                    .setNumTaskManagers(1)
                                    .setNumSlotsPerTaskManager(SLOTS)
                                    .build());
            try {
                cluster.start();
            } catch (final Exception e) {
                throw new IllegalStateException("Flink did not start", e);
            }
            Runtime.getRuntime().addShutdownHook(new Thread(cluster::closeAsync));
            return cluster;
        }
    }

    static MiniCluster flink() {
        return Started.CLUSTER;
    }

    /** What a Prometheus gets of this Flink. */
    static String prometheus() throws Exception {
        flink();
        final URI page = URI.create("http://127.0.0.1:" + PROMETHEUS_PORT + "/metrics");
        return HttpClient.newHttpClient().send(HttpRequest.newBuilder(page).build(), BodyHandlers.ofString()).body();
    }

    static InMemoryReporter metrics() {
        return METRICS;
    }

    static StreamExecutionEnvironment env(final int parallelism, final Configuration config) {
        return new TestStreamEnvironment(flink(), config, parallelism, List.of(), List.of());
    }

    static StreamExecutionEnvironment env() {
        return env(2, new Configuration());
    }

    /**
     * A source has one subtask here, and an agent as many as its input: this gives it those of the job. The order of a key
     * stays.
     */
    static DataStream<String> spread(final DataStream<String> source, final KeySelector<String, String> key) {
        return source.keyBy(key).map(record -> record);
    }

    /** Runs the job and gives what the stream gave. */
    @SuppressWarnings("try") // closing may be interrupted: then the test is over
    static <T> List<T> run(final DataStream<T> stream) throws Exception {
        final List<T> all = new ArrayList<>();
        try (CloseableIterator<T> results = stream.executeAndCollect()) {
            results.forEachRemaining(all::add);
        }
        return all;
    }

    /**
     * Runs a job that is to fail. Without Flink's sink for collected results: closed before it was opened, as when another task
     * fails early, it ends the TaskManager, and all later tests with it.
     */
    static <T> void runToFailure(final DataStream<T> stream) throws Exception {
        stream.sinkTo(new DiscardingSink<>());
        stream.getExecutionEnvironment().execute();
    }

    /**
     * Collects what a stream gives at the moment when it gives it, committed or not: what a job emitted after its last
     * snapshot is seen too.
     */
    static Queue<Object> emitted(final DataStream<Object> stream) {
        final int id = COLLECTORS.incrementAndGet();
        COLLECTED.put(id, new ConcurrentLinkedQueue<>());
        stream.map(new Collect(id)).returns(Object.class).sinkTo(new DiscardingSink<>());
        return COLLECTED.get(id);
    }

    private static final class Collect implements MapFunction<Object, Object> {
        private static final long serialVersionUID = 1L;
        private final int id;

        Collect(final int id) {
            this.id = id;
        }

        @Override
        public Object map(final Object value) {
            COLLECTED.get(id).add(value);
            return value;
        }
    }

    /** Every line of the outputs with their key first, sorted by key only: the order within a key stays. */
    static List<String> byKey(final Collection<?> outputs) {
        final List<String> lines = new ArrayList<>();
        outputs.forEach(output -> lines.add(output.toString()));
        lines.sort((a, b) -> TestAgents.keyOf(a).compareTo(TestAgents.keyOf(b)));
        return lines;
    }
}
