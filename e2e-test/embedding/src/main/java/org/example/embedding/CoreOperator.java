package org.example.embedding;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.KeySlots;
import org.apache.flink.agents.core.KeySnapshot;
import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.OperatorSnapshotFutures;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;

/** An operator of one's own: records and events are maps, actions are {@link Step}s, and the core decides what runs when. */
public final class CoreOperator extends AbstractStreamOperator<Map<String, Object>>
        implements OneInputStreamOperator<Map<String, Object>, Map<String, Object>>, BoundedOneInput {
    private static final long serialVersionUID = 1L;
    private static final int MAX_IN_FLIGHT = 1_000;
    private static final long NEVER = Long.MIN_VALUE;

    private final byte[] plan;
    private final Map<String, Step> steps;
    private final int slice;
    private final transient MailboxExecutor mailbox;

    private transient AgentsCore core;
    private transient Step[] stepOfAction;
    private transient KeySlots keys;
    private transient CoreState state;
    private transient ConditionInput conditions;
    private transient boolean pumpScheduled;
    private transient boolean closed;
    private transient long frozenBy;

    CoreOperator(
            final byte[] plan,
            final Map<String, Step> steps,
            final int slice,
            final StreamOperatorParameters<Map<String, Object>> parameters) {
        this.plan = plan;
        this.steps = steps;
        this.slice = slice;
        this.mailbox = parameters.getMailboxExecutor();
        setProcessingTimeService(parameters.getProcessingTimeService());
        setup(parameters.getContainingTask(), parameters.getStreamConfig(), parameters.getOutput());
    }

    @Override
    public void open() throws Exception {
        super.open();
        frozenBy = NEVER;
        core = AgentsCore.open(plan);
        stepOfAction = new Step[core.actions().size()];
        for (final ActionDescriptor action : core.actions()) {
            stepOfAction[action.id()] = steps.get(action.name());
            if (stepOfAction[action.id()] == null) {
                throw new IllegalArgumentException("No step was given for " + action);
            }
        }
        state = new CoreState(getRuntimeContext());
        conditions = new ConditionInput(core);
        @SuppressWarnings("unchecked")
        final TypeSerializer<Object> keySerializer = (TypeSerializer<Object>) getKeyedStateBackend().getKeySerializer();
        keys = new KeySlots(keySerializer::copy);
        restore();
    }

    private void restore() throws Exception {
        final List<Object> unfinished;
        try (Stream<Object> stored =
                this.<Object>getKeyedStateBackend().getKeys(CoreState.UNFINISHED, VoidNamespace.INSTANCE)) {
            unfinished = stored.collect(Collectors.toList());
        }
        for (final Object key : unfinished) {
            setCurrentKey(key);
            final KeySnapshot snapshot = state.readUnfinished();
            final int slot = keys.acquire(key);
            keys.settle();
            core.restoreKey(slot, snapshot, conditions.encodeAll(snapshot));
        }
        if (!unfinished.isEmpty()) {
            schedulePump();
        }
    }

    @Override
    public void close() throws Exception {
        closed = true;
        if (core != null) {
            core.close();
        }
        super.close();
    }

    // ---- inputs

    @Override
    public void processElement(final StreamRecord<Map<String, Object>> record) throws Exception {
        final Map<String, Object> event = new LinkedHashMap<>(record.getValue());
        final int length = conditions.encode(event);
        final ThreadLocalRandom random = ThreadLocalRandom.current();
        core.input(
                keys.acquire(getCurrentKey()),
                event,
                random.nextLong(),
                random.nextLong(),
                record.hasTimestamp(),
                record.hasTimestamp() ? record.getTimestamp() : 0,
                conditions.memory(),
                length);
        pump();
        keys.settle();
        while (core.inFlight() > MAX_IN_FLIGHT) {
            mailbox.yield();
        }
    }

    @Override
    public void processWatermark(final Watermark mark) throws Exception {
        core.marker(AgentsCore.WATERMARK, mark.getTimestamp());
        pump();
    }

    @Override
    public void processWatermarkStatus(final WatermarkStatus status) throws Exception {
        core.marker(AgentsCore.IDLE, status.isIdle() ? 1 : 0);
        pump();
    }

    @Override
    public void endInput() throws Exception {
        core.endOfInput();
        pump();
        while (core.inFlight() > 0) {
            mailbox.yield();
        }
    }

    // ---- effects

    private void pump() throws Exception {
        int budget = slice;
        while (core.poll(budget > 0)) {
            switch (core.kind()) {
                case AgentsCore.RUN_ACTION:
                    budget--;
                    runStep();
                    break;
                case AgentsCore.EMIT:
                    @SuppressWarnings("unchecked")
                    final Map<String, Object> payload = (Map<String, Object>) core.event();
                    output.collect(
                            core.hasTimestamp() ? new StreamRecord<>(payload, core.timestamp()) : new StreamRecord<>(payload));
                    break;
                case AgentsCore.WRITE_MEMORY:
                    setCurrentKey(keys.key(core.key()));
                    state.writeMemory(core.path(), core.node(), core.value());
                    break;
                case AgentsCore.RUN_ENDED:
                    if (core.idle()) {
                        if (core.persisted()) {
                            setCurrentKey(keys.key(core.key()));
                            state.deleteUnfinished();
                        }
                        keys.release(core.key());
                    }
                    break;
                case AgentsCore.FORWARD:
                    if (core.markerKind() == AgentsCore.WATERMARK) {
                        output.emitWatermark(new Watermark(core.markerValue()));
                    } else {
                        output.emitWatermarkStatus(core.markerValue() == 1 ? WatermarkStatus.IDLE : WatermarkStatus.ACTIVE);
                    }
                    break;
                case AgentsCore.WARN:
                    LOG.warn("{}", core.text());
                    break;
                case AgentsCore.FAIL:
                    throw new IllegalStateException(core.text());
                default:
                    throw new IllegalStateException("Unknown effect " + core.kind() + " of the core");
            }
        }
        if (budget == 0) {
            schedulePump();
        }
    }

    private void runStep() throws Exception {
        final long task = core.task();
        final int action = core.action();
        setCurrentKey(keys.key(core.key()));
        @SuppressWarnings("unchecked")
        final Map<String, Object> event = (Map<String, Object>) core.event();
        try {
            stepOfAction[action].run(event, new StepContext(core, task, state, conditions));
        } catch (final Exception e) {
            throw new IllegalStateException("Action '" + core.actions().get(action).name() + "' failed: " + e, e);
        }
        core.finish(task);
    }

    /** Goes on in a mail, so that checkpoints and other mails get their turn between slices. */
    private void schedulePump() {
        if (!pumpScheduled) {
            pumpScheduled = true;
            mailbox.execute(
                    () -> {
                        pumpScheduled = false;
                        if (!closed) {
                            pump();
                        }
                    },
                    "go on with unfinished runs");
        }
    }

    // ---- checkpoints

    @Override
    public void snapshotState(final StateSnapshotContext context) throws Exception {
        super.snapshotState(context);
        for (final int slot : core.takeDirty()) {
            final KeySnapshot snapshot = core.snapshotKey(slot);
            if (snapshot != null) {
                setCurrentKey(keys.key(slot));
                state.writeUnfinished(snapshot);
            }
        }
    }

    @Override
    public OperatorSnapshotFutures snapshotState(
            final long checkpointId,
            final long timestamp,
            final CheckpointOptions options,
            final CheckpointStreamFactory factory)
            throws Exception {
        final OperatorSnapshotFutures futures = super.snapshotState(checkpointId, timestamp, options, factory);
        if (options.getCheckpointType().isSavepoint() && ((SavepointType) options.getCheckpointType()).isSynchronous()) {
            // The job stops with this savepoint: what ran after it would run again after a restore.
            core.freeze();
            frozenBy = checkpointId;
        }
        return futures;
    }

    @Override
    public void notifyCheckpointAborted(final long checkpointId) throws Exception {
        super.notifyCheckpointAborted(checkpointId);
        if (checkpointId == frozenBy) {
            frozenBy = NEVER;
            core.thaw();
            schedulePump();
        }
    }

    /** Inputs whose run has not ended. */
    int inFlight() {
        return core.inFlight();
    }
}
