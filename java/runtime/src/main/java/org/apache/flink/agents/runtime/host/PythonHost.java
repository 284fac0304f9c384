package org.apache.flink.agents.runtime.host;

import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventAccess;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.AgentsCoreException;
import org.apache.flink.agents.core.KeySlots;
import org.apache.flink.agents.core.PythonWorker;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;

/**
 * Runs Python actions of a core in one worker process. A task is handed to the worker when the core asks for it, and goes on
 * there while other keys' tasks do; what the worker says of it is carried out when the host is told to {@link #receive}.
 *
 * <p>The worker keeps a mirror of the memory of keys with an unfinished run. This class tells it when a run has ended, and when
 * a Java action may have written, and answers what it does not know. Paths of short-term memory that it asks for are told
 * with the first task of later runs.
 *
 * <p><i>Owned state</i>: the tasks of the worker, what it knows of keys. <i>Lifecycle</i>: of no use any more when the worker is
 * closed, which {@link PythonHosts} does. <i>Constraint</i>: used by one thread, the mailbox thread on Flink; never waits for
 * the worker.
 */
final class PythonHost {
    /** Runs in one batch at least, when the worker is busy: more than that makes no difference. */
    private static final int BATCH = 16;
    /** Runs that may wait in front of the worker before no more records are taken: it is not idle, and checkpoints stay small. */
    private static final int BEHIND = 512;
    /** Bytes of known values that are told without being asked for: they share a frame with the event. */
    private static final int TOLD_BYTES = 1 << 19;

    /** Longer than it takes to find out how a process has ended. */
    private static final long LAST_NANOS = TimeUnit.SECONDS.toNanos(5);

    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    private static final byte[] NO_BYTES = {};
    /** The worker knows the key's memory. */
    private static final byte MIRRORED = 1;
    /** Memory of this run may have been written by others than the worker. */
    private static final byte FOREIGN = 2;

    private final JavaHost host;
    private final AgentsCore core;
    private final PlanServices services;
    private final KeySlots keys;
    private final Outlet outlet;
    private final PythonWorker worker;
    private final WorkerMetrics metrics;
    private final PlainData plain = new PlainData();
    private final LearntPaths learnt = new LearntPaths();
    /** Null without a journal. */
    private final PythonCalls calls;
    private byte[] runs = new byte[64];
    // By the slot of the task's number, which is its lower half.
    private Running[] tasks = new Running[64];

    PythonHost(
            final JavaHost host,
            final PlanServices services,
            final KeySlots keys,
            final Outlet outlet,
            final PythonWorker worker,
            final WorkerMetrics metrics) {
        this.host = host;
        this.core = host.core();
        this.services = services;
        this.keys = keys;
        this.outlet = outlet;
        this.worker = worker;
        this.metrics = metrics;
        this.calls = host.journal() == null ? null : new PythonCalls(core, host.journal(), worker);
    }

    /** A task in the worker. */
    static final class Running {
        private final long task;
        private final int slot;
        private final ActionDescriptor action;
        private final Object event;
        /** Of {@link PythonCalls}. */
        int answersOnTheirWay;

        Running(final long task, final int slot, final ActionDescriptor action, final Object event) {
            this.task = task;
            this.slot = slot;
            this.action = action;
            this.event = event;
        }

        long task() {
            return task;
        }

        int slot() {
            return slot;
        }
    }

    // ---- what the core says

