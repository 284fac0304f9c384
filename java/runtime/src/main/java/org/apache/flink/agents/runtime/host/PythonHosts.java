package org.apache.flink.agents.runtime.host;

import java.util.List;
import javax.annotation.Nullable;
import org.apache.flink.agents.core.KeySlots;
import org.apache.flink.agents.core.PythonWorker;

/**
 * The Python of a subtask: a {@link PythonHost} for each of its workers, and the rule that spreads the keys over them.
 *
 * <p><i>Owned state</i>: the workers. <i>Lifecycle</i>: made when the core is open, closed before it. <i>Constraint</i>: used by
 * one thread, the mailbox thread on Flink.
 */
final class PythonHosts implements AutoCloseable {
    /** The golden ratio in 32 bits: hashes that follow one another, or have a common factor, land far apart. */
    private static final int SPREAD = 0x9E3779B9;

    private final KeySlots keys;
    private final PythonProcesses processes;
    private final PythonHost[] hosts;
    /** Null if there are none. */
    private final ForeignResources foreign;

    /**
     * @param what has to do with Python in the agent, for messages
     * @param foreign resources that one language asks the other one for; null if there are none
     */
    PythonHosts(
            final JavaHost host,
            final PlanServices services,
            final KeySlots keys,
            final Outlet outlet,
            final String what,
            @Nullable final ForeignResources foreign) {
        this.keys = keys;
        this.foreign = foreign;
        processes = services.startPython(what, foreign);
        final List<PythonWorker> workers = processes.workers();
        if (foreign != null) {
            foreign.open(workers.get(0).exchange());
        }
        final WorkerMetrics metrics = new WorkerMetrics(services.metrics(), host::loggerFailed);
        final int restarts = services.restarts();
        services.metrics().gauge("numOfWorkerRestarts", () -> restarts);
        hosts = new PythonHost[workers.size()];
        for (int i = 0; i < hosts.length; i++) {
            hosts[i] = new PythonHost(host, services, keys, outlet, workers.get(i), metrics);
        }
    }

    /** The host of the worker that has the event logger: of several the first, since there is one logger for a subtask. */
    PythonHost logger() {
        return hosts[0];
    }

    /** The host of the key of a slot. */
    PythonHost of(final int slot) {
        return hosts.length == 1 ? hosts[0] : hosts[workerOf(keys.key(slot), hosts.length)];
    }

    /**
     * Which of a subtask's workers runs a key's actions: by the key alone, so that it is the same one as long as the subtask
     * lives. What a worker knows of a key is in no other, and what an action keeps in its process it finds again. Flink
     * spreads keys over subtasks by another function of the same hash, so that the keys of one subtask reach all its workers.
     */
    static int workerOf(final Object key, final int workers) {
        return (int) ((Integer.toUnsignedLong(key.hashCode() * SPREAD) * workers) >>> Integer.SIZE);
    }

    /** Sends what has piled up for workers that have nothing else to do, or is enough for a batch, or {@code all}. */
    void flush(final boolean all) {
        for (final PythonHost host : hosts) {
            host.flush(all);
        }
    }

    /** Whether so much waits in front of a worker that no more should be taken. */
    boolean isBehind() {
        for (final PythonHost host : hosts) {
            if (host.isBehind()) {
                return true;
            }
        }
        return false;
    }

    /** Tells how the worker that resources are asked of has ended, if somebody has found out that it has. */
    void checkAsked() {
        if (foreign != null && foreign.hasEnded()) {
            hosts[0].awaitEnd();
        }
    }

    /** Whether a worker is still to be told of something. */
    boolean isTelling() {
        for (final PythonHost host : hosts) {
            if (host.isTelling()) {
                return true;
            }
        }
        return false;
    }

    /** Carries out what the workers have said. */
    void receive() throws Exception {
        for (final PythonHost host : hosts) {
            host.receive();
        }
    }

    /** Ends the workers; returns when nothing of them is left. */
    @Override
    public void close() throws Exception {
        try {
            processes.close();
        } finally {
            if (foreign != null) {
                foreign.close();
            }
        }
    }
}
