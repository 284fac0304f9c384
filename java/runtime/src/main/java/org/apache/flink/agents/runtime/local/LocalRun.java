package org.apache.flink.agents.runtime.local;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.DeadLetter;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.chat.model.TextPart;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.KeySlots;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.apache.flink.agents.runtime.host.JavaHost;
import org.apache.flink.agents.runtime.host.Outlet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs one agent over a list of inputs, in the calling thread, without Flink: what the operator does on a cluster, with the
 * same core and the same host.
 *
 * <p>With a store ({@code actionStateStoreBackend}) what an earlier run of the same name has done is not done again: its
 * outputs, its memory and what its calls brought come from the journal.
 *
 * <p><i>Owned state</i>: the core with all unfinished runs, memory, metrics and resources. <i>Lifecycle</i>: for one list.
 * <i>When it drains</i>: whenever as many inputs are unfinished as option {@code max-in-flight} allows, and at the end.
 * Inputs of different keys take turns; those of a key run in order.
 */
public final class LocalRun implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LocalRun.class);

    /** Inputs taken between runs of actions: enough for keys to take turns. */
    private static final int WINDOW = 64;

    /** Longer than a store takes to say that it does not answer. */
    private static final int STORE_PATIENCE_SECONDS = 120;

    private final String agent;
    private final BiConsumer<Object, Object> output;
    private final Consumer<DeadLetter> letters;
    /** Failed tasks by the time, in nanoseconds of this run, at which they are tried again. */
    private final TreeMap<Long, List<Long>> backoffs = new TreeMap<>();
    private final long started = System.nanoTime();
    private final AgentsCore core;
    private final LocalServices services;
    private final LocalReport report;
    private final JavaHost host;
    private final KeySlots keys = new KeySlots(key -> key);
    /** Null without a store. */
    private final LocalJournal journal;
    /** Has a permit when calls of actions are over, and when the store has said something. */
    private final Semaphore woken = new Semaphore(0);

    /**
     * @param agent name of the agent, for messages
     * @param plan its plan, JSON in UTF-8
     * @param userCode class loader of the user's classes
     * @param output gets key and output, in the order in which they are produced
     * @param letters gets the dead letters of actions that failed, in their order
     * @param name of the run, by which a store knows it; null means option {@code job-identifier}
     * @param index of the list among those that are executed under this name
     * @param report gets what the metrics show
     * @throws IllegalArgumentException if the plan is wrong, or names what cannot be found; if there is a store, and no name
     * @throws org.apache.flink.agents.core.AgentsCoreException if the store does not start
     */
    public LocalRun(
            final String agent,
            final byte[] plan,
            final ClassLoader userCode,
            final BiConsumer<Object, Object> output,
            final Consumer<DeadLetter> letters,
            @Nullable final String name,
            final int index,
            final LocalReport report) {
        this.agent = agent;
        this.report = report;
        this.output = output;
        this.letters = letters;
        journal = LocalJournal.of(plan, userCode, name, index);
        core = journal == null ? AgentsCore.open(plan) : journal.open(plan, woken::release);
        LocalServices made = null;
        try {
            made = new LocalServices(agent, plan, userCode, journal, new LocalMetrics(), woken::release);
            host = new JavaHost(core, made, keys, new ToCaller());
            services = made;
            if (journal != null) {
                journal.start(host, keys);
            }
        } catch (final RuntimeException | Error e) {
            closeQuietly(made, e);
            throw e;
        }
    }

    /** Has somebody told what models say while they say it; null for nobody. Before {@link #run}. */
    public void onText(@Nullable final Consumer<TextPart> listener) {
        services.onText(listener);
    }

    private void closeQuietly(final LocalServices made, final Throwable reason) {
        try (AgentsCore closing = core) {
            if (made != null) {
                made.close();
            }
        } catch (final Exception e) {
            reason.addSuppressed(e);
        }
    }

    /**
     * Runs everything to its end.
     *
     * @throws ActionTaskExecutionException if an action throws; the message names agent, action and key
     * @throws Exception if memory or a resource fails
     */
    public void run(final List<LocalInput> inputs) throws Exception {
        int fed = 0;
        for (final LocalInput input : inputs) {
            final int slot = keys.acquire(input.key());
            if (journal != null) {
                journal.gives(slot, input.key());
            }
            host.input(slot, new InputEvent(input.value()), false, 0);
            // What ended at once has to be known before the next input: its slot is free.
            host.pump(0);
            keys.settle();
            if (++fed % WINDOW == 0 || core.inFlight() >= services.maxInFlight()) {
                drain();
                finish(services.maxInFlight() - 1);
            }
        }
        core.endOfInput();
        drain();
        finish(0);
    }

    private void drain() throws Exception {
        while (!backoffs.isEmpty() && backoffs.firstKey() <= elapsed()) {
            backoffs.pollFirstEntry().getValue().forEach(host::backoffOver);
        }
        host.receive();
        // One by one where somebody looks: an action may take minutes.
        while (host.pump(report.isLive() ? 1 : Integer.MAX_VALUE)) {
            report.progress(agent, services.local());
        }
        report.progress(agent, services.local());
    }

    private long elapsed() {
        return System.nanoTime() - started;
    }

    /** Waits for what actions wait for, until no more than so many inputs are unfinished. */
    private void finish(final int most) throws Exception {
        while (core.inFlight() > most) {
            if (!backoffs.isEmpty()) {
                woken.tryAcquire(Math.max(0, backoffs.firstKey() - elapsed()), TimeUnit.NANOSECONDS);
            } else if (host.waits()) {
                woken.acquire();
            } else if (journal == null || !woken.tryAcquire(STORE_PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException(
                        "Agent '"
                                + agent
                                + "': "
                                + core.inFlight()
                                + " inputs did not finish and nothing is left to do"
                                + (journal == null ? "" : ", and the store has said nothing for " + STORE_PATIENCE_SECONDS + " s"));
            }
            drain();
        }
    }

    /** Outputs go to the caller; without Flink there are no timestamps, no markers and no snapshots. */
    private final class ToCaller implements Outlet {
        @Override
        public void select(final int slot) {
            services.memory().select(keys.key(slot));
        }

        @Override
        public void emit(final int slot, final Object payload, final boolean hasTimestamp, final long timestamp) {
            output.accept(keys.key(slot), payload);
        }

        @Override
        public void deadLetter(
                final int slot, final DeadLetter letter, final boolean hasTimestamp, final long timestamp) {
            letters.accept(letter);
        }

        @Override
        public void backOff(final long task, final long millis) {
            final long due = elapsed() + TimeUnit.MILLISECONDS.toNanos(millis);
            backoffs.computeIfAbsent(due, at -> new ArrayList<>()).add(task);
        }

        @Override
        public void writeMemory(final String path, final int node, final Object value) throws Exception {
            services.memory().write(path, node, value);
        }

        @Override
        public void idle(final int slot, final boolean persisted) {
            // Memory outlives the run.
        }

        @Override
        public void forward(final int kind, final long value) {
            throw new IllegalStateException("The core forwards a marker of kind " + kind + " that it was never given");
        }
    }

    @Override
    public void close() throws Exception {
        try {
            host.close();
        } finally {
            report.ended(agent, services.local());
            core.close();
        }
    }
}