    /** Hands a task to the worker. */
    void run(final long task, final int slot, final ActionDescriptor action, final Object event) throws Exception {
        final byte run = runOf(slot);
        final String key = textOf(keys.key(slot));
        if (event instanceof EncodedEvent) {
            final EncodedEvent encoded = (EncodedEvent) event;
            worker.run(
                    task, action.id(), slot, run == 0, key, encoded.type(), encoded.idHigh(), encoded.idLow(),
                    encoded.attributes(), encoded.hasUpstream(), encoded.upstreamHigh(), encoded.upstreamLow(),
                    encoded.upstreamAction());
        } else {
            final Event java = (Event) event;
            worker.run(
                    task, action.id(), slot, run == 0, key, java.getType(), EventAccess.idHi(java), EventAccess.idLo(java),
                    attributesOf(java, action), EventAccess.hasUpstream(java), EventAccess.upstreamHi(java),
                    EventAccess.upstreamLo(java), java.getUpstreamActionName());
        }
        if ((run & MIRRORED) == 0) {
            runs[slot] = (byte) (run | MIRRORED);
            tellLearnt(task, slot);
        }
        worker.endRun();
        final int at = (int) task;
        if (at >= tasks.length) {
            tasks = Arrays.copyOf(tasks, Math.max(at + 1, tasks.length * 2));
        }
        tasks[at] = new Running(task, slot, action, event);
    }

    /**
     * Tells the listeners of an event that was processed.
     *
     * @throws UnsupportedValueException if Python cannot see it
     */
    void listen(final Object event) {
        observe(false, event, NO_BYTES);
    }

    /**
     * Tells the event logger of an event, or of a record of an execution.
     *
     * @param trace its place in the execution trace; null without one
     * @throws UnsupportedValueException if Python cannot see it
     */
    void log(final Event event, @Nullable final Map<String, Object> trace) {
        observe(true, event, trace == null ? NO_BYTES : plain.encode(trace));
    }

    private void observe(final boolean logger, final Object event, final byte[] trace) {
        final Instant now = Instant.now();
        final long micros = now.getEpochSecond() * 1_000_000 + now.getNano() / 1_000;
        if (event instanceof EncodedEvent) {
            final EncodedEvent encoded = (EncodedEvent) event;
            worker.observed(
                    logger, micros, encoded.type(), encoded.idHigh(), encoded.idLow(), encoded.attributes(),
                    encoded.hasUpstream(), encoded.upstreamHigh(), encoded.upstreamLow(), encoded.upstreamAction(), trace);
        } else {
            final Event java = (Event) event;
            worker.observed(
                    logger, micros, java.getType(), EventAccess.idHi(java), EventAccess.idLo(java),
                    plain.encode(java.getAttributes()), EventAccess.hasUpstream(java), EventAccess.upstreamHi(java),
                    EventAccess.upstreamLo(java), java.getUpstreamActionName(), trace);
        }
    }

    /** The key as the Python API writes keys: a letter for its type, its text. */
    private String textOf(final Object key) {
        if (services.isEncoded()) {
            return (String) key;
        }
        return (key instanceof Long || key instanceof Integer ? "i:" : "s:") + key;
    }

    private byte[] attributesOf(final Event event, final ActionDescriptor action) {
        try {
            return plain.encode(event.getAttributes());
        } catch (final UnsupportedValueException e) {
            throw new ActionTaskExecutionException(
                    "Action '"
                            + action.name()
                            + "' of agent '"
                            + services.agentName()
                            + "' is Python's and cannot get event "
                            + event.getType()
                            + ": "
                            + e.getMessage()
                            + " Send plain data to Python actions: texts, numbers, booleans, lists, and maps with text keys",
                    e);
        }
    }

    private void tellLearnt(final long task, final int slot) throws Exception {
        final List<String> paths = learnt.ofNextRun();
        if (paths.isEmpty()) {
            return;
        }
        outlet.select(slot);
        int bytes = 0;
        for (final String path : paths) {
            final Object node = core.memoryGet(task, AgentsCore.SHORT_TERM, path, services.storedMemory());
            if (node == StoredMemory.ABSENT) {
                worker.knownNode(path, AgentsCore.NODE_ABSENT, NO_BYTES);
            } else if (node == StoredMemory.OBJECT) {
                worker.knownNode(path, AgentsCore.NODE_OBJECT, NO_BYTES);
            } else {
                final byte[] value = plain.encode(node);
                if (value.length <= TOLD_BYTES - bytes) {
                    bytes += value.length;
                    worker.knownNode(path, AgentsCore.NODE_VALUE, value);
                }
            }
        }
    }

    /** A suspended task may go on. */
    void resume(final long task) {
        if (calls == null || !calls.resume(running(task))) {
            worker.resume(task);
        }
    }

