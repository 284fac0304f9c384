package org.example.embedding;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.KeySnapshot;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.core.value.ValueCodec;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;

/** The core's two keyed states, always those of Flink's current key: short-term memory and unfinished runs. */
final class CoreState implements StoredMemory {
    static final String UNFINISHED = "unfinished";

    private static final byte[] OBJECT_NODE = {};

    private final ValueCodec codec = new ValueCodec();
    private final MapState<String, byte[]> memory;
    private final ValueState<byte[]> unfinished;

    CoreState(final RuntimeContext context) {
        memory =
                context.getMapState(
                        new MapStateDescriptor<>("memory", StringSerializer.INSTANCE, BytePrimitiveArraySerializer.INSTANCE));
        unfinished = context.getState(new ValueStateDescriptor<>(UNFINISHED, BytePrimitiveArraySerializer.INSTANCE));
    }

    @Override
    public Object load(final String path) throws Exception {
        final byte[] stored = memory.get(path);
        if (stored == null) {
            return StoredMemory.ABSENT;
        }
        return stored.length == 0 ? StoredMemory.OBJECT : codec.decode(stored);
    }

    @Override
    public Iterable<String> paths(final String prefix) throws Exception {
        return memory.keys();
    }

    void writeMemory(final String path, final int node, final Object value) throws Exception {
        if (node == AgentsCore.NODE_ABSENT) {
            memory.remove(path);
        } else {
            memory.put(path, node == AgentsCore.NODE_OBJECT ? OBJECT_NODE : codec.encode(value));
        }
    }

    void writeUnfinished(final KeySnapshot snapshot) throws Exception {
        final byte[] values = codec.encode(new ArrayList<>(Arrays.asList(snapshot.values())));
        final ByteBuffer out = ByteBuffer.allocate(4 + snapshot.bytes().length + values.length);
        unfinished.update(out.putInt(snapshot.bytes().length).put(snapshot.bytes()).put(values).array());
    }

    KeySnapshot readUnfinished() throws Exception {
        final ByteBuffer in = ByteBuffer.wrap(unfinished.value());
        final byte[] core = new byte[in.getInt()];
        in.get(core);
        final byte[] values = new byte[in.remaining()];
        in.get(values);
        return new KeySnapshot(core, ((List<?>) codec.decode(values)).toArray());
    }

    void deleteUnfinished() {
        unfinished.clear();
    }
}
