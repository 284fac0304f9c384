package org.apache.flink.agents.core.value;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import java.util.UUID;

/**
 * Writes values into a buffer of its own that grows and is used again. After an exception the buffer holds a part of a
 * value: {@link #reset()} or {@link #cut} it. For use by one thread.
 */
public final class ValueWriter {

    private static final VarHandle SHORT = view(short[].class);
    private static final VarHandle INT = view(int[].class);
    private static final VarHandle LONG = view(long[].class);
    /** A buffer that one large value has grown beyond this is not kept. */
    private static final int LARGEST_KEPT = 1 << 20;

    private static final int LARGEST = Integer.MAX_VALUE - 16;

    private final ForeignValues foreign;
    private byte[] buffer = new byte[256];
    private int at;
    private int depth;

    /** @param foreign writes all that is not plain data */
    public ValueWriter(final ForeignValues foreign) {
        this.foreign = foreign;
    }

    /** Forgets what was written. */
    public void reset() {
        if (buffer.length > LARGEST_KEPT) {
            buffer = new byte[256];
        }
        at = 0;
        depth = 0;
    }

    /** Forgets what was written after {@link #size()} was this, between whole values. */
    public void cut(final int size) {
        at = Math.min(at, size);
        depth = 0;
    }

    /** Number of bytes written. */
    public int size() {
        return at;
    }

    /** What was written, in a new array. */
    public byte[] toByteArray() {
        return Arrays.copyOf(buffer, at);
    }

    /** The buffer itself: valid up to {@link #size()}, until the next write. Not to be kept or changed. */
    public byte[] buffer() {
        return buffer;
    }

    /**
     * Copies what was written to {@code target} (a direct buffer, for instance) from its position on, and advances it.
     *
     * @throws java.nio.BufferOverflowException if it does not fit, with nothing copied
     */
    public void copyTo(final ByteBuffer target) {
        target.put(buffer, 0, at);
    }

    /**
     * Writes one value, without a version byte.
     *
     * @param value may be null
     * @throws UnsupportedValueException if it, or a part of it, could not come back; names the path to the part
     */
    public void writeValue(final Object value) {
        if (value == null) {
            writeByte(ValueTags.NULL);
            return;
        }
        final Class<?> type = value.getClass();
        // The commonest first: their checks cost less than the look-up.
        if (type == String.class) {
            writeTaggedText((String) value);
        } else if (type == Long.class) {
            writeTaggedLong(ValueTags.I64, (Long) value);
        } else if (type == Integer.class) {
            writeTaggedInt(ValueTags.I32, (Integer) value);
        } else if (type == Double.class) {
            writeTaggedLong(ValueTags.F64, Double.doubleToRawLongBits((Double) value));
        } else if (type == Boolean.class) {
            writeByte((Boolean) value ? ValueTags.TRUE : ValueTags.FALSE);
        } else {
            writeOther(value, ValueKind.of(type));
        }
    }

    /** Writes one byte. */
    public void writeByte(final int value) {
        require(1);
        buffer[at++] = (byte) value;
    }

    /** Replaces four bytes that were written with {@link #writeInt}, when {@link #size()} was {@code place}. */
    public void setInt(final int place, final int value) {
        if (place < 0 || place > at - Integer.BYTES) {
            throw new IndexOutOfBoundsException("No four bytes were written at " + place + ", of " + at);
        }
        INT.set(buffer, place, value);
    }

    /** Writes four bytes, least significant first. */
    public void writeInt(final int value) {
        require(4);
        INT.set(buffer, at, value);
        at += 4;
    }

    /** Writes eight bytes, least significant first. */
    public void writeLong(final long value) {
        require(8);
        LONG.set(buffer, at, value);
        at += 8;
    }

    /** Writes a length or count, which must not be negative, in one to five bytes. */
    public void writeLength(final int length) {
        require(5);
        int rest = length;
        while (rest >>> 7 != 0) {
            buffer[at++] = (byte) (rest | 0x80);
            rest >>>= 7;
        }
        buffer[at++] = (byte) rest;
    }

