package org.apache.flink.agents.core;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The journal of a core: what its runs have done is written to a store, and not done again after a crash. The records
 * themselves never cross; the host encodes values, and tells what calls brought.
 *
 * <p>A host with a journal calls {@link #poll} before it polls effects and whenever it is woken; {@link #openKey} when a key
 * gets a slot; {@link #input} and {@link #finish} instead of those of {@link AgentsCore}; and {@link #call} and {@link
 * #callEnded} instead of {@code callBegin} and {@code callEnd}. It keeps the number of each key's next run, {@link
 * AgentsCore#sequence()} + 1 at {@link AgentsCore#RUN_ENDED}, also while the key is idle.
 *
 * <p>Threads and errors as for {@link AgentsCore}. A store that fails makes {@link #poll}, {@link AgentsCore#poll}, {@link #input}
 * or {@link #finish} throw an {@link AgentsCoreException} with its reason: the task has to fail with it.
 */
public final class CoreJournal {
    /** Make the call. */
    public static final int EXECUTE = 0;
    /** It may have been made before a crash: ask the reconciler instead. */
    public static final int RECONCILE = 1;
    /** It was made, and {@link #payload()} is its result. */
    public static final int REPLAY_RESULT = 2;
    /** It was made, and {@link #payload()} is its exception. */
    public static final int REPLAY_FAILURE = 3;
    /** It may not start yet: {@link AgentsCore#CALL_READY} tells. */
    public static final int WAIT = 4;

    /** A call was given up, or replayed: nothing is written. */
    public static final int NO_OUTCOME = 0;
    /** A call has a result. */
    public static final int RESULT = 1;
    /** A call has failed. */
    public static final int FAILURE = 2;

    private static final int DIGEST_BYTES = 16;

    private final AgentsCore core;

    CoreJournal(final AgentsCore core) {
        this.core = core;
    }

    /** Bytes of a digest. */
    public static int digestBytes() {
        return DIGEST_BYTES;
    }

    /**
     * Takes in what the store has said.
     *
     * @return whether there was something
     */
    public boolean poll() {
        core.changes();
        return Natives.journalPoll(core.handle()) != 0;
    }

    /**
     * How the journal is doing: records written and not durable; kilobytes of these and of records read back of keys that have
     * not come; microseconds that the store took for something since this was asked last, or -1.
     */
    public int[] figures() {
        return Natives.journalFigures(core.handle());
    }

    /**
     * A key gets a slot, before its first input and before {@link AgentsCore#restoreKey}.
     *
     * @param keyGroup its key group
     * @param key its bytes in the store: the same for the same key in every attempt
     * @param sequence number of its next run, 0 for a new key
     */
    public void openKey(final int slot, final int keyGroup, final byte[] key, final long sequence) {
        core.changes();
        Natives.journalKey(core.handle(), slot, keyGroup, key, sequence);
    }

    /**
     * As {@link AgentsCore#input}.
     *
     * @param digest 16 bytes by which the run of this input is found again; null if it has none, then its place among the
     *     inputs of its key counts
     */
    public void input(
            final int slot,
            final Object event,
            final long idHigh,
            final long idLow,
            final boolean hasTimestamp,
            final long timestamp,
            final ByteBuffer attributes,
            final int attributesLength,
            final byte[] digest) {
        core.input(slot, event, idHigh, idLow, hasTimestamp, timestamp, attributes, attributesLength, digest);
    }

    /** Events and memory values that the record of the running action will have, to be encoded for {@link #finish}. */
    public Object[] values(final long task) {
        return core.valuesOf(Natives.journalValues(core.handle(), task));
    }

    /**
     * As {@link AgentsCore#finish}.
     *
     * @param values for each of {@link #values} its length (four bytes, least significant first) and its bytes
     */
    public void finish(final long task, final byte[] values) {
        core.finish(task, values);
    }

    /** The values of the record that {@link AgentsCore#REPLAY} is about, as {@link #finish} got them. */
    public Recorded record() {
        final ByteBuffer in = ByteBuffer.wrap(Natives.journalRecord(core.handle())).order(ByteOrder.LITTLE_ENDIAN);
        final int events = in.getInt();
        final List<byte[]> values = new ArrayList<>();
        while (in.hasRemaining()) {
            final byte[] value = new byte[in.getInt()];
            in.get(value);
            values.add(value);
        }
        return new Recorded(events, values);
    }

    /** The values of an action's record. */
    public static final class Recorded {
        private final int events;
        private final List<byte[]> values;

        private Recorded(final int events, final List<byte[]> values) {
            this.events = events;
            this.values = values;
        }

        /** How many of the values are events; they come first. */
        public int events() {
            return events;
        }

        /** The values. */
        public List<byte[]> values() {
            return values;
        }
    }

    /**
     * The record of an action was read: it counts as having just returned.
     *
     * @param values what the bytes of {@link #record} stand for
     * @param attributes of the events, as for {@link AgentsCore#restoreKey}
     */
    public void replayed(final long task, final Object[] values, final byte[] attributes) {
        core.replayed(task, values, attributes);
    }

    /**
     * An action begins a durable call.
     *
     * @param scope where it stands, as for {@link AgentsCore#callBegin}
     * @param function id of what is called
     * @param arguments digest of its arguments, 16 bytes; null if they have none
     * @param reconcilable whether somebody can say, after a crash, what became of the call
     * @return its {@link #number}, and its {@link #step}
     */
    public long call(
            final long task, final int scope, final String function, final byte[] arguments, final boolean reconcilable) {
        core.changes();
        return Natives.journalCall(
                core.handle(), task, scope, function.getBytes(StandardCharsets.UTF_8), arguments, reconcilable ? 1 : 0);
    }

    /** The number of a call among those of its action, from what {@link #call} returned. */
    public static int number(final long begun) {
        return (int) begun;
    }

    /** What is to be done with a call, from what {@link #call} returned. */
    public static int step(final long begun) {
        return (int) (begun >> 32);
    }

    /** What the call brought that the last {@link #call}, or the effect polled last, says to replay. */
    public byte[] payload() {
        return Natives.journalPayload(core.handle());
    }

    /**
     * A durable call has ended.
     *
     * @param outcome {@link #NO_OUTCOME}, {@link #RESULT} or {@link #FAILURE}
     * @param payload to write down, and to be given back by {@link #payload}; null without an outcome
     */
    public void callEnded(final long task, final int call, final int outcome, final byte[] payload) {
        core.changes();
        Natives.journalCallEnd(core.handle(), task, call, outcome, payload);
    }

    /** A UUID that is the same for a durable call in every attempt, and another for every other call. */
    public String callKey(final long task, final int slot, final int call) {
        return new String(Natives.journalCallKey(core.handle(), task, slot, call), StandardCharsets.US_ASCII);
    }

    /**
     * For a host whose actions run in another process: whether an answer that was replayed is still on its way to the code that
     * asked. Until it has arrived, and what it set off was told, nothing else of the run is replayed. A host that wakes the task
     * before it polls again has no use for this.
     */
    public void hold(final long task, final boolean held) {
        core.changes();
        Natives.journalHold(core.handle(), task, held ? 1 : 0);
    }

    /**
     * Whether code of an action goes on beside what waits for its calls, for instance a coroutine that sleeps. As long as it does
     * the run is not taken for one that does not come to what its journal has.
     */
    public void busy(final long task, final boolean busy) {
        core.changes();
        Natives.journalBusy(core.handle(), task, busy ? 1 : 0);
    }

    /** The input that {@link AgentsCore#AWAIT_INPUT} is about is waited for no longer. Too late, it does nothing. */
    public void awaitOver(final int slot, final long run) {
        core.changes();
        Natives.journalAwaitOver(core.handle(), slot, run);
    }

    /** How long {@link AgentsCore#AWAIT_INPUT} is to be waited for, in milliseconds, as the plan says. */
    public long reorderTimeoutMs() {
        return Natives.journalPatience(core.handle());
    }

    /** What a checkpoint has to hold of the subtask; taken after the snapshots of its keys. */
    public byte[] state() {
        return Natives.journalState(core.handle());
    }

    /** No checkpoint older than the one with this {@link #state} will be restored: what only they need may be deleted. */
    public void prune(final byte[] state) {
        Natives.journalPrune(core.handle(), state);
    }
}
