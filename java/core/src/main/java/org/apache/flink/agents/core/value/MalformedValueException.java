package org.apache.flink.agents.core.value;

/** Bytes are not a value of a known format version; the message says where and why. */
public final class MalformedValueException extends ValueException {

    private final int offset;

    /**
     * @param offset the byte at which reading failed, from the start of the value
     * @param problem what is wrong there
     */
    public MalformedValueException(final int offset, final String problem) {
        this(offset, problem, null);
    }

    /** As the other constructor, with the failure behind it. */
    public MalformedValueException(final int offset, final String problem, final Throwable cause) {
        super("Stored value is malformed at byte " + offset + ": " + problem, cause);
        this.offset = offset;
    }

    /** The byte at which reading failed, from the start of the value. */
    public int offset() {
        return offset;
    }
}