    /** Writes bytes as they are. */
    public void writeRaw(final byte[] bytes, final int offset, final int length) {
        require(length);
        System.arraycopy(bytes, offset, buffer, at, length);
        at += length;
    }

    /**
     * Writes text as length and UTF-8, without a tag.
     *
     * @return false, with nothing written, if it has a lone surrogate and so no UTF-8
     */
    public boolean writeText(final String text) {
        final int start = at;
        final int length = text.length();
        // Room for the length and three bytes for each character: the most that UTF-8 takes.
        require(5 + 3L * length);
        writeLength(length);
        final byte[] target = buffer;
        int position = at;
        for (int i = 0; i < length; i++) {
            final char c = text.charAt(i);
            if (c >= 0x80) {
                at = start;
                return writeUnicode(text, i, position);
            }
            target[position++] = (byte) c;
        }
        at = position;
        return true;
    }

    /**
     * Writes a host's value: tag, length and bytes.
     *
     * @param tag from {@link ValueTags#HOST_FIRST} to {@link ValueTags#HOST_LAST}
     */
    public void writeHost(final int tag, final byte[] bytes, final int offset, final int length) {
        writeByte(hostTag(tag));
        writeLength(length);
        writeRaw(bytes, offset, length);
    }

    /**
     * Starts a host's value whose parts are then written here, and may be values themselves.
     *
     * @param tag from {@link ValueTags#HOST_FIRST} to {@link ValueTags#HOST_LAST}
     * @return what {@link #endHost} needs
     */
    public int beginHost(final int tag) {
        return beginHead((byte) hostTag(tag));
    }

    /** Ends what {@link #beginHost} started. */
    public void endHost(final int begun) {
        depth--;
        insertLength(begun, at - begun);
    }

    /**
     * Starts a map whose entries are then written here, each as a name by {@link #writeText} and a value.
     *
     * @return what {@link #endParts} needs
     * @throws UnsupportedValueException if it would lie too deep
     */
    public int beginMap() {
        return beginParts(ValueTags.MAP);
    }

    /**
     * Starts a list whose values are then written here.
     *
     * @return what {@link #endParts} needs
     * @throws UnsupportedValueException if it would lie too deep
     */
    public int beginList() {
        return beginParts(ValueTags.LIST);
    }

    private int beginParts(final byte tag) {
        if (depth >= ValueTags.MAX_DEPTH) {
            throw new UnsupportedValueException(tag == ValueTags.MAP ? Map.class : Collection.class, "it lies too deep");
        }
        return beginHead(tag);
    }

    /** Ends what {@link #beginMap} or {@link #beginList} started, with so many entries or values in it. */
    public void endParts(final int begun, final int count) {
        depth--;
        insertLength(begun, count);
    }

    private int beginHead(final byte tag) {
        require(2);
        buffer[at] = tag;
        at += 2;
        depth++;
        return at;
    }

    /** Writes a length before what was written since. One byte was left for it; the rest moves up where that is too little. */
    private void insertLength(final int begun, final int length) {
        final int end = at;
        final int more = lengthBytes(length) - 1;
        if (more > 0) {
            require(more);
            System.arraycopy(buffer, begun, buffer, begun + more, end - begun);
        }
        at = begun - 1;
        writeLength(length);
        at = end + more;
    }

    /** Where writing has come to, for {@link #back}. */
    public long mark() {
        return (long) depth << Integer.SIZE | at;
    }

    /** Forgets what was written since a {@link #mark()}, whether it is whole or not. */
    public void back(final long mark) {
        at = (int) mark;
        depth = (int) (mark >>> Integer.SIZE);
    }

