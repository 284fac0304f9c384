package org.apache.flink.agents.runtime.host;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.flink.agents.api.context.DurableCallContext;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.core.CoreJournal;
import org.apache.flink.agents.runtime.coroutine.Coroutine;

/**
 * One call, or calls side by side, that an action makes with a journal. First the core says what is to be done with each,
 * perhaps when something has become durable, for which the action waits; then those are made that have to be; what each
 * brings is written down.
 *
 * <p><i>Threads</i>: the host's, and that of the coroutine, of which one runs at a time.
 */
final class JournalledCalls implements Coroutine.Wait {
    /** Whether a class has a reconciler that wants to know the call. */
    private static final ClassValue<Boolean> RECONCILES_BY_KEY =
            new ClassValue<Boolean>() {
                @Override
                protected Boolean computeValue(final Class<?> type) {
                    try {
                        final Method method = type.getMethod("reconciler", DurableCallContext.class);
                        return method.getDeclaringClass() != DurableCallable.class;
                    } catch (final NoSuchMethodException e) {
                        return false;
                    }
                }
            };

    private static final class Entry {
        final DurableCallable<?> callable;
        final int number;
        int step;
        byte[] payload;
        Call<?> call;
        boolean recorded;

        Entry(final DurableCallable<?> callable, final int number, final int step) {
            this.callable = callable;
            this.number = number;
            this.step = step;
        }
    }

    private final HostJournal journal;
    private final ActionContext context;
    private final Calls calls;
    private final List<Entry> entries;
    private int undecided;

    JournalledCalls(
            final HostJournal journal,
            final ActionContext context,
            final Calls calls,
            final List<? extends DurableCallable<?>> callables) {
        this.journal = journal;
        this.context = context;
        this.calls = calls;
        // Most groups are of one call: lists of the usual size would be a ninth of all that a run allocates.
        final int count = callables.size();
        entries = new ArrayList<>(count);
        final List<String> ids = new ArrayList<>(count);
        final List<byte[]> arguments = new ArrayList<>(count);
        final List<Boolean> reconcilable = new ArrayList<>(count);
        // What the user's code may throw comes before anything is begun.
        for (final DurableCallable<?> callable : callables) {
            ids.add(idsOf(callable));
            arguments.add(journal.digests().ofArguments(callable.arguments()));
            reconcilable.add(RECONCILES_BY_KEY.get(callable.getClass()) || callable.reconciler() != null);
        }
        final int scope = journal.scope(context.task(), count);
        for (int i = 0; i < count; i++) {
            final DurableCallable<?> callable = callables.get(i);
            final long begun =
                    journal.core().call(context.task(), scope, ids.get(i), arguments.get(i), reconcilable.get(i));
            final Entry entry = new Entry(callable, CoreJournal.number(begun), CoreJournal.step(begun));
            entries.add(entry);
            if (entry.step == CoreJournal.WAIT) {
                undecided++;
            } else {
                decided(entry);
            }
        }
    }

    /** The id, and behind a NUL each that the call had before, as the core wants them. */
    private static String idsOf(final DurableCallable<?> callable) {
        final List<String> former = callable.formerIds();
        return former.isEmpty() ? callable.getId() : callable.getId() + '\0' + String.join("\0", former);
    }

    private void decided(final Entry entry) {
        if (isReplay(entry)) {
            entry.payload = journal.core().payload();
            entry.recorded = true;
            journal.core().callEnded(context.task(), entry.number, CoreJournal.NO_OUTCOME, null);
        }
    }

    private static boolean isReplay(final Entry entry) {
        return entry.step == CoreJournal.REPLAY_RESULT || entry.step == CoreJournal.REPLAY_FAILURE;
    }

    /**
     * Takes in what is to be done with a call.
     *
     * @return whether that is known of all now
     */
    boolean decide(final int number, final int step) {
        for (final Entry entry : entries) {
            if (entry.number == number && entry.step == CoreJournal.WAIT) {
                entry.step = step;
                decided(entry);
                undecided--;
            }
        }
        return undecided == 0;
    }

    /** Whether it is known what is to be done with each. */
    boolean areDecided() {
        return undecided == 0;
    }

    /** Prepares the calls, once it is known what is to be done with each; returns those that have to be made. */
    List<Call<?>> toBeMade(final boolean cancelOnFailure) {
        final List<Call<?>> made = new ArrayList<>(entries.size());
        String failed = null;
        for (final Entry entry : entries) {
            if (isReplay(entry)) {
                entry.call = journal.replayed(context, new Call<>(entry.callable, null, null, null), entry.payload);
                entry.payload = null;
                context.show(entry.call, entry.number, true);
                if (entry.call.failure() != null && failed == null) {
                    failed = entry.call.id();
                }
            } else {
                prepare(entry);
                made.add(entry.call);
            }
        }
        if (failed != null && cancelOnFailure) {
            // It ended the others before the crash, too.
            for (final Call<?> call : made) {
                call.brought(null, Call.withTheGroup(failed));
            }
        }
        made.removeIf(Call::hasEnded);
        return made;
    }

    private void prepare(final Entry entry) {
        final DurableCallContext key = journal.keyOf(context, entry.number);
        Callable<?> instead = null;
        Throwable thrown = null;
        if (entry.step == CoreJournal.RECONCILE) {
            try {
                instead = entry.callable.reconciler(key);
            } catch (final RuntimeException e) {
                thrown = e;
            }
        }
        entry.call = new Call<>(entry.callable, calls.limitOf(entry.callable), key, instead);
        if (thrown != null) {
            entry.call.brought(null, thrown);
        }
    }

    /** Writes down what those calls brought that have ended. */
    void record() {
        for (final Entry entry : entries) {
            if (!entry.recorded && entry.call != null && entry.call.hasEnded() && !context.isEnding()) {
                entry.recorded = true;
                context.show(entry.call, entry.number, false);
                journal.record(context, entry.number, entry.call);
            }
        }
    }

    /** Calls that nobody waits for any more. */
    void giveUp() {
        for (final Entry entry : entries) {
            if (!entry.recorded && !context.isEnding()) {
                entry.recorded = true;
                journal.core().callEnded(context.task(), entry.number, CoreJournal.NO_OUTCOME, null);
            }
        }
    }

    /** The calls, in their order, once each has brought something. */
    List<Call<?>> all() {
        final List<Call<?>> all = new ArrayList<>(entries.size());
        entries.forEach(entry -> all.add(entry.call));
        return all;
    }

    // ---- waiting for what the core says

    @Override
    public void begin(final boolean mayBlock) {
        // The host does it.
    }

    @Override
    public boolean isOver() {
        return areDecided();
    }

    @Override
    public boolean endsByHost() {
        return true;
    }
}
