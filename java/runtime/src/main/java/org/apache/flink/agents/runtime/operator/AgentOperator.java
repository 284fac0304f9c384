package org.apache.flink.agents.runtime.operator;

import java.util.Map;
import java.util.concurrent.RejectedExecutionException;
import org.apache.flink.agents.api.DeadLetter;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.configuration.AgentConfigOptions;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.AgentsCoreException;
import org.apache.flink.agents.core.KeySlots;
import org.apache.flink.agents.runtime.env.BuildCheck;
import org.apache.flink.agents.runtime.host.EncodedEvent;
import org.apache.flink.agents.runtime.host.JavaHost;
import org.apache.flink.agents.runtime.host.PlanView;
import org.apache.flink.agents.runtime.host.PythonEnvironment;
import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.checkpoint.SnapshotType;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.OperatorSnapshotFutures;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.RecordAttributes;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.tasks.ProcessingTimeService;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.util.OutputTag;
import org.apache.flink.util.function.ThrowingRunnable;

/**
 * Feeds the core with the records of a subtask and carries out its effects.
 *
 * <p><i>Owned state</i>: the core with all unfinished runs; the keyed states {@code inflight} and {@code shortTermMemory}
 * (see {@link KeyedStates}); with a store what {@link OperatorJournal} keeps. <i>Lifecycle</i>: the core opens with the operator and closes with it. <i>When it drains</i>: at
 * the end of the input, and in a mail after every call that leaves work. <i>Constraint</i>: everything happens on the
 * mailbox thread; only {@code processElement} and {@code endInput} yield.
 */