    private void writeOther(final Object value, final byte kind) {
        switch (kind) {
            case ValueTags.I8:
                writeByte(kind);
                writeByte((Byte) value);
                break;
            case ValueTags.I16:
                writeTaggedShort(kind, (Short) value);
                break;
            case ValueTags.CHAR:
                writeTaggedShort(kind, (short) (char) (Character) value);
                break;
            case ValueTags.F32:
                writeTaggedInt(kind, Float.floatToRawIntBits((Float) value));
                break;
            case ValueTags.BYTES:
                writeByte(kind);
                writeLength(((byte[]) value).length);
                writeRaw((byte[]) value, 0, ((byte[]) value).length);
                break;
            case ValueTags.LIST:
            case ValueTags.SET:
            case ValueTags.HASH_SET:
            case ValueTags.FROZEN_LIST:
            case ValueTags.FROZEN_SET:
                writeItems(kind, (Collection<?>) value);
                break;
            case ValueTags.OBJECT_ARRAY:
            case ValueTags.TEXT_ARRAY:
                writeItems(kind, Arrays.asList((Object[]) value));
                break;
            case ValueTags.MAP:
            case ValueTags.HASH_MAP:
            case ValueTags.FROZEN_MAP:
                writeMap(kind, (Map<?, ?>) value);
                break;
            case ValueTags.BIG_INT:
                writeByte(kind);
                writeBigInteger((BigInteger) value);
                break;
            case ValueTags.BIG_DECIMAL:
                writeTaggedInt(kind, ((BigDecimal) value).scale());
                writeBigInteger(((BigDecimal) value).unscaledValue());
                break;
            case ValueTags.UUID:
                writeTaggedLong(kind, ((UUID) value).getLeastSignificantBits());
                writeLong(((UUID) value).getMostSignificantBits());
                break;
            case ValueKind.FOREIGN:
                writeForeign(value);
                break;
            default:
                if (kind >= ValueTags.BOOL_ARRAY) {
                    writePacked(kind, value);
                } else {
                    writeTime(kind, value);
                }
        }
    }

    private void writeForeign(final Object value) {
        final int start = at;
        final int startDepth = depth;
        if (depth > ValueTags.MAX_DEPTH) {
            throw new UnsupportedValueException(value);
        }
        if (!foreign.tryWrite(value, this)) {
            throw new UnsupportedValueException(
                    value.getClass(),
                    "only plain data can be (null, booleans, numbers, text, bytes, java.time, and lists, maps and sets of"
                            + " these). Convert it to such data, or keep it outside of events and memory.");
        }
        if (at == start || depth != startDepth) {
            throw new IllegalStateException(foreign.getClass().getName() + " wrote no whole value for " + value.getClass());
        }
    }

    private void writeTime(final byte kind, final Object value) {
        switch (kind) {
            case ValueTags.INSTANT:
                writeTaggedLong(kind, ((Instant) value).getEpochSecond());
                writeInt(((Instant) value).getNano());
                break;
            case ValueTags.DURATION:
                writeTaggedLong(kind, ((Duration) value).getSeconds());
                writeInt(((Duration) value).getNano());
                break;
            case ValueTags.DATE:
                writeTaggedLong(kind, ((LocalDate) value).toEpochDay());
                break;
            case ValueTags.TIME:
                writeTaggedLong(kind, ((LocalTime) value).toNanoOfDay());
                break;
            case ValueTags.DATE_TIME:
                writeDateTime(kind, (LocalDateTime) value);
                break;
            case ValueTags.OFFSET_DATE_TIME:
                writeDateTime(kind, ((OffsetDateTime) value).toLocalDateTime());
                writeInt(((OffsetDateTime) value).getOffset().getTotalSeconds());
                break;
            case ValueTags.ZONED_DATE_TIME:
                writeDateTime(kind, ((ZonedDateTime) value).toLocalDateTime());
                writeInt(((ZonedDateTime) value).getOffset().getTotalSeconds());
                writeText(((ZonedDateTime) value).getZone().getId());
                break;
            default:
                throw new IllegalStateException("no writer for tag " + kind);
        }
    }

