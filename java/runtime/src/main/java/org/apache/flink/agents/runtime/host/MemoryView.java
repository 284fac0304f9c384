package org.apache.flink.agents.runtime.host;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.MemoryRef;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.StoredMemory;

/** A node of sensory or short-term memory, as the running action sees it. The rules are the core's. */
final class MemoryView implements MemoryObject {
    private final ActionContext context;
    private final int memory;
    private final String path;

    MemoryView(final ActionContext context, final int memory, final String path) {
        this.context = context;
        this.memory = memory;
        this.path = path;
    }

    private String below(final String name) {
        if (name == null) {
            throw new IllegalArgumentException("A memory path is null");
        }
        return path.isEmpty() ? name : path + '.' + name;
    }

    private Object node(final String at) throws Exception {
        return EncodedValue.open(context.memoryGet(memory, at));
    }

    @Override
    public MemoryObject get(final String name) throws Exception {
        final String at = below(name);
        final Object node = node(at);
        if (node == StoredMemory.ABSENT) {
            return null;
        }
        if (node == StoredMemory.OBJECT) {
            return new MemoryView(context, memory, at);
        }
        context.gotFromMemory(memory, at, node);
        return new Leaf(at, node);
    }

    @Override
    public MemoryObject get(final MemoryRef ref) throws Exception {
        return get(ref.getPath());
    }

    @Override
    public MemoryRef set(final String name, final Object value) throws Exception {
        final String at = below(name);
        context.memorySet(memory, at, value);
        return MemoryRef.create(type(), at);
    }

    @Override
    public MemoryObject newObject(final String name, final boolean overwrite) throws Exception {
        final String at = below(name);
        context.memoryNewObject(memory, at, overwrite);
        return new MemoryView(context, memory, at);
    }

    @Override
    public boolean isExist(final String name) {
        try {
            return node(below(name)) != StoredMemory.ABSENT;
        } catch (final RuntimeException e) {
            throw e;
        } catch (final Exception e) {
            throw new IllegalStateException("The short-term memory cannot be read: " + e.getMessage(), e);
        }
    }

    @Override
    public List<String> getFieldNames() throws Exception {
        return context.memoryChildren(memory, path);
    }

    @Override
    public Map<String, Object> getFields() throws Exception {
        final Map<String, Object> fields = new LinkedHashMap<>();
        for (final String name : getFieldNames()) {
            final String at = below(name);
            final Object node = node(at);
            if (node == StoredMemory.OBJECT) {
                fields.put(name, "NestedObject");
            } else {
                context.gotFromMemory(memory, at, node);
                fields.put(name, node);
            }
        }
        return fields;
    }

    @Override
    public Object getValue() {
        return null;
    }

    @Override
    public boolean isNestedObject() {
        return true;
    }

    private MemoryType type() {
        return memory == AgentsCore.SENSORY ? MemoryType.SENSORY : MemoryType.SHORT_TERM;
    }

    /** A node with a value: what was read stays readable, also after the action. */
    private final class Leaf implements MemoryObject {
        private final String at;
        private final Object value;

        Leaf(final String at, final Object value) {
            this.at = at;
            this.value = value;
        }

        @Override
        public Object getValue() {
            return value;
        }

        @Override
        public boolean isNestedObject() {
            return false;
        }

        @Override
        public MemoryObject get(final String name) {
            return null;
        }

        @Override
        public MemoryObject get(final MemoryRef ref) {
            return null;
        }

        @Override
        public MemoryRef set(final String name, final Object newValue) throws Exception {
            return new MemoryView(context, memory, at).set(name, newValue);
        }

        @Override
        public MemoryObject newObject(final String name, final boolean overwrite) throws Exception {
            return new MemoryView(context, memory, at).newObject(name, overwrite);
        }

        @Override
        public boolean isExist(final String name) {
            return false;
        }

        @Override
        public List<String> getFieldNames() {
            throw new IllegalArgumentException("\"" + at + "\" is not an object: it has no fields");
        }

        @Override
        public Map<String, Object> getFields() {
            throw new IllegalArgumentException("\"" + at + "\" is not an object: it has no fields");
        }
    }
}