public final class AgentOperator<IN> extends AbstractStreamOperator<Object>
        implements OneInputStreamOperator<IN, Object>, BoundedOneInput {
    private static final long serialVersionUID = 1L;

    /** Actions in one go: other mails, checkpoints among them, wait no longer than these take. */
    private static final int SLICE = 256;

    /** The side output that dead letters go to. */
    public static final OutputTag<DeadLetter> DEAD_LETTERS =
            new OutputTag<>("agent-dead-letters", TypeInformation.of(DeadLetter.class));

    private static final long NEVER = Long.MIN_VALUE;

    private final String agentName;
    private final byte[] plan;
    private final TypeInformation<IN> inputType;
    private final PythonEnvironment python;
    private final boolean encoded;
    private final byte[] nonce;
    private final transient MailboxExecutor mailbox;

    private transient AgentsCore core;
    private transient JavaHost host;
    private transient KeyedStates states;
    private transient KeySlots keys;
    private transient UnfinishedRuns unfinished;
    private transient OperatorServices services;
    private transient TypeSerializer<IN> inputCopier;
    /** Null when nobody can change a key. */
    private transient TypeSerializer<Object> keyCopier;
    private transient boolean keyOfRecord;
    private transient FlinkOutlet outlet;
    /** Null without a store. */
    private transient OperatorJournal journal;
    private transient int maxInFlight;
    private transient int slice;
    private transient boolean pumpScheduled;
    private transient long frozenBy;
    /** Nothing of a key may be left when another comes, and actions end later than they begin. */
    private transient boolean oneByOne;
    /** In BATCH mode with a journal: the record's key, until that before it is finished. */
    private transient Object nextKey;
    private transient volatile boolean ended;

    private AgentOperator(
            final String agentName,
            final byte[] plan,
            final TypeInformation<IN> inputType,
            final PythonEnvironment python,
            final boolean encoded,
            final byte[] nonce,
            final MailboxExecutor mailbox) {
        this.agentName = agentName;
        this.plan = plan;
        this.inputType = inputType;
        this.python = python;
        this.encoded = encoded;
        this.nonce = nonce;
        this.mailbox = mailbox;
    }

    static <IN> AgentOperator<IN> create(
            final String agentName,
            final byte[] plan,
            final TypeInformation<IN> inputType,
            final PythonEnvironment python,
            final boolean encoded,
            final byte[] nonce,
            final StreamOperatorParameters<Object> parameters) {
        final AgentOperator<IN> operator =
                new AgentOperator<>(agentName, plan, inputType, python, encoded, nonce, parameters.getMailboxExecutor());
        operator.setProcessingTimeService(parameters.getProcessingTimeService());
        operator.setup(parameters.getContainingTask(), parameters.getStreamConfig(), parameters.getOutput());
        return operator;
    }

    // ---- life

    @Override
    public void initializeState(final StateInitializationContext context) throws Exception {
        super.initializeState(context);
        if (hasStore()) {
            journal = new OperatorJournal(this, context);
        }
    }

    private boolean hasStore() {
        try {
            final Map<String, Object> config = new PlanView(plan, getUserCodeClassloader()).config();
            return config.get(AgentConfigOptions.ACTION_STATE_STORE_BACKEND.getKey()) != null;
        } catch (final AgentsCoreException | IllegalArgumentException e) {
            // The core says what is wrong with it when it is opened.
            return false;
        }
    }

    @Override
    public void open() throws Exception {
        super.open();
        BuildCheck.check();
        frozenBy = NEVER;
        core = journal == null ? AgentsCore.open(plan) : journal.open(plan, nonce);
        services = new OperatorServices(agentName, plan, inputType, python, encoded, journal, this);
        states = services.states();
        maxInFlight = services.maxInFlight();
        // In BATCH mode the backend forgets a key as soon as another comes: a key's work is done in one go.
        slice = states.isBatch() ? Integer.MAX_VALUE : SLICE;
        if (getExecutionConfig().isObjectReuseEnabled()) {
            inputCopier = getOperatorConfig().getTypeSerializerIn(0, getUserCodeClassloader());
        }
        @SuppressWarnings("unchecked")
        final TypeSerializer<Object> keySerializer = (TypeSerializer<Object>) getKeyedStateBackend().getKeySerializer();
        keyCopier = keySerializer.isImmutableType() ? null : keySerializer;
        keys = new KeySlots(key -> key);
        outlet = new FlinkOutlet(this, output, states, keys);
        host = new JavaHost(core, services, keys, outlet);
        services.metrics().gauge("numOfHeldWatermarks", core.figures()::heldMarkers);
        oneByOne = states.isBatch();
        getContainingTask().getCancelables().registerCloseable(host::cancel);
        unfinished = new UnfinishedRuns(this, core, keys, services, journal);
        final int restored = unfinished.restore(host);
        if (restored > 0) {
            LOG.info("Agent '{}' goes on with the unfinished inputs of {} keys", agentName, restored);
            schedulePump();
        }
    }

    @Override
    public void close() throws Exception {
        ended = true;
        try {
            if (host != null) {
                host.close();
            }
        } finally {
            if (core != null) {
                core.close();
            }
            super.close();
        }
    }

    // ---- inputs

    /**
     * {@inheritDoc}
     *
     * <p>The key may be the record or a part of it, which actions may change, or Flink with object reuse. Flink's state and
     * this operator keep the key: it has to be a copy.
     */
    @Override
    @SuppressWarnings("rawtypes") // as Flink declares it
    public void setKeyContextElement1(final StreamRecord record) throws Exception {
        keyOfRecord = true;
        try {
            super.setKeyContextElement1(record);
        } finally {
            keyOfRecord = false;
        }
        if (nextKey != null) {
            final Object key = nextKey;
            nextKey = null;
            finishKey();
            outlet.unselect();
            super.setCurrentKey(key);
        }
    }

    @Override
    public void setCurrentKey(final Object key) {
        final boolean changeable =
                keyOfRecord && keyCopier != null && !(key instanceof String || key instanceof Long || key instanceof Integer);
        final Object own = changeable ? keyCopier.copy(key) : key;
        if (keyOfRecord && oneByOne && core.inFlight() > 0 && !own.equals(getCurrentKey())) {
            // The backend would forget the key before, whose runs have not ended.
            nextKey = own;
        } else {
            super.setCurrentKey(own);
        }
    }

    /** No input follows of the only key that there is. */
    private void finishKey() throws Exception {
        host.flush();
        while (core.inFlight() > 0) {
            if (!journal.stopAwaiting()) {
                mailbox.yield();
            }
        }
    }

    @Override
    public void processElement(final StreamRecord<IN> record) throws Exception {
        final IN value = record.getValue();
        final boolean hasTimestamp = record.hasTimestamp();
        final long timestamp = hasTimestamp ? record.getTimestamp() : 0;
        final int slot = keys.acquire(getCurrentKey());
        outlet.selected(slot);
        if (journal != null) {
            journal.opens(slot, getCurrentKey());
        }
        if (encoded) {
            host.input(slot, EncodedEvent.input((byte[]) value, hasTimestamp, timestamp), hasTimestamp, timestamp);
        } else {
            final InputEvent event = new InputEvent(inputCopier == null ? value : inputCopier.copy(value));
            if (hasTimestamp) {
                event.setSourceTimestamp(timestamp);
            }
            host.input(slot, event, hasTimestamp, timestamp);
        }
        pump();
        keys.settle();
        // With a journal the inputs of a key may have to change places, so that they are finished together.
        if (oneByOne && journal == null) {
            finishAll();
        }
        while (core.inFlight() > maxInFlight || host.isBehind()) {
            outlet.takesNoMore(maxInFlight);
            mailbox.yield();
        }
    }

    private void finishAll() throws Exception {
        host.flush();
        while (core.inFlight() > 0) {
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
    public void processRecordAttributes(final RecordAttributes attributes) throws Exception {
        outlet.hold(attributes);
        core.marker(AgentsCore.ATTRIBUTES, 0);
        pump();
    }

    @Override
    public void endInput() throws Exception {
        core.endOfInput();
        pump();
        finishAll();
        // A worker has little time for it once the task has ended.
        for (host.flush(); host.isTelling(); host.flush()) {
            mailbox.yield();
        }
    }

    // ---- effects

    private void schedulePump() {
        if (pumpScheduled || ended) {
            return;
        }
        pumpScheduled = true;
        mail(this::pumpMail);
    }

    /** Something that actions wait for is over. Called by any thread. */
    void wakeUp() {
        mail(this::goOn);
    }

    /** The input of a run that the journal knows did not come in time. */
    void awaitOver(final int slot, final long run) throws Exception {
        if (!ended) {
            host.awaitOver(slot, run);
            goOn();
        }
    }

    /** The wait of a task that failed is over. */
    void backoffOver(final long task) throws Exception {
        if (!ended) {
            host.backoffOver(task);
            goOn();
        }
    }

    String agentName() {
        return agentName;
    }

    ProcessingTimeService processingTime() {
        return getProcessingTimeService();
    }

    private void mail(final ThrowingRunnable<Exception> work) {
        try {
            mailbox.execute(work, "go on with agent " + agentName);
        } catch (final RejectedExecutionException e) {
            LOG.debug("Agent '{}' is closed: nothing goes on", agentName);
        }
    }

    private void pumpMail() throws Exception {
        pumpScheduled = false;
        goOn();
    }

    private void goOn() throws Exception {
        if (!ended) {
            outlet.unselect();
            // What comes after the snapshot of a job that stops would happen again after a restore.
            if (frozenBy == NEVER) {
                host.receive();
            }
            pump();
        }
    }

    /** Runs a bounded number of actions; the rest follows in a mail. */
    private void pump() throws Exception {
        if (host.pump(slice)) {
            schedulePump();
        }
    }

    // ---- checkpoints

    @Override
    public OperatorSnapshotFutures snapshotState(
            final long checkpointId,
            final long timestamp,
            final CheckpointOptions options,
            final CheckpointStreamFactory factory)
            throws Exception {
        final OperatorSnapshotFutures futures = super.snapshotState(checkpointId, timestamp, options, factory);
        final SnapshotType type = options.getCheckpointType();
        if (journal != null && type.isSavepoint()) {
            // After a failure the checkpoint before it is restored.
            journal.forget(checkpointId);
        }
        if (type.isSavepoint() && ((SavepointType) type).isSynchronous()) {
            // The job stops here: what ran on would happen again after a restore.
            core.freeze();
            frozenBy = checkpointId;
        }
        return futures;
    }

    @Override
    public void snapshotState(final StateSnapshotContext context) throws Exception {
        super.snapshotState(context);
        // Before, not after: the next mail has to set its key also when storing fails.
        outlet.unselect();
        unfinished.store();
        if (journal != null) {
            journal.store(context.getCheckpointId());
        }
    }

    @Override
    public void notifyCheckpointComplete(final long checkpointId) throws Exception {
        super.notifyCheckpointComplete(checkpointId);
        if (journal != null && !ended) {
            journal.completed(checkpointId);
        }
    }

    @Override
    public void notifyCheckpointAborted(final long checkpointId) throws Exception {
        super.notifyCheckpointAborted(checkpointId);
        if (journal != null) {
            journal.forget(checkpointId);
        }
        if (checkpointId == frozenBy) {
            frozenBy = NEVER;
            core.thaw();
            schedulePump();
        }
    }
}