    /**
     * The core says what is to be done with a durable call that had to wait.
     *
     * @return false if the task is none of the worker's
     */
    boolean decided(final long task, final int call, final int step) {
        final Running running = find(task);
        if (running == null) {
            return false;
        }
        calls.decided(running, call, step);
        return true;
    }

    /** Whether a task has not ended. */
    boolean isRunning(final Running running) {
        return find(running.task) == running;
    }

    /** A run of a key has ended. */
    void runEnded(final int slot) {
        if (slot < runs.length && runs[slot] != 0) {
            if ((runs[slot] & MIRRORED) != 0) {
                worker.runEnded(slot);
            }
            runs[slot] = 0;
        }
    }

    /** Others than the worker may have written to the memory of a key: a Java action has run, or its run was restored. */
    void foreign(final int slot) {
        final byte run = runOf(slot);
        if ((run & MIRRORED) != 0) {
            worker.forget(slot);
        }
        runs[slot] = (byte) (run | FOREIGN);
    }

    private byte runOf(final int slot) {
        if (slot >= runs.length) {
            runs = Arrays.copyOf(runs, Math.max(slot + 1, runs.length * 2));
        }
        return runs[slot];
    }

    /** Sends what has piled up, if the worker has nothing else to do, or it is enough for a batch, or {@code all} is to go. */
    void flush(final boolean all) {
        if (worker.hasPending() && (all || worker.isHungry() || worker.pendingRuns() >= BATCH)) {
            worker.flush();
        }
    }

    /** Whether so much waits in front of the worker that no more should be taken. */
    boolean isBehind() {
        return worker.unbegunRuns() > BEHIND;
    }

    /** Whether something waits in front of the worker. */
    boolean isTelling() {
        return worker.pendingRuns() + worker.unbegunRuns() > 0;
    }

    // ---- what the worker says

    /** Carries out what the worker has said. */
    void receive() throws Exception {
        while (worker.receive()) {
            while (worker.next()) {
                if (worker.kind() == PythonWorker.METRIC) {
                    metrics.change(worker);
                } else {
                    carryOut();
                }
            }
        }
        if (calls != null) {
            calls.arrived(this);
        }
    }

    /**
     * Waits, but not long, until it is known how the worker has ended.
     *
     * @throws AgentsCoreException that tells
     */
    void awaitEnd() {
        for (final long until = System.nanoTime() + LAST_NANOS; System.nanoTime() < until; LockSupport.parkNanos(LOOK_NANOS)) {
            // What it said before does not matter any more.
            worker.receive();
        }
    }

    private void carryOut() throws Exception {
        final Running running = running(worker.task());
        switch (worker.kind()) {
            case PythonWorker.SEND:
                send(running);
                break;
            case PythonWorker.WRITE:
                outlet.select(running.slot);
                write(running);
                break;
            case PythonWorker.FINISH:
                tasks[(int) running.task] = null;
                host.metrics().latency(running.action).tookMicros(worker.micros());
                host.finished(running.task, running.action, running.slot);
                break;
            case PythonWorker.FAIL:
                throw refused(running, worker.text());
            case PythonWorker.THREW:
                tasks[(int) running.task] = null;
                threw(running);
                break;
            case PythonWorker.REPORT:
                host.execution(running.task, worker.status(), worker.bytes());
                break;
            case PythonWorker.SUSPEND:
                core.suspend(running.task);
                break;
            case PythonWorker.WAKE:
                core.wake(running.task);
                break;
            case PythonWorker.GET:
                outlet.select(running.slot);
                answer(running);
                break;
            case PythonWorker.LIST:
                outlet.select(running.slot);
                worker.answerNames(running.task, children(running));
                break;
            default:
                if (calls == null) {
                    throw new IllegalStateException("The Python worker said " + worker.kind() + ", which is unknown");
                }
                calls.carryOut(running);
        }
    }

