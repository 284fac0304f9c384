package org.apache.flink.agents.runtime.host;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.DurableCallContext;
import org.apache.flink.agents.api.metrics.UpdatableGauge;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.CoreJournal;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.MalformedValueException;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.core.value.ValueWriter;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.util.InstantiationUtil;

/**
 * A host's side of the journal: what actions sent and wrote, and what their calls brought, to bytes and back.
 *
 * <p>The outcome of a call: format version (1), then 0 and a value (see {@code BlobCodec}), or 1 and an exception as Java
 * serializes it. Used on the host's thread, or on that of a coroutine while the host waits for it.
 */
final class HostJournal {
    private static final byte VERSION = 1;
    private static final byte VALUE = 0;
    private static final byte THROWABLE = 1;
    private static final int HEAD = 2;

    private final JavaHost host;
    private final CoreJournal core;
    private final JournalOutlet outlet;
    private final ClassLoader userCode;
    private final Digests digests = new Digests();
    /** What is being recorded; kept, since every call and action has something. */
    private final ValueWriter record = new ValueWriter(ForeignValues.REFUSE);
    private final Counter actionsReplayed;
    private final Counter callsReplayed;
    private final Counter divergences;
    private final UpdatableGauge<Integer> unacknowledged;
    private final UpdatableGauge<Integer> size;
    private final Histogram latency;
    private int[] shown = {0, 0};

    @SuppressWarnings("unchecked") // gauges take anything
    HostJournal(final JavaHost host, final PlanServices services) {
        this.host = host;
        this.core = host.core().journal();
        this.outlet = services.journal();
        this.userCode = services.userCode();
        actionsReplayed = HostMetrics.counter(services.metrics(), "numOfActionsReplayed");
        callsReplayed = HostMetrics.counter(services.metrics(), "numOfCallsReplayed");
        divergences = HostMetrics.counter(services.metrics(), "numOfDivergences");
        unacknowledged = services.metrics().getGauge("numOfUnacknowledgedRecords");
        unacknowledged.update(0);
        size = services.metrics().getGauge("journalKilobytes");
        size.update(0);
        latency = services.metrics().getHistogram("storeLatencyMs");
    }

    CoreJournal core() {
        return core;
    }

    JournalOutlet outlet() {
        return outlet;
    }

    Digests digests() {
        return digests;
    }

    /** Shows how the journal is doing, when the host has done what was to be done. */
    void show() {
        final int[] figures = core.figures();
        if (figures[0] != shown[0] || figures[1] != shown[1]) {
            shown = figures;
            unacknowledged.update(figures[0]);
            size.update(figures[1]);
        }
        if (figures[2] >= 0) {
            latency.update((figures[2] + 500) / 1000);
        }
    }

    void diverged() {
        divergences.inc();
    }

    // ---- actions

    /** The running action returned. */
    void finish(final long task, final ActionDescriptor action, final int slot) {
        record.reset();
        for (final Object value : core.values(task)) {
            try {
                final int start = record.size();
                record.writeInt(0);
                outlet.codec().appendOne(value, record);
                record.setInt(start, record.size() - start - Integer.BYTES);
            } catch (final UnsupportedValueException e) {
                throw new ActionTaskExecutionException(
                        "Action '"
                                + action.name()
                                + "' of agent '"
                                + host.agent()
                                + "', key "
                                + host.describeKey(slot)
                                + (isEvent(value) ? ", sent an event" : ", left a value in memory")
                                + " that cannot be recorded, so that its work would be done again after a failure: "
                                + e.getMessage(),
                        e);
            }
        }
        core.finish(task, record.toByteArray());
    }

    private static boolean isEvent(final Object value) {
        return value instanceof Event || value instanceof EncodedEvent;
    }

