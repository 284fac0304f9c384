package org.apache.flink.agents.runtime.operator;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ScheduledFuture;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.EventAccess;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.CoreJournal;
import org.apache.flink.agents.core.JournalSubtask;
import org.apache.flink.agents.runtime.host.EncodedEvent;
import org.apache.flink.agents.runtime.host.JournalOutlet;
import org.apache.flink.agents.runtime.value.BlobCodec;
import org.apache.flink.api.common.TaskInfo;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.streaming.runtime.tasks.ProcessingTimeService;

/**
 * The journal of a subtask, as far as Flink keeps something for it: which job's records to read and from where (operator
 * state {@value #STATE}, a union list with one entry for each subtask), and the number of each key's next run (keyed state
 * {@value #SEQUENCE}).
 *
 * <p>Used on the mailbox thread.
 */
final class OperatorJournal implements JournalOutlet {
    static final String STATE = "journal";
    static final String SEQUENCE = "sequence";

    private final AgentOperator<?> operator;
    private final ListState<byte[]> state;
    private final List<byte[]> restored = new ArrayList<>();
    /** What checkpoints that are not complete have of this subtask. */
    private final TreeMap<Long, byte[]> checkpoints = new TreeMap<>();
    /** The same of complete ones that are retained. */
    private final TreeMap<Long, byte[]> retained = new TreeMap<>();
    private final DataOutputSerializer keyBytes = new DataOutputSerializer(64);
    /** Slots of keys that the core knows. */
    private final BitSet open = new BitSet();
    private final Map<Integer, Awaited> awaited = new HashMap<>();

    private CoreJournal core;
    private BlobCodec codec;
    private InputDigest digest;
    private long patience;
    private int maxParallelism;
    private int retainedCheckpoints;
    private ValueState<Long> sequence;
    private TypeSerializer<Object> keySerializer;

    /** A run whose input is waited for. */
    private static final class Awaited {
        private final long run;
        private final ScheduledFuture<?> timer;

        Awaited(final long run, final ScheduledFuture<?> timer) {
            this.run = run;
            this.timer = timer;
        }
    }

    /** Takes what the restored checkpoint has. */
    OperatorJournal(final AgentOperator<?> operator, final StateInitializationContext context) throws Exception {
        this.operator = operator;
        state =
                context.getOperatorStateStore()
                        .getUnionListState(new ListStateDescriptor<>(STATE, BytePrimitiveArraySerializer.INSTANCE));
        for (final byte[] entry : state.get()) {
            restored.add(entry);
        }
    }

    /** Opens the core; the store is read from now on. */
    @SuppressWarnings("unchecked") // of the operator's own keys
    AgentsCore open(final byte[] plan, final byte[] nonce) {
        if (nonce == null) {
            throw new IllegalStateException(
                    "This job was built by a release that has no journal, and option actionStateStoreBackend is set: build and"
                            + " submit it again");
        }
        final TaskInfo task = operator.getRuntimeContext().getTaskInfo();
        maxParallelism = task.getMaxNumberOfParallelSubtasks();
        final KeyGroupRange range =
                KeyGroupRangeAssignment.computeKeyGroupRangeForOperatorIndex(
                        maxParallelism, task.getNumberOfParallelSubtasks(), task.getIndexOfThisSubtask());
        keySerializer = (TypeSerializer<Object>) operator.<Object>getKeyedStateBackend().getKeySerializer();
        sequence = operator.getRuntimeContext().getState(new ValueStateDescriptor<>(SEQUENCE, LongSerializer.INSTANCE));
        retainedCheckpoints =
                Math.max(
                        1,
                        operator.getContainingTask()
                                .getEnvironment()
                                .getTaskManagerInfo()
                                .getConfiguration()
                                .get(CheckpointingOptions.MAX_RETAINED_CHECKPOINTS));
        final JournalSubtask subtask =
                new JournalSubtask(
                        nonce,
                        operator.getOperatorID().toString(),
                        maxParallelism,
                        range.getStartKeyGroup(),
                        range.getEndKeyGroup(),
                        restored);
        final AgentsCore opened = AgentsCore.openJournalled(plan, subtask, operator::wakeUp);
        core = opened.journal();
        patience = core.reorderTimeoutMs();
        restored.clear();
        return opened;
    }

    void configure(final BlobCodec values, final InputDigest inputs) {
        codec = values;
        digest = inputs;
    }

    // ---- keys

    /** A key, Flink's current one, has got a slot, perhaps long ago. */
    void opens(final int slot, final Object key) throws Exception {
        if (open.get(slot)) {
            return;
        }
        open.set(slot);
        keyBytes.clear();
        keySerializer.serialize(key, keyBytes);
        final Long next = sequence.value();
        core.openKey(
                slot,
                KeyGroupRangeAssignment.assignToKeyGroup(key, maxParallelism),
                keyBytes.getCopyOfBuffer(),
                next == null ? 0 : next);
    }

    @Override
    public void runEnded(final int slot, final long ended, final boolean idle) throws Exception {
        sequence.update(ended + 1);
        if (idle) {
            open.clear(slot);
            final Awaited former = awaited.remove(slot);
            if (former != null) {
                former.timer.cancel(false);
            }
        }
    }

    /** Whether the core knows the key of a slot. */
    boolean isOpen(final int slot) {
        return open.get(slot);
    }

    @Override
    public BlobCodec codec() {
        return codec;
    }

    @Override
    @Nullable
    public byte[] digest(final Object event) {
        return event instanceof EncodedEvent
                ? digest.ofBytes(((EncodedEvent) event).attributes())
                : digest.of(EventAccess.singleValue((InputEvent) event));
    }

    @Override
    public void awaitInput(final int slot, final long run) {
        final ProcessingTimeService time = operator.processingTime();
        final ScheduledFuture<?> timer =
                time.registerTimer(time.getCurrentProcessingTime() + patience, at -> {
                    awaited.remove(slot);
                    operator.awaitOver(slot, run);
                });
        final Awaited former = awaited.put(slot, new Awaited(run, timer));
        if (former != null) {
            former.timer.cancel(false);
        }
    }

    /** Inputs that are waited for will not come; false if none was. */
    boolean stopAwaiting() throws Exception {
        final Map<Integer, Awaited> all = new HashMap<>(awaited);
        awaited.clear();
        for (final Map.Entry<Integer, Awaited> entry : all.entrySet()) {
            entry.getValue().timer.cancel(false);
            operator.awaitOver(entry.getKey(), entry.getValue().run);
        }
        return !all.isEmpty();
    }

    // ---- checkpoints

    /** Puts what a checkpoint has to hold into the state. After the snapshots of keys. */
    void store(final long checkpoint) throws Exception {
        final byte[] now = core.state();
        state.update(List.of(now));
        checkpoints.put(checkpoint, now);
    }

    /** A checkpoint will not be restored after a failure: it was aborted, or is a savepoint, which others outlive. */
    void forget(final long checkpoint) {
        checkpoints.remove(checkpoint);
    }

    /** What only checkpoints need that were replaced may go. */
    void completed(final long checkpoint) {
        final byte[] complete = checkpoints.remove(checkpoint);
        checkpoints.headMap(checkpoint).clear();
        if (complete == null) {
            return;
        }
        retained.put(checkpoint, complete);
        while (retained.size() > retainedCheckpoints) {
            retained.pollFirstEntry();
        }
        if (retained.size() == retainedCheckpoints) {
            core.prune(retained.firstEntry().getValue());
        }
    }
}
