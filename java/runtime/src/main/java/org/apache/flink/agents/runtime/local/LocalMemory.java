package org.apache.flink.agents.runtime.local;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.runtime.value.BlobCodec;

/**
 * Short-term memory of all keys, in this JVM. Values are kept encoded, as on a cluster: what an action reads in a later
 * run is a copy, and a value that could not come back from Flink's state fails here as well.
 */
final class LocalMemory implements StoredMemory {
    private static final byte[] OBJECT_NODE = {};

    private final BlobCodec codec;
    private final Map<Object, Map<String, byte[]>> nodes = new HashMap<>();
    private Map<String, byte[]> selected = Map.of();
    private Object selectedKey;

    LocalMemory(final BlobCodec codec) {
        this.codec = codec;
    }

    /** Everything that follows is about this key. */
    void select(final Object key) {
        if (!key.equals(selectedKey)) {
            selectedKey = key;
            selected = nodes.getOrDefault(key, Map.of());
        }
    }

    @Override
    public Object load(final String path) {
        final byte[] stored = selected.get(path);
        if (stored == null) {
            return StoredMemory.ABSENT;
        }
        return stored == OBJECT_NODE ? StoredMemory.OBJECT : codec.decodeOne(stored);
    }

    @Override
    public Iterable<String> paths(final String prefix) {
        final List<String> paths = new ArrayList<>();
        for (final String path : selected.keySet()) {
            if (path.startsWith(prefix)) {
                paths.add(path);
            }
        }
        return paths;
    }

    /** Writes a node of the selected key: an object, a value, or nothing. */
    void write(final String path, final int node, final Object value) {
        if (node == AgentsCore.NODE_ABSENT) {
            selected.remove(path);
            return;
        }
        selected = nodes.computeIfAbsent(selectedKey, key -> new TreeMap<>());
        selected.put(path, node == AgentsCore.NODE_VALUE ? codec.encodeOne(value) : OBJECT_NODE);
    }
}
