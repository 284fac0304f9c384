package org.apache.flink.agents.runtime.local;

/** One input of a run without Flink. */
public final class LocalInput {
    private final Object key;
    private final Object value;

    /**
     * @param key not null
     * @param value not null
     */
    public LocalInput(final Object key, final Object value) {
        this.key = key;
        this.value = value;
    }

    /** Inputs with equal keys run one after another and share memory. */
    public Object key() {
        return key;
    }

    /** What the input event carries. */
    public Object value() {
        return value;
    }
}
