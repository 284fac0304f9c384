package org.apache.flink.agents.core.value;

import java.util.Arrays;

/** Looks into an encoded map with text keys without decoding its values. */
public final class EncodedMap {
    private final byte[] bytes;
    private final int count;
    private final int first;

    private int at;
    private int left;
    private int keyStart;
    private int keyLength;
    private int valueStart;

    /**
     * @param bytes plain data: a map with text keys, without a version byte
     * @throws MalformedValueException if it is something else
     */
    public EncodedMap(final byte[] bytes) {
        this.bytes = bytes;
        final int tag = bytes.length == 0 ? -1 : bytes[0];
        if (tag != ValueTags.MAP && tag != ValueTags.HASH_MAP && tag != ValueTags.FROZEN_MAP) {
            throw new MalformedValueException(0, "no map with text keys");
        }
        at = 1;
        count = length();
        first = at;
        left = count;
    }

    /** Goes to the next entry; false when there is none. */
    public boolean next() {
        if (left == 0) {
            return false;
        }
        left--;
        keyLength = length();
        keyStart = at;
        at = to(at, keyLength);
        valueStart = at;
        skip(0);
        return true;
    }

    /** Goes before the first entry. */
    public void rewind() {
        at = first;
        left = count;
    }

    /** Whether the entry's key is this text, given in UTF-8. */
    public boolean keyIs(final byte[] utf8) {
        return Arrays.equals(bytes, keyStart, keyStart + keyLength, utf8, 0, utf8.length);
    }

    /** The entry's value, still encoded. */
    public byte[] value() {
        return Arrays.copyOfRange(bytes, valueStart, at);
    }

    /** Writes the entry, key and value, as it is. */
    public void copyTo(final ValueWriter out) {
        out.writeLength(keyLength);
        out.writeRaw(bytes, keyStart, at - keyStart);
    }

    private void skip(final int depth) {
        if (depth > ValueTags.MAX_DEPTH) {
            throw new MalformedValueException(at, "values nest deeper than " + ValueTags.MAX_DEPTH + " levels");
        }
        final int tagAt = at;
        at = to(at, 1);
        final int tag = bytes[tagAt];
        switch (tag) {
            case ValueTags.NULL:
            case ValueTags.FALSE:
            case ValueTags.TRUE:
                break;
            case ValueTags.I8:
                at = to(at, 1);
                break;
            case ValueTags.I16:
            case ValueTags.CHAR:
                at = to(at, 2);
                break;
            case ValueTags.I32:
            case ValueTags.F32:
                at = to(at, 4);
                break;
            case ValueTags.I64:
            case ValueTags.F64:
            case ValueTags.DATE:
            case ValueTags.TIME:
                at = to(at, 8);
                break;
            case ValueTags.INSTANT:
            case ValueTags.DURATION:
                at = to(at, 12);
                break;
            case ValueTags.UUID:
            case ValueTags.DATE_TIME:
                at = to(at, 16);
                break;
            case ValueTags.OFFSET_DATE_TIME:
                at = to(at, 20);
                break;
            case ValueTags.ZONED_DATE_TIME:
                at = to(at, 20);
                span(1);
                break;
            case ValueTags.BIG_DECIMAL:
                at = to(at, 4);
                span(1);
                break;
            case ValueTags.TEXT:
            case ValueTags.BYTES:
            case ValueTags.BIG_INT:
            case ValueTags.BOOL_ARRAY:
                span(1);
                break;
            case ValueTags.WTF16:
            case ValueTags.I16_ARRAY:
            case ValueTags.CHAR_ARRAY:
                span(2);
                break;
            case ValueTags.I32_ARRAY:
            case ValueTags.F32_ARRAY:
                span(4);
                break;
            case ValueTags.I64_ARRAY:
            case ValueTags.F64_ARRAY:
                span(8);
                break;
            case ValueTags.MAP:
            case ValueTags.HASH_MAP:
            case ValueTags.FROZEN_MAP:
                for (int entries = length(); entries > 0; entries--) {
                    span(1);
                    skip(depth + 1);
                }
                break;
            case ValueTags.TABLE:
            case ValueTags.HASH_TABLE:
            case ValueTags.FROZEN_TABLE:
                for (int entries = length(); entries > 0; entries--) {
                    skip(depth + 1);
                    skip(depth + 1);
                }
                break;
            case ValueTags.LIST:
            case ValueTags.SET:
            case ValueTags.HASH_SET:
            case ValueTags.FROZEN_LIST:
            case ValueTags.FROZEN_SET:
            case ValueTags.OBJECT_ARRAY:
            case ValueTags.TEXT_ARRAY:
                for (int items = length(); items > 0; items--) {
                    skip(depth + 1);
                }
                break;
            default:
                if (tag < ValueTags.HOST_FIRST || tag > ValueTags.HOST_LAST) {
                    throw new MalformedValueException(tagAt, "tag " + tag + ", which no release has written");
                }
                span(1);
        }
    }

    private void span(final int size) {
        final long length = (long) length() * size;
        at = to(at, length > Integer.MAX_VALUE ? Integer.MAX_VALUE : (int) length);
    }

    private int to(final int from, final int length) {
        if (length < 0 || length > bytes.length - from) {
            throw new MalformedValueException(from, "cut off");
        }
        return from + length;
    }

    private int length() {
        int length = 0;
        for (int shift = 0; shift < 35; shift += 7) {
            at = to(at, 1);
            final int next = bytes[at - 1];
            length |= (next & 0x7F) << shift;
            if (next >= 0) {
                return length;
            }
        }
        throw new MalformedValueException(at, "no length");
    }
}
