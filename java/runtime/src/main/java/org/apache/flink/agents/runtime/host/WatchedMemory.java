package org.apache.flink.agents.runtime.host;

import org.apache.flink.agents.core.StoredMemory;

/** Stored memory that remembers whether it was the one to fail, so that its failures are not taken for those of an action. */
final class WatchedMemory implements StoredMemory {
    private final StoredMemory memory;
    private Exception failure;

    WatchedMemory(final StoredMemory memory) {
        this.memory = memory;
    }

    /** Whether this is what the memory threw. */
    boolean threw(final Exception thrown) {
        return failure != null && failure == thrown;
    }

    @Override
    public Object load(final String path) throws Exception {
        try {
            return memory.load(path);
        } catch (final Exception e) {
            failure = e;
            throw e;
        }
    }

    @Override
    public Iterable<String> paths(final String prefix) throws Exception {
        try {
            return memory.paths(prefix);
        } catch (final Exception e) {
            failure = e;
            throw e;
        }
    }
}