    private void writeDateTime(final byte tag, final LocalDateTime value) {
        writeTaggedLong(tag, value.toLocalDate().toEpochDay());
        writeLong(value.toLocalTime().toNanoOfDay());
    }

    private void writeItems(final byte tag, final Collection<?> items) {
        descend(items, items.isEmpty());
        writeByte(tag);
        writeLength(items.size());
        int index = 0;
        try {
            for (final Object item : items) {
                writeValue(item);
                index++;
            }
        } catch (final UnsupportedValueException e) {
            throw e.in(items, index);
        }
        depth--;
    }

    private void writeMap(final byte tag, final Map<?, ?> map) {
        descend(map, map.isEmpty());
        final int start = at;
        if (!tryWriteTextKeys(tag, map)) {
            at = start;
            writeTable(tag, map);
        }
        depth--;
    }

    private boolean tryWriteTextKeys(final byte tag, final Map<?, ?> map) {
        writeByte(tag);
        writeLength(map.size());
        Object key = null;
        try {
            for (final Map.Entry<?, ?> entry : map.entrySet()) {
                key = entry.getKey();
                if (!(key instanceof String) || !writeText((String) key)) {
                    return false;
                }
                writeValue(entry.getValue());
            }
        } catch (final UnsupportedValueException e) {
            throw e.in(map, key);
        }
        return true;
    }

    /** A map that has a key other than text, or text that has no UTF-8. */
    private void writeTable(final byte mapTag, final Map<?, ?> map) {
        writeByte(
                mapTag == ValueTags.MAP
                        ? ValueTags.TABLE
                        : mapTag == ValueTags.HASH_MAP ? ValueTags.HASH_TABLE : ValueTags.FROZEN_TABLE);
        writeLength(map.size());
        for (final Map.Entry<?, ?> entry : map.entrySet()) {
            try {
                writeValue(entry.getKey());
            } catch (final UnsupportedValueException e) {
                throw e.in(map, "<key>");
            }
            try {
                writeValue(entry.getValue());
            } catch (final UnsupportedValueException e) {
                throw e.in(map, entry.getKey());
            }
        }
    }

    private void descend(final Object container, final boolean empty) {
        if (depth >= ValueTags.MAX_DEPTH && !(empty && depth == ValueTags.MAX_DEPTH)) {
            throw new UnsupportedValueException(container);
        }
        depth++;
    }

    private void writePacked(final byte tag, final Object array) {
        final int length = Array.getLength(array);
        writeByte(tag);
        writeLength(length);
        require(8L * length);
        switch (tag) {
            case ValueTags.BOOL_ARRAY:
                for (final boolean item : (boolean[]) array) {
                    buffer[at++] = (byte) (item ? 1 : 0);
                }
                break;
            case ValueTags.I16_ARRAY:
                for (final short item : (short[]) array) {
                    SHORT.set(buffer, at, item);
                    at += 2;
                }
                break;
            case ValueTags.CHAR_ARRAY:
                for (final char item : (char[]) array) {
                    SHORT.set(buffer, at, (short) item);
                    at += 2;
                }
                break;
            case ValueTags.I32_ARRAY:
                for (final int item : (int[]) array) {
                    INT.set(buffer, at, item);
                    at += 4;
                }
                break;
            case ValueTags.F32_ARRAY:
                for (final float item : (float[]) array) {
                    INT.set(buffer, at, Float.floatToRawIntBits(item));
                    at += 4;
                }
                break;
            case ValueTags.I64_ARRAY:
                for (final long item : (long[]) array) {
                    LONG.set(buffer, at, item);
                    at += 8;
                }
                break;
            case ValueTags.F64_ARRAY:
                for (final double item : (double[]) array) {
                    LONG.set(buffer, at, Double.doubleToRawLongBits(item));
                    at += 8;
                }
                break;
            default:
                throw new IllegalStateException("no writer for tag " + tag);
        }
    }

