package org.apache.flink.agents.runtime.host;

import java.util.Arrays;
import org.apache.flink.agents.core.value.ValueTags;

/** A memory value that a Python action wrote: plain data that nobody has opened. */
public final class EncodedValue {
    private final byte[] bytes;

    EncodedValue(final byte[] bytes) {
        this.bytes = bytes;
    }

    byte[] bytes() {
        return bytes;
    }

    /** The value as it lies in Flink's state: format version, value. The same as if a Java action had written it. */
    public byte[] stored() {
        final byte[] stored = new byte[bytes.length + 1];
        stored[0] = ValueTags.FORMAT_VERSION;
        System.arraycopy(bytes, 0, stored, 1, bytes.length);
        return stored;
    }

    /** The value as Java's actions see it. */
    static Object open(final Object value) {
        return value instanceof EncodedValue ? PlainData.decode(((EncodedValue) value).bytes, 0) : value;
    }

    @Override
    public boolean equals(final Object other) {
        return other instanceof EncodedValue && Arrays.equals(((EncodedValue) other).bytes, bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
        return "encoded value of " + bytes.length + " bytes";
    }
}
