package org.apache.flink.agents.runtime.host;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.functions.RuntimeContext;

/**
 * Where the Python of an agent's worker processes comes from. It travels to the cluster inside the job, and prepares an
 * interpreter there for each subtask: {@link PlainPython} takes one that is installed, others unpack what the job brought.
 */
public interface PythonEnvironment extends Serializable {
    /**
     * Prepares the interpreter of one subtask. Called once, on the task's thread, before its workers start; may block.
     *
     * @param context of the operator, for the job's id and the files that were distributed with the job
     * @param temporaryDirectories the TaskManager's directories for temporary files, at least one
     * @return what to start, closed when the workers have ended
     * @throws Exception whose message says what is missing and where to put it
     */
    Prepared prepare(RuntimeContext context, String[] temporaryDirectories) throws Exception;

    /** A Python that can be started. */
    interface Prepared extends AutoCloseable {
        /** The interpreter and its arguments; {@code -m flink_agents.runtime.worker} is put behind. Never empty. */
        List<String> command();

        /** Variables that are set for a worker, beside those of the TaskManager; a null value removes one. */
        Map<String, String> environment();

        /** Working directory of a worker; null means that of the TaskManager. */
        String directory();

        /** Removes what was unpacked. Called when the workers have ended, also when they never started. */
        @Override
        void close() throws Exception;
    }
}
