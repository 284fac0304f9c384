package org.apache.flink.agents.runtime.operator;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.annotation.Nullable;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.AgentsCoreException;
import org.apache.flink.agents.core.KeySlots;
import org.apache.flink.agents.core.KeySnapshot;
import org.apache.flink.agents.runtime.host.JavaHost;
import org.apache.flink.runtime.state.VoidNamespace;

/** Carries the unfinished runs of a subtask from the core into keyed state and back. */
final class UnfinishedRuns {
    private static final int[] NONE = {};

    private final AgentOperator<?> operator;
    private final AgentsCore core;
    private final KeySlots keys;
    private final OperatorServices services;
    /** Null without. */
    private final OperatorJournal journal;
    // What a snapshot that failed did not get to: the core says once only that a key has changed.
    private int[] unwritten = NONE;

    UnfinishedRuns(
            final AgentOperator<?> operator,
            final AgentsCore core,
            final KeySlots keys,
            final OperatorServices services,
            @Nullable final OperatorJournal journal) {
        this.journal = journal;
        this.operator = operator;
        this.core = core;
        this.keys = keys;
        this.services = services;
    }

    /** Gives the core what the state holds; returns the number of keys. Changes Flink's current key. */
    int restore(final JavaHost host) throws Exception {
        if (services.states().isBatch()) {
            return 0;
        }
        final List<Object> unfinished;
        try (Stream<Object> stored =
                operator.<Object>getKeyedStateBackend().getKeys(KeyedStates.IN_FLIGHT, VoidNamespace.INSTANCE)) {
            unfinished = stored.collect(Collectors.toList());
        }
        for (final Object key : unfinished) {
            operator.setCurrentKey(key);
            final int slot = keys.acquire(key);
            keys.settle();
            if (journal != null) {
                journal.opens(slot, key);
            }
            try {
                final KeySnapshot snapshot = services.states().readInFlight();
                core.restoreKey(slot, snapshot, services.attributesOf(snapshot, host));
                host.restored(slot);
            } catch (final RuntimeException e) {
                throw failure("restored", key, e);
            }
        }
        return unfinished.size();
    }

    /** Writes the keys that changed since the last time. Changes Flink's current key. */
    void store() throws Exception {
        keys.settle();
        final int[] changed = join(unwritten, core.takeDirty());
        int at = 0;
        try {
            for (; at < changed.length; at++) {
                final KeySnapshot snapshot = core.snapshotKey(changed[at]);
                if (snapshot != null) {
                    store(keys.key(changed[at]), snapshot);
                } else if (journal != null && journal.isOpen(changed[at])) {
                    // Only its history is left, which the journal has.
                    operator.setCurrentKey(keys.key(changed[at]));
                    services.states().deleteInFlight();
                }
            }
        } finally {
            unwritten = at == changed.length ? NONE : Arrays.copyOfRange(changed, at, changed.length);
        }
    }

    private void store(final Object key, final KeySnapshot snapshot) throws Exception {
        operator.setCurrentKey(key);
        try {
            services.states().writeInFlight(snapshot);
        } catch (final RuntimeException e) {
            throw failure("stored", key, e);
        }
    }

    private static int[] join(final int[] first, final int[] second) {
        if (first.length == 0) {
            return second;
        }
        final int[] all = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, all, first.length, second.length);
        return all;
    }

    private AgentsCoreException failure(final String what, final Object key, final RuntimeException cause) {
        final AgentsCoreException failure =
                new AgentsCoreException(
                        "The unfinished runs of agent '"
                                + services.agentName()
                                + "', key "
                                + services.describeKey(key)
                                + ", cannot be "
                                + what
                                + " (keyed state '"
                                + KeyedStates.IN_FLIGHT
                                + "'): "
                                + cause.getMessage());
        failure.initCause(cause);
        return failure;
    }
}
