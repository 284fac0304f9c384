package org.apache.flink.agents.runtime.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.core.PythonExchange;
import org.apache.flink.agents.core.PythonWorker;
import org.apache.flink.agents.core.PythonWorkerSettings;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.util.IOUtils;

/** The workers of a subtask, with the Python that was prepared for them. */
public final class PythonProcesses implements AutoCloseable {
    /** Tells a worker how many of its kind the job has: they share the limits of model connections. */
    private static final String WORKERS = "FLINK_AGENTS_WORKERS";

    private static final List<String> MODULE = List.of("-m", "flink_agents.runtime.worker");

    private final PythonEnvironment.Prepared python;
    private final List<PythonWorker> workers = new ArrayList<>();

    private PythonProcesses(final PythonEnvironment.Prepared python) {
        this.python = python;
    }

    /**
     * Prepares a Python and starts workers with it, side by side; waits until all are ready.
     *
     * @param environment where the Python comes from
     * @param context of the operator
     * @param temporaryDirectories the TaskManager's
     * @param agent name of the agent
     * @param task name of the task, for logs and messages
     * @param plan the plan, JSON in UTF-8; its options limit each worker
     * @param place variables that tell workers which job, task and subtask they belong to
     * @param count how many workers, at least one
     * @param wake called by another thread when a worker has something to say
     * @param asked who answers what workers ask about resources of Java; null if neither side asks the other one
     * @throws InterruptedException if the thread is interrupted, as Flink does when it cancels; nothing is left then
     * @throws Exception whose message says why there is none
     */
    public static PythonProcesses start(
            final PythonEnvironment environment,
            final RuntimeContext context,
            final String[] temporaryDirectories,
            final String agent,
            final String task,
            final byte[] plan,
            final Map<String, String> place,
            final int count,
            final Runnable wake,
            @Nullable final PythonExchange.Service asked)
            throws Exception {
        final PythonProcesses processes = new PythonProcesses(environment.prepare(context, temporaryDirectories));
        final int ofTheJob = context.getTaskInfo().getNumberOfParallelSubtasks() * count;
        try {
            for (int number = 1; number <= count; number++) {
                final PythonWorkerSettings settings =
                        processes
                                .settings()
                                .environment(Map.of(WORKERS, Integer.toString(ofTheJob)))
                                .environment(place)
                                .environment(Map.of("FLINK_AGENTS_WORKER", Integer.toString(number)))
                                .temporary(temporaryDirectories[0])
                                .resources(asked)
                                .names(agent, count == 1 ? task : task + ", worker " + number + " of " + count);
                processes.workers.add(PythonWorker.begin(settings, plan, wake));
            }
            for (final PythonWorker worker : processes.workers) {
                worker.awaitReady();
            }
            return processes;
        } catch (final Throwable e) {
            try {
                processes.close();
            } catch (final Exception unclosed) {
                e.addSuppressed(unclosed);
            }
            throw e;
        }
    }

    private PythonWorkerSettings settings() {
        final List<String> command = new ArrayList<>(python.command());
        command.addAll(MODULE);
        return new PythonWorkerSettings(command).environment(python.environment()).directory(python.directory());
    }

    List<PythonWorker> workers() {
        return workers;
    }

    /** Ends the workers, all at once; returns when nothing of them is left. */
    @Override
    public void close() throws Exception {
        final List<AutoCloseable> closing = new ArrayList<>(workers);
        closing.add(python);
        try {
            workers.forEach(PythonWorker::askToStop);
        } finally {
            IOUtils.closeAll(closing);
        }
    }
}
