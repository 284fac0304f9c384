package org.apache.flink.agents.runtime.host;

import java.nio.charset.StandardCharsets;

/** A record that comes from Python: length of the key's text (4 bytes, least significant first), key, payload. */
public final class EncodedRecord {
    private EncodedRecord() {}

    /**
     * The key's text.
     *
     * @throws IllegalArgumentException if the bytes are no such record
     */
    public static String key(final byte[] record) {
        return new String(record, 4, keyLength(record), StandardCharsets.UTF_8);
    }

    /** Where the payload begins. */
    static int payload(final byte[] record) {
        return 4 + keyLength(record);
    }

    private static int keyLength(final byte[] record) {
        final int length =
                record.length < 4
                        ? -1
                        : (record[0] & 0xFF)
                                | (record[1] & 0xFF) << 8
                                | (record[2] & 0xFF) << 16
                                | (record[3] & 0xFF) << 24;
        if (length < 0 || length >= record.length - 4) {
            throw new IllegalArgumentException(
                    "A record of "
                            + record.length
                            + " bytes is not one that the Python API of this build has encoded: take the Python package and"
                            + " the jar from one release");
        }
        return length;
    }
}
