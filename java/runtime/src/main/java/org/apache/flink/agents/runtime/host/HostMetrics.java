package org.apache.flink.agents.runtime.host;

import java.util.List;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.CoreFigures;
import org.apache.flink.agents.runtime.metrics.HostMetricGroup;
import org.apache.flink.metrics.Counter;

/**
 * The metrics of a host's actions and runs, described in {@code docs/operations/metrics.md}. What the core counts is read where
 * somebody looks, or once a pump. Used by the host's thread, or by that of a coroutine while the host waits for it.
 */
final class HostMetrics {
    private final HostMetricGroup root;
    private final CoreFigures figures;
    private final Counter eventsProcessed;
    private final Counter actionsExecuted;
    private final Counter failedAttempts;
    private final Counter deadLetters;
    // By the number of the action; null of built-in ones that have not run: most agents use none of them.
    private final HostMetricGroup[] groups;
    private final Counter[] executed;
    private final Latency[] latencies;
    /** Null where no call was made. */
    private final Latency[] calls;

    private long eventsSeen;
    private long failedSeen;
    private long lettersSeen;

    HostMetrics(final AgentsCore core, final HostMetricGroup root) {
        this.root = root;
        figures = core.figures();
        eventsSeen = figures.events();
        eventsProcessed = counter(root, "numOfEventProcessed");
        actionsExecuted = counter(root, "numOfActionsExecuted");
        failedSeen = figures.failedAttempts();
        failedAttempts = counter(root, "numOfFailedAttempts");
        lettersSeen = figures.deadLetters();
        deadLetters = counter(root, "numOfDeadLetters");
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
        actionsExecuted.inc();
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

    /** Shows what the core has counted since the last time. */
    void show() {
        final long events = figures.events();
        if (events != eventsSeen) {
            eventsProcessed.inc(events - eventsSeen);
            eventsSeen = events;
        }
        final long failed = figures.failedAttempts();
        if (failed != failedSeen) {
            failedAttempts.inc(failed - failedSeen);
            failedSeen = failed;
        }
        final long letters = figures.deadLetters();
        if (letters != lettersSeen) {
            deadLetters.inc(letters - lettersSeen);
            lettersSeen = letters;
        }
    }
}