    /** An action completed before a crash: what it did takes effect again. */
    void replay(final long task, final ActionDescriptor action, final int slot) {
        final CoreJournal.Recorded recorded = core.record();
        final Object[] values = new Object[recorded.values().size()];
        final ByteArrayOutputStream attributes = new ByteArrayOutputStream();
        final ByteBuffer length = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < values.length; i++) {
            try {
                values[i] = outlet.codec().decodeOne(recorded.values().get(i));
            } catch (final MalformedValueException e) {
                throw new ActionTaskExecutionException(
                        "What action '"
                                + action.name()
                                + "' of agent '"
                                + host.agent()
                                + "', key "
                                + host.describeKey(slot)
                                + ", did before a failure cannot be read from the journal: "
                                + e.getMessage(),
                        e);
            }
            final byte[] own = i < recorded.events() ? host.conditionAttributes(values[i]) : null;
            if (own != null) {
                attributes.write(length.putInt(0, own.length).array(), 0, 4);
                attributes.write(own, 0, own.length);
            }
        }
        host.runs(action);
        core.replayed(task, values, attributes.size() == 0 ? null : attributes.toByteArray());
        actionsReplayed.inc();
        host.metrics().executed(action);
    }

    // ---- calls

    /** The key of a call of an action. */
    DurableCallContext keyOf(final ActionContext context, final int number) {
        final String key = core.callKey(context.task(), context.slot(), number);
        return () -> key;
    }

    /** Writes down what a call brought. */
    void record(final ActionContext context, final int number, final Call<?> call) {
        final Throwable failure = call.failure();
        if (failure instanceof VirtualMachineError && !(failure instanceof StackOverflowError)) {
            // Not the call's own: the task fails, and what the call would have brought nobody knows.
            core.callEnded(context.task(), number, CoreJournal.NO_OUTCOME, null);
            return;
        }
        if (failure instanceof InterruptedException) {
            // Nor is this an outcome: what it would have brought nobody knows.
            core.callEnded(context.task(), number, CoreJournal.NO_OUTCOME, null);
            context.callInterrupted();
            return;
        }
        final byte[] payload;
        try {
            payload = failure == null ? payloadOf(call.result()) : failurePayload(failure);
        } catch (final IOException | ClassNotFoundException | RuntimeException e) {
            throw context.refused(
                    "Durable call '"
                            + call.id()
                            + "' of action '"
                            + context.function().descriptor().name()
                            + "', agent '"
                            + host.agent()
                            + "', key "
                            + host.describeKey(context.slot())
                            + (failure == null ? ", returned a value" : ", threw " + failure.getClass().getName() + ", an exception")
                            + " that cannot be recorded, so that the call would be made again after a failure: "
                            + e.getMessage()
                            + (failure == null
                                    ? ". Return plain data, or what a serializer of Flink can write"
                                    : " (" + e.getClass().getSimpleName() + "). Throw an exception whose fields are Serializable, or transient"),
                    e);
        }
        core.callEnded(context.task(), number, failure == null ? CoreJournal.RESULT : CoreJournal.FAILURE, payload);
    }

    private byte[] failurePayload(final Throwable failure) throws IOException, ClassNotFoundException {
        final byte[] bytes = InstantiationUtil.serializeObject(failure);
        // What cannot be read back must not be taken for recorded. Exceptions are rare enough to try each.
        final Object back = InstantiationUtil.deserializeObject(bytes, userCode);
        if (back.getClass() != failure.getClass()) {
            throw new IOException("it comes back as " + back.getClass().getName());
        }
        beginPayload(THROWABLE);
        record.writeRaw(bytes, 0, bytes.length);
        return record.toByteArray();
    }

    private byte[] payloadOf(final Object result) {
        beginPayload(VALUE);
        outlet.codec().appendOne(result, record);
        return record.toByteArray();
    }

    private void beginPayload(final byte kind) {
        record.reset();
        record.writeByte(VERSION);
        record.writeByte(kind);
    }

    /** What a call brought before a crash. */
    Call<?> replayed(final ActionContext context, final Call<?> call, final byte[] payload) {
        try {
            if (payload.length < HEAD || payload[0] != VERSION || payload[1] != VALUE && payload[1] != THROWABLE) {
                throw new MalformedValueException(0, "an outcome that this release has not written");
            }
            final byte[] content = new byte[payload.length - HEAD];
            System.arraycopy(payload, HEAD, content, 0, content.length);
            if (payload[1] == VALUE) {
                call.brought(outlet.codec().decodeOne(content), null);
            } else {
                call.brought(null, InstantiationUtil.deserializeObject(content, userCode));
            }
        } catch (final IOException | ClassNotFoundException | RuntimeException | LinkageError e) {
            throw context.refused(
                    "What durable call '"
                            + call.id()
                            + "' of action '"
                            + context.function().descriptor().name()
                            + "', agent '"
                            + host.agent()
                            + "', key "
                            + host.describeKey(context.slot())
                            + ", brought before a failure cannot be read from the journal: "
                            + e
                            + ". Was a class changed or removed? Go on with the classes it was written by, or drain the job first",
                    e);
        }
        callsReplayed.inc();
        return call;
    }

    /** A call of Python has got what it brought before. */
    void replayed() {
        callsReplayed.inc();
    }

    /** The scope of calls of an action, made side by side if there are several. */
    int scope(final long task, final int count) {
        return count == 1 ? AgentsCore.ACTION_SCOPE : host.core().callScope(task, AgentsCore.ACTION_SCOPE, true);
    }
}
