package org.apache.flink.agents.embedded;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.agents.runtime.env.PythonEntry;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * What a record costs beside PyFlink: CPU of this JVM and of the workers, without that of the same job without an agent. Not
 * a test. Arguments: agents of {@code embedded_agents.py} or {@code none}, records, parallelism.
 */
final class PythonBench {
    private static final String TEXT = "The quick brown fox jumps over the lazy dog; product arrived late. ";
    private static final AtomicLong WORKER_TICKS = new AtomicLong();

    private PythonBench() {}

    private static byte[] record(final long index) {
        final Map<String, Object> value = new LinkedHashMap<>();
        value.put("id", (int) index);
        value.put("key", (int) (index % 1000));
        value.put("text", TEXT);
        return PythonTools.record("k" + index % 1000, value);
    }

    public static void main(final String[] arguments) {
        try {
            runAll(arguments);
        } catch (final Exception e) {
            e.printStackTrace();
        }
        Runtime.getRuntime().halt(0);
    }

    private static void runAll(final String[] arguments) throws Exception {
        final int records = Integer.parseInt(arguments[1]);
        final int parallelism = Integer.parseInt(arguments[2]);
        for (final String agent : arguments[0].split(",")) {
            run(agent, records / 10, parallelism);
            run(agent, records, parallelism);
        }
    }

    private static void run(final String agent, final int records, final int parallelism) throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(parallelism, new Configuration());
        final DataGeneratorSource<byte[]> source =
                new DataGeneratorSource<>(
                        PythonBench::record,
                        records,
                        RateLimiterStrategy.noOp(),
                        PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);
        final DataStream<byte[]> in = flink.fromSource(source, WatermarkStrategy.noWatermarks(), "records");
        final DataStream<byte[]> out =
                agent.equals("none")
                        ? in.keyBy(org.apache.flink.agents.runtime.host.EncodedRecord::key).map(record -> record).returns(byte[].class)
                        : PythonEntry.connect(in, PythonTools.plan(agent, Map.of()), PythonTools.environment());
        out.sinkTo(new DiscardingSink<>());
        WORKER_TICKS.set(0);
        final OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        final Thread watch = new Thread(PythonBench::watch);
        watch.setDaemon(true);
        watch.start();
        final long cpu = system.getProcessCpuTime();
        final long time = System.nanoTime();
        flink.execute(agent);
        final double seconds = (System.nanoTime() - time) / 1e9;
        final double jvm = (system.getProcessCpuTime() - cpu) / 1e3 / records;
        watch.interrupt();
        System.out.printf(
                "%s: %d records, parallelism %d: %.0f rec/s, JVM %.1f us/rec, workers %.1f us/rec (with their start)%n",
                agent, records, parallelism, records / seconds, jvm, WORKER_TICKS.get() * 1e4 / records);
    }

    /** Workers are gone with their job: what they used is looked at while it runs. */
    private static void watch() {
        while (!Thread.currentThread().isInterrupted()) {
            long ticks = 0;
            for (final ProcessHandle worker : PythonTools.workers()) {
                try {
                    final String stat = Files.readString(Path.of("/proc/" + worker.pid() + "/stat"));
                    final String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
                    ticks += Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
                } catch (final IOException e) {
                    // It has just ended.
                    continue;
                }
            }
            WORKER_TICKS.accumulateAndGet(ticks, Math::max);
            try {
                Thread.sleep(20);
            } catch (final InterruptedException e) {
                return;
            }
        }
    }
}
