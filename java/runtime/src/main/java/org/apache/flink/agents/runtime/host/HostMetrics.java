package org.apache.flink.agents.runtime.host;

import java.util.List;
import java.util.function.LongSupplier;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.CoreFigures;
import org.apache.flink.agents.runtime.metrics.HostMetricGroup;
import org.apache.flink.metrics.Counter;

/**
 * The metrics of a host's actions and runs, described in {@code docs/operations/metrics.md}. What the core counts is read when
 * somebody looks. Used by the host's thread, or by that of a coroutine while the host waits for it.
 */
final class HostMetrics {
    private final HostMetricGroup root;
    // By the number of the action; null of built-in ones that have not run: most agents use none of them.
    private final HostMetricGroup[] groups;
    private final Counter[] executed;
    private final Latency[] latencies;
    /** Null where no call was made. */
    private final Latency[] calls;

    HostMetrics(final AgentsCore core, final HostMetricGroup root) {
        this.root = root;
        final CoreFigures figures = core.figures();
        final List<ActionDescriptor> actions = core.actions();
        groups = new HostMetricGroup[actions.size()];
        executed = new Counter[actions.size()];
        latencies = new Latency[actions.size()];
        calls = new Latency[actions.size()];
        for (final ActionDescriptor action : actions) {
            groups[action.id()] = root.getSubGroup("action", action.name());
            if (!action.isBuiltIn()) {
                show(action.id());
            }
        }
        counted("numOfActionsExecuted", this::sumOfExecuted);
        counted("numOfEventProcessed", figures::events);
        counted("numOfFailedAttempts", figures::failedAttempts);
        counted("numOfDeadLetters", figures::deadLetters);
        root.gauge("numOfRunsInFlight", figures::runsInFlight);
        root.gauge("numOfPendingInputs", figures::pendingInputs);
        root.gauge("numOfSuspendedTasks", figures::suspendedTasks);
        if (core.journal() != null) {
            root.gauge("numOfHeldOutputs", figures::heldOutputs);
        }
    }

    private void show(final int action) {
        executed[action] = counter(groups[action], "numOfActionsExecuted");
        latencies[action] = new Latency(groups[action].getHistogram("actionLatencyUs"));
    }

    /** The counter {@code name}, with the meter {@code name + "PerSec"} of it. */
    static Counter counter(final FlinkAgentsMetricGroup group, final String name) {
        final Counter counter = group.getCounter(name);
        group.getMeter(name + "PerSec", counter);
        return counter;
    }

    /** A counter of what is counted already, from now on, and its meter. */
    private void counted(final String name, final LongSupplier count) {
        final long begin = count.getAsLong();
        root.counter(name, () -> count.getAsLong() - begin);
        root.getMeter(name + "PerSec", root.getCounter(name));
    }

    private long sumOfExecuted() {
        long sum = 0;
        for (final Counter counter : executed) {
            sum += counter == null ? 0 : counter.getCount();
        }
        return sum;
    }

    HostMetricGroup root() {
        return root;
    }

    HostMetricGroup of(final ActionDescriptor action) {
        return groups[action.id()];
    }

    /** How long an action takes. */
    Latency latency(final ActionDescriptor action) {
        if (latencies[action.id()] == null) {
            show(action.id());
        }
        return latencies[action.id()];
    }

    /** An action has finished, or what it did before a crash took effect again. */
    void executed(final ActionDescriptor action) {
        if (executed[action.id()] == null) {
            show(action.id());
        }
        executed[action.id()].inc();
    }

    /** A durable call of an action took so many nanoseconds. */
    void called(final ActionDescriptor action, final long nanos) {
        Latency latency = calls[action.id()];
        if (latency == null) {
            latency = calls[action.id()] = new Latency(groups[action.id()].getHistogram("callLatencyUs"));
        }
        latency.took(nanos);
    }
}