    /** An action with a failure policy threw: it is tried again, or its dead letter sent, or the subtask fails. */
    private void threw(final Running running) throws Exception {
        final String trace = worker.exceptionTrace();
        final String told = worker.text() + "\n" + trace;
        host.failedInPython(running.task, worker.exceptionType(), told);
        final Problem problem = Problem.ofPython(worker.exceptionType(), worker.exceptionMessage(), trace);
        final int attempts = host.failed(running.task, running.action, running.slot, running.event, problem);
        if (attempts > 0) {
            throw failed(running, told, attempts);
        }
    }

    private Running find(final long task) {
        final int at = (int) task;
        final Running running = at >= 0 && at < tasks.length ? tasks[at] : null;
        return running == null || running.task != task ? null : running;
    }

    private Running running(final long task) {
        final Running running = find(task);
        if (running == null) {
            throw new IllegalStateException(
                    "The Python worker of agent '" + services.agentName() + "' spoke of a task that it does not run");
        }
        return running;
    }

    private void send(final Running running) {
        final boolean encoded = running.event instanceof EncodedEvent;
        final long high = encoded ? ((EncodedEvent) running.event).idHigh() : EventAccess.idHi((Event) running.event);
        final long low = encoded ? ((EncodedEvent) running.event).idLow() : EventAccess.idLo((Event) running.event);
        final EncodedEvent event =
                new EncodedEvent(
                        worker.idHigh(), worker.idLow(), worker.name(), worker.bytes(), true, high, low,
                        running.action.name(), false, 0);
        try {
            host.send(running.task, event);
        } catch (final IllegalArgumentException | IllegalStateException e) {
            throw refused(running, e.getMessage());
        }
    }

    private void write(final Running running) throws Exception {
        final StoredMemory stored = services.storedMemory();
        try {
            if (worker.node() == AgentsCore.NODE_VALUE) {
                core.memorySet(running.task, worker.memory(), worker.name(), new EncodedValue(worker.bytes()), stored);
            } else {
                // The worker has checked it by the same rules.
                core.memoryNewObject(running.task, worker.memory(), worker.name(), true, stored);
            }
        } catch (final IllegalArgumentException e) {
            throw refused(running, e.getMessage());
        }
    }

    private void answer(final Running running) throws Exception {
        final String path = worker.name();
        final Object node = core.memoryGet(running.task, worker.memory(), path, services.storedMemory());
        if (worker.memory() == AgentsCore.SHORT_TERM) {
            learnt.asked(path);
        }
        if (node == StoredMemory.ABSENT) {
            worker.answerNode(running.task, worker.memory(), path, AgentsCore.NODE_ABSENT, NO_BYTES);
        } else if (node == StoredMemory.OBJECT) {
            worker.answerNode(running.task, worker.memory(), path, AgentsCore.NODE_OBJECT, NO_BYTES);
        } else {
            worker.answerNode(running.task, worker.memory(), path, AgentsCore.NODE_VALUE, plain.encode(node));
        }
    }

    private List<String> children(final Running running) throws Exception {
        final String path = worker.name();
        final StoredMemory stored = services.storedMemory();
        // The object may be one that the task itself has made: then it is not known here.
        return core.memoryGet(running.task, worker.memory(), path, stored) == StoredMemory.OBJECT
                ? core.memoryChildren(running.task, worker.memory(), path, stored)
                : List.of();
    }

    private ActionTaskExecutionException refused(final Running running, final String why) {
        host.failedInPython(running.task, null, why);
        return failed(running, why, 1);
    }

    private ActionTaskExecutionException failed(final Running running, final String why, final int attempts) {
        final String type =
                running.event instanceof EncodedEvent
                        ? ((EncodedEvent) running.event).type()
                        : ((Event) running.event).getType();
        return new ActionTaskExecutionException(
                "Failed to execute action task: Python action '"
                        + running.action.name()
                        + "' of agent '"
                        + services.agentName()
                        + "' failed while handling event "
                        + type
                        + " of key "
                        + services.describeKey(keys.key(running.slot))
                        + (attempts > 1 ? ", for the " + attempts + ". time" : "")
                        + ": "
                        + why,
                null);
    }
}
