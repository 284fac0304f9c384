package org.apache.flink.agents.core;

/** The unfinished runs of one key, to be stored: the core's bytes, and the host's values in the order the core expects. */
public final class KeySnapshot {
    private final byte[] bytes;
    private final Object[] values;

    /**
     * @param bytes the core's part, as it came from {@link AgentsCore#snapshotKey}
     * @param values the host's part: events first, then memory values
     */
    public KeySnapshot(final byte[] bytes, final Object[] values) {
        this.bytes = bytes;
        this.values = values;
    }

    /** The core's part: a versioned format with a checksum. */
    public byte[] bytes() {
        return bytes;
    }

    /** The host's part, to be serialised by the host: events first, then memory values. */
    public Object[] values() {
        return values;
    }
}
