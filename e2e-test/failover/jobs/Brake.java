package jobs;

import java.io.File;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;

/**
 * Behind the agents, in front of the sink: while the file {@code hold} is in a directory, no checkpoint is completed. Agents
 * have then handed in their part of it. That it has come so far is told by the file {@code holding}.
 */
final class Brake extends RichMapFunction<Object, Object> implements CheckpointedFunction {
    private static final long serialVersionUID = 1L;
    private static final long LOOK_AGAIN_MILLIS = 10;
    private final String directory;

    Brake(final String directory) {
        this.directory = directory;
    }

    @Override
    public Object map(final Object output) {
        return output;
    }

    @Override
    public void snapshotState(final FunctionSnapshotContext context) throws Exception {
        final File hold = new File(directory, "hold");
        while (hold.exists()) {
            new File(directory, "holding").createNewFile();
            Thread.sleep(LOOK_AGAIN_MILLIS);
        }
    }

    @Override
    public void initializeState(final FunctionInitializationContext context) {
        // Nothing is remembered.
    }
}
