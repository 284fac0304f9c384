package org.apache.flink.agents.runtime.operator;

import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import org.apache.flink.agents.api.DeadLetter;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.KeySlots;
import org.apache.flink.agents.runtime.host.Outlet;
import org.apache.flink.streaming.api.operators.Output;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.RecordAttributes;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.tasks.ProcessingTimeService;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The core's effects on Flink, and which key Flink has selected: its current key is whatever was used last, by anyone, so it is
 * set before every access to keyed state. Used on the mailbox thread only.
 */
final class FlinkOutlet implements Outlet {
    private static final Logger LOG = LoggerFactory.getLogger(FlinkOutlet.class);

    private static final int NO_KEY = -1;

    private static final long WARN_AGAIN_NANOS = TimeUnit.MINUTES.toNanos(1);

    private final AgentOperator<?> operator;
    private final Output<StreamRecord<Object>> output;
    private final KeyedStates states;
    private final KeySlots keys;
    private final StreamRecord<Object> outgoing = new StreamRecord<>(null);
    private final ArrayDeque<RecordAttributes> heldAttributes = new ArrayDeque<>();
    private int selected = NO_KEY;
    /** Failed actions that wait. */
    private int backoffs;
    private boolean warned;
    private long warnedAt;

    FlinkOutlet(
            final AgentOperator<?> operator,
            final Output<StreamRecord<Object>> output,
            final KeyedStates states,
            final KeySlots keys) {
        this.operator = operator;
        this.output = output;
        this.states = states;
        this.keys = keys;
    }

    /** Flink has selected the key of this slot. */
    void selected(final int slot) {
        selected = slot;
    }

    /** Others may have selected a key. */
    void unselect() {
        selected = NO_KEY;
    }

    /** Keeps attributes until the core passes them on. Markers keep their order, so a queue is enough to find them again. */
    void hold(final RecordAttributes attributes) {
        heldAttributes.add(attributes);
    }

    @Override
    public void select(final int slot) {
        if (selected != slot) {
            operator.setCurrentKey(keys.key(slot));
            selected = slot;
        }
    }

    @Override
    public void emit(final int slot, final Object payload, final boolean hasTimestamp, final long timestamp) {
        if (hasTimestamp) {
            outgoing.replace(payload, timestamp);
        } else {
            outgoing.replace(payload);
            outgoing.eraseTimestamp();
        }
        output.collect(outgoing);
    }

    @Override
    public void deadLetter(
            final int slot, final DeadLetter letter, final boolean hasTimestamp, final long timestamp) {
        final StreamRecord<DeadLetter> record = new StreamRecord<>(letter);
        if (hasTimestamp) {
            record.setTimestamp(timestamp);
        }
        output.collect(AgentOperator.DEAD_LETTERS, record);
    }

    @Override
    public void backOff(final long task, final long millis) {
        final ProcessingTimeService time = operator.processingTime();
        backoffs++;
        time.registerTimer(time.getCurrentProcessingTime() + millis, at -> {
            backoffs--;
            operator.backoffOver(task);
        });
    }

    /** So many inputs are unfinished that no more are taken. That may be due to keys that wait for a retry, for long. */
    void takesNoMore(final int maxInFlight) {
        final long now = System.nanoTime();
        if (backoffs == 0 || warned && now - warnedAt < WARN_AGAIN_NANOS) {
            return;
        }
        warned = true;
        warnedAt = now;
        LOG.warn(
                "Agent '{}' takes no more records, since max-in-flight ({}) inputs are unfinished; {} actions that failed wait to be tried"
                        + " again, and inputs of their keys behind them. Lower retry.max-attempts or retry.max-backoff, or raise max-in-flight,"
                        + " if that takes too long",
                operator.agentName(), maxInFlight, backoffs);
    }

    @Override
    public void writeMemory(final String path, final int node, final Object value) throws Exception {
        states.writeMemory(path, node, value);
    }

    @Override
    public void idle(final int slot, final boolean persisted) {
        if (persisted) {
            select(slot);
            states.deleteInFlight();
        }
        if (selected == slot) {
            selected = NO_KEY;
        }
    }

    @Override
    public void forward(final int kind, final long value) {
        switch (kind) {
            case AgentsCore.WATERMARK:
                output.emitWatermark(new Watermark(value));
                break;
            case AgentsCore.IDLE:
                output.emitWatermarkStatus(value == 1 ? WatermarkStatus.IDLE : WatermarkStatus.ACTIVE);
                break;
            default:
                output.emitRecordAttributes(heldAttributes.remove());
        }
    }
}
