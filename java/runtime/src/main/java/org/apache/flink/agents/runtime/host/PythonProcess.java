package org.apache.flink.agents.runtime.host;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.agents.core.PythonWorker;
import org.apache.flink.agents.core.PythonWorkerSettings;
import org.apache.flink.api.common.functions.RuntimeContext;

/** A worker with the Python that was prepared for it. */
public final class PythonProcess implements AutoCloseable {
    private static final List<String> MODULE = List.of("-m", "flink_agents.runtime.worker");

    private final PythonEnvironment.Prepared python;
    private final PythonWorker worker;

    private PythonProcess(final PythonEnvironment.Prepared python, final PythonWorker worker) {
        this.python = python;
        this.worker = worker;
    }

    /**
     * Prepares a Python and starts a worker with it; waits until it is ready.
     *
     * @param environment where the Python comes from
     * @param context of the operator
     * @param temporaryDirectories the TaskManager's
     * @param agent name of the agent
     * @param task name of the task, for logs and messages
     * @param plan the plan, JSON in UTF-8; its options limit the worker
     * @param wake called by another thread when the worker has something to say
     * @throws Exception whose message says why there is none
     */
    public static PythonProcess start(
            final PythonEnvironment environment,
            final RuntimeContext context,
            final String[] temporaryDirectories,
            final String agent,
            final String task,
            final byte[] plan,
            final Runnable wake)
            throws Exception {
        final PythonEnvironment.Prepared python = environment.prepare(context, temporaryDirectories);
        try {
            final List<String> command = new ArrayList<>(python.command());
            command.addAll(MODULE);
            final PythonWorkerSettings settings =
                    new PythonWorkerSettings(command)
                            .environment(python.environment())
                            .directory(python.directory())
                            .temporary(temporaryDirectories[0])
                            .names(agent, task);
            return new PythonProcess(python, PythonWorker.start(settings, plan, wake));
        } catch (final Throwable e) {
            try {
                python.close();
            } catch (final Exception unclosed) {
                e.addSuppressed(unclosed);
            }
            throw e;
        }
    }

    PythonWorker worker() {
        return worker;
    }

    @Override
    public void close() throws Exception {
        try {
            worker.close();
        } finally {
            python.close();
        }
    }
}
