package org.apache.flink.agents.runtime.operator;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.AgentsCoreException;
import org.apache.flink.agents.core.KeySnapshot;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.runtime.host.EncodedValue;
import org.apache.flink.agents.runtime.value.BlobCodec;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.StateTtlConfig;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.runtime.state.KeyedStateBackend;

/**
 * The two keyed states of an agent, always those of Flink's current key.
 *
 * <ul>
 *   <li>{@value #IN_FLIGHT}: {@code byte[]}, the unfinished runs of the key; exists only while there are some. A format
 *       version (1), the length of the core's part (int, big-endian), the core's part, the values' part.
 *   <li>{@value #SHORT_TERM_MEMORY}: {@code Map<String, byte[]>}, one entry for each node by dotted path: a format version (1)
 *       alone for an object, or an encoded value (see {@link BlobCodec}).
 * </ul>
 *
 * Both use Flink's own serializers, so that any tool that reads Flink state can read them.
 */
final class KeyedStates implements StoredMemory {
    static final String IN_FLIGHT = "inflight";
    static final String SHORT_TERM_MEMORY = "shortTermMemory";

    private static final byte FORMAT = 1;
    private static final byte[] OBJECT_NODE = {FORMAT};

    private final ValueState<byte[]> inFlight;
    private final MapState<String, byte[]> shortTerm;
    private final BlobCodec codec;
    private final boolean batch;
    private final boolean expiring;
    private final boolean renewedByReads;

    KeyedStates(
            final RuntimeContext context,
            final KeyedStateBackend<?> backend,
            final BlobCodec codec,
            final AgentOptions options) {
        this.codec = codec;
        // By name: the class is not part of Flink's API and may move.
        batch = backend.getClass().getSimpleName().equals("BatchExecutionKeyedStateBackend");
        inFlight = context.getState(new ValueStateDescriptor<>(IN_FLIGHT, BytePrimitiveArraySerializer.INSTANCE));
        final MapStateDescriptor<String, byte[]> memory =
                new MapStateDescriptor<>(
                        SHORT_TERM_MEMORY, StringSerializer.INSTANCE, BytePrimitiveArraySerializer.INSTANCE);
        expiring = options.shortTermMemoryTtlMs() > 0;
        if (expiring) {
            memory.enableTimeToLive(
                    StateTtlConfig.newBuilder(Duration.ofMillis(options.shortTermMemoryTtlMs()))
                            .setUpdateType(options.ttlUpdateType())
                            .setStateVisibility(options.ttlVisibility())
                            .cleanupFullSnapshot()
                            .build());
        }
        renewedByReads = expiring && options.ttlUpdateType() == StateTtlConfig.UpdateType.OnReadAndWrite;
        shortTerm = context.getMapState(memory);
    }

    /** Whether the backend keeps one key at a time. */
    boolean isBatch() {
        return batch;
    }

    // ---- short-term memory

    @Override
    public Object load(final String path) throws Exception {
        final byte[] stored = shortTerm.get(path);
        if (stored == null) {
            return StoredMemory.ABSENT;
        }
        if (renewedByReads) {
            touchParents(path);
        }
        return stored.length == 1 && stored[0] == FORMAT ? StoredMemory.OBJECT : codec.decodeOne(stored);
    }

    @Override
    public Iterable<String> paths(final String prefix) throws Exception {
        final List<String> paths = new ArrayList<>();
        for (final String path : shortTerm.keys()) {
            if (path.startsWith(prefix)) {
                paths.add(path);
            }
        }
        return paths;
    }

    void writeMemory(final String path, final int node, final Object value) throws Exception {
        if (node == AgentsCore.NODE_ABSENT) {
            shortTerm.remove(path);
            return;
        }
        shortTerm.put(path, node == AgentsCore.NODE_VALUE ? encode(value) : OBJECT_NODE);
        if (expiring) {
            touchParents(path);
        }
    }

    private byte[] encode(final Object value) {
        return value instanceof EncodedValue ? ((EncodedValue) value).stored() : codec.encodeOne(value);
    }

    /** An object must not expire before what is below it. */
    private void touchParents(final String path) throws Exception {
        for (int dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
            shortTerm.put(path.substring(0, dot), OBJECT_NODE);
        }
    }

    // ---- unfinished runs

    void writeInFlight(final KeySnapshot snapshot) throws Exception {
        final byte[] values = codec.encodeValues(snapshot.values(), snapshot.values().length);
        final ByteBuffer out = ByteBuffer.allocate(5 + snapshot.bytes().length + values.length);
        out.put(FORMAT).putInt(snapshot.bytes().length).put(snapshot.bytes()).put(values);
        inFlight.update(out.array());
    }

    KeySnapshot readInFlight() throws Exception {
        final byte[] stored = inFlight.value();
        final ByteBuffer in = ByteBuffer.wrap(stored);
        if (stored.length < 5 || in.get() != FORMAT) {
            throw new AgentsCoreException(
                    "it holds something else than unfinished runs of this release (first byte "
                            + (stored.length == 0 ? "missing" : stored[0])
                            + "); restore with the release that wrote it, or start without this state");
        }
        final int length = in.getInt();
        if (length < 0 || length > in.remaining()) {
            throw new AgentsCoreException(
                    "it is damaged: it announces " + length + " bytes, " + in.remaining() + " follow");
        }
        final byte[] core = Arrays.copyOfRange(stored, 5, 5 + length);
        return new KeySnapshot(core, codec.decodeValues(Arrays.copyOfRange(stored, 5 + length, stored.length)));
    }

    void deleteInFlight() {
        inFlight.clear();
    }
}