    private void writeBigInteger(final BigInteger value) {
        final byte[] bytes = value.toByteArray();
        writeLength(bytes.length);
        writeRaw(bytes, 0, bytes.length);
    }

    private void writeTaggedText(final String text) {
        final int start = at;
        writeByte(ValueTags.TEXT);
        if (!writeText(text)) {
            at = start;
            writeByte(ValueTags.WTF16);
            writeLength(text.length());
            require(2L * text.length());
            for (int i = 0; i < text.length(); i++) {
                SHORT.set(buffer, at, (short) text.charAt(i));
                at += 2;
            }
        }
    }

    /** {@link #writeText} from the first character on that is not ASCII; the room is there, the ASCII part is written. */
    private boolean writeUnicode(final String text, final int ascii, final int asciiEnd) {
        final int length = text.length();
        int size = ascii;
        for (int i = ascii; i < length; i++) {
            final char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                if (!Character.isHighSurrogate(c) || i + 1 == length || !Character.isLowSurrogate(text.charAt(i + 1))) {
                    return false;
                }
                i++;
                size += 4;
            } else {
                size += c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
            }
        }
        final int asciiStart = asciiEnd - ascii;
        // The length may take more bytes than it would for ASCII, so the text moves up first.
        System.arraycopy(buffer, asciiStart, buffer, at + lengthBytes(size), ascii);
        writeLength(size);
        int position = at + ascii;
        for (int i = ascii; i < length; i++) {
            final char c = text.charAt(i);
            if (c < 0x80) {
                buffer[position++] = (byte) c;
            } else if (c < 0x800) {
                buffer[position++] = (byte) (0xC0 | c >> 6);
                buffer[position++] = (byte) (0x80 | c & 0x3F);
            } else if (Character.isSurrogate(c)) {
                final int point = Character.toCodePoint(c, text.charAt(++i));
                buffer[position++] = (byte) (0xF0 | point >> 18);
                buffer[position++] = (byte) (0x80 | point >> 12 & 0x3F);
                buffer[position++] = (byte) (0x80 | point >> 6 & 0x3F);
                buffer[position++] = (byte) (0x80 | point & 0x3F);
            } else {
                buffer[position++] = (byte) (0xE0 | c >> 12);
                buffer[position++] = (byte) (0x80 | c >> 6 & 0x3F);
                buffer[position++] = (byte) (0x80 | c & 0x3F);
            }
        }
        at = position;
        return true;
    }

    private void writeTaggedShort(final byte tag, final short value) {
        require(3);
        buffer[at] = tag;
        SHORT.set(buffer, at + 1, value);
        at += 3;
    }

    private void writeTaggedInt(final byte tag, final int value) {
        require(5);
        buffer[at] = tag;
        INT.set(buffer, at + 1, value);
        at += 5;
    }

    private void writeTaggedLong(final byte tag, final long value) {
        require(9);
        buffer[at] = tag;
        LONG.set(buffer, at + 1, value);
        at += 9;
    }

    private void require(final long more) {
        if (buffer.length - at < more) {
            grow(at + more);
        }
    }

    private void grow(final long needed) {
        if (needed > LARGEST) {
            throw new UnsupportedValueException(
                    byte[].class, "the whole value may take more than 2 GiB. Store large data elsewhere and refer to it.");
        }
        buffer = Arrays.copyOf(buffer, (int) Math.min(LARGEST, Math.max(needed, 2L * buffer.length)));
    }

    private static int hostTag(final int tag) {
        if (tag < ValueTags.HOST_FIRST || tag > ValueTags.HOST_LAST) {
            throw new IllegalArgumentException("tag " + tag + " is not for host values");
        }
        return tag;
    }

    static int lengthBytes(final int length) {
        return length == 0 ? 1 : (38 - Integer.numberOfLeadingZeros(length)) / 7;
    }

    static VarHandle view(final Class<?> arrayType) {
        return MethodHandles.byteArrayViewVarHandle(arrayType, ByteOrder.LITTLE_ENDIAN);
    }
}
