package bench;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.core.execution.CheckpointType;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** A job of one subtask on an embedded cluster of its own, which takes checkpoints when it is told to. */
class EmbeddedJob implements AutoCloseable {
    final MiniCluster cluster;
    final StreamExecutionEnvironment env;
    JobID id;

    /** @param settings of Flink, besides those that all measurements have */
    EmbeddedJob(final Map<String, String> settings) throws Exception {
        final Configuration configuration = new Configuration();
        configuration.set(RestOptions.PORT, 0);
        configuration.setString("execution.checkpointing.interval", "1 h");
        configuration.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
        settings.forEach(configuration::setString);
        cluster = new MiniCluster(new MiniClusterConfiguration.Builder()
                .setConfiguration(configuration)
                .setNumTaskManagers(1)
                .setNumSlotsPerTaskManager(1)
                .build());
        cluster.start();
        env = StreamExecutionEnvironment.getExecutionEnvironment(configuration);
        env.setParallelism(1);
    }

    /** Starts what {@link #env} has been given. */
    final void submit() throws Exception {
        final JobGraph graph = env.getStreamGraph().getJobGraph();
        id = graph.getJobID();
        cluster.submitJob(graph).get();
    }

    /** Duration of a checkpoint, ms. */
    final long checkpoint() throws Exception {
        final long begin = System.nanoTime();
        cluster.triggerCheckpoint(id, CheckpointType.FULL).get(120, TimeUnit.SECONDS);
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
    }

    @Override
    public void close() throws Exception {
        cluster.close();
    }

    /** The remainder of a number. */
    static final class Key implements KeySelector<Long, Long> {
        private static final long serialVersionUID = 1L;
        private final long keys;

        Key(final long keys) {
            this.keys = keys;
        }

        @Override
        public Long getKey(final Long number) {
            return number % keys;
        }
    }
}
