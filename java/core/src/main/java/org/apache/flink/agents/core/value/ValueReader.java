package org.apache.flink.agents.core.value;

import java.lang.invoke.VarHandle;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;

/**
 * Reads values from a part of an array. Every method throws {@link MalformedValueException} where the bytes are not what
 * is asked for, and takes no more memory than a constant times the input. For use by one thread.
 */
public final class ValueReader {

    private static final VarHandle SHORT = ValueWriter.view(short[].class);
    private static final VarHandle INT = ValueWriter.view(int[].class);
    private static final VarHandle LONG = ValueWriter.view(long[].class);
    private static final long NOT_ASCII = 0x8080808080808080L;
    private static final int NANOS_PER_SECOND = 1_000_000_000;
    /** Claimed counts are trusted for no more elements than this, so that nested claims cannot multiply. */
    private static final int LARGEST_RESERVE = 1024;

    private final ForeignValues foreign;
    private byte[] bytes = new byte[0];
    private int start;
    private int at;
    private int end;
    private int depth;

    /** @param foreign reads all that is not plain data */
    public ValueReader(final ForeignValues foreign) {
        this.foreign = foreign;
    }

    /** Reads from {@code source} from now on, which must not change meanwhile. */
    public void reset(final byte[] source, final int offset, final int length) {
        Objects.checkFromIndexSize(offset, length, source.length);
        bytes = source;
        start = offset;
        at = offset;
        end = offset + length;
        depth = 0;
    }

    /** Bytes read so far, from the start of the part. */
    public int position() {
        return at - start;
    }

    /** Bytes not read yet. */
    public int remaining() {
        return end - at;
    }

    /** Reads the version byte of a value that is stored on its own. */
    public void readVersion() {
        final int version = readByte();
        if (version != ValueTags.FORMAT_VERSION) {
            at--;
            throw malformed(
                    "it has format version " + version + ", this build reads version " + ValueTags.FORMAT_VERSION
                            + ": use the build that wrote it, or a newer one");
        }
    }

    /** Refuses bytes after the last value. */
    public void requireEnd() {
        if (at != end) {
            throw malformed((end - at) + " byte(s) too many after the value");
        }
    }

    /** Reads one value, without a version byte; may be null. */
    public Object readValue() {
        final int tag = readByte();
        switch (tag) {
            case ValueTags.NULL:
                return null;
            case ValueTags.FALSE:
                return Boolean.FALSE;
            case ValueTags.TRUE:
                return Boolean.TRUE;
            case ValueTags.I8:
                return (byte) readByte();
            case ValueTags.I16:
                return readShort();
            case ValueTags.I32:
                return readInt();
            case ValueTags.I64:
                return readLong();
            case ValueTags.F32:
                return Float.intBitsToFloat(readInt());
            case ValueTags.F64:
                return Double.longBitsToDouble(readLong());
            case ValueTags.TEXT:
                return readText();
            case ValueTags.CHAR:
                return (char) readShort();
            case ValueTags.WTF16:
                return new String((char[]) readPacked(ValueTags.CHAR_ARRAY));
            case ValueTags.BYTES:
                return readSpan("bytes");
            default:
                return tag < ValueTags.HOST_FIRST && tag >= 0 ? readScalar(tag) : readForm(tag);
        }
    }

    /** Reads one byte, from 0 to 255. */
    public int readByte() {
        require(1, "a byte");
        return bytes[at++] & 0xFF;
    }

    /** Reads four bytes, least significant first. */
    public int readInt() {
        require(4, "four bytes");
        final int value = (int) INT.get(bytes, at);
        at += 4;
        return value;
    }

    /** Reads eight bytes, least significant first. */
    public long readLong() {
        require(8, "eight bytes");
        final long value = (long) LONG.get(bytes, at);
        at += 8;
        return value;
    }

    /** Reads a length or count; lengths above 2^31 - 1, which the format allows, are more than the input can hold. */
    public int readLength() {
        final int lengthStart = at;
        long length = 0;
        for (int shift = 0; shift <= 28; shift += 7) {
            final int next = readByte();
            length |= (long) (next & 0x7F) << shift;
            if (next < 0x80) {
                if ((next == 0 && shift > 0) || length > 0xFFFFFFFFL) {
                    break;
                }
                if (length > Integer.MAX_VALUE) {
                    throw malformed("cut off: " + length + " elements are claimed, " + (end - at) + " byte(s) are left");
                }
                return (int) length;
            }
        }
        at = lengthStart;
        throw malformed("the length is not a varint of at most 32 bits in its shortest form");
    }

    /** Reads {@code length} bytes as they are. */
    public byte[] readRaw(final int length) {
        require(length, "bytes");
        at += length;
        return Arrays.copyOfRange(bytes, at - length, at);
    }

    /** Reads text written by {@link ValueWriter#writeText}. */
    public String readText() {
        final int length = readLength();
        require(length, "text");
        final int textStart = at;
        at += length;
        if (isAscii(textStart, length)) {
            return new String(bytes, textStart, length, StandardCharsets.ISO_8859_1);
        }
        final String text = new String(bytes, textStart, length, StandardCharsets.UTF_8);
        // The decoder puts U+FFFD for what is malformed; where one appears it must have been written.
        if (text.indexOf('\uFFFD') >= 0) {
            final byte[] again = text.getBytes(StandardCharsets.UTF_8);
            if (!Arrays.equals(again, 0, again.length, bytes, textStart, textStart + length)) {
                at = textStart;
                throw malformed("the text that starts here is not valid UTF-8");
            }
        }
        return text;
    }

    private boolean isAscii(final int from, final int length) {
        final int to = from + length;
        int i = from;
        for (; i <= to - 8; i += 8) {
            if (((long) LONG.get(bytes, i) & NOT_ASCII) != 0) {
                return false;
            }
        }
        for (; i < to; i++) {
            if (bytes[i] < 0) {
                return false;
            }
        }
        return true;
    }

    private Object readScalar(final int tag) {
        final int tagAt = at - 1;
        try {
            switch (tag) {
                case ValueTags.LIST:
                    return readList();
                case ValueTags.MAP:
                    return readTextMap(new LinkedHashMap<>());
                case ValueTags.TABLE:
                    return readTable(new LinkedHashMap<>());
                case ValueTags.SET:
                    return readSet(new LinkedHashSet<>());
                case ValueTags.BIG_INT:
                    return readBigInteger();
                case ValueTags.BIG_DECIMAL:
                    final int scale = readInt();
                    return new BigDecimal(readBigInteger(), scale);
                case ValueTags.UUID:
                    final long low = readLong();
                    return new UUID(readLong(), low);
                case ValueTags.INSTANT:
                    final long instantSeconds = readLong();
                    return Instant.ofEpochSecond(instantSeconds, readNanos());
                case ValueTags.DURATION:
                    final long seconds = readLong();
                    return Duration.ofSeconds(seconds, readNanos());
                case ValueTags.DATE:
                    return LocalDate.ofEpochDay(readLong());
                case ValueTags.TIME:
                    return LocalTime.ofNanoOfDay(readLong());
                case ValueTags.DATE_TIME:
                    return readDateTime();
                case ValueTags.OFFSET_DATE_TIME:
                    final LocalDateTime offsetLocal = readDateTime();
                    return OffsetDateTime.of(offsetLocal, ZoneOffset.ofTotalSeconds(readInt()));
                case ValueTags.ZONED_DATE_TIME:
                    final LocalDateTime local = readDateTime();
                    final ZoneOffset offset = ZoneOffset.ofTotalSeconds(readInt());
                    // The instant counts where the rules of the zone have changed since it was written.
                    return ZonedDateTime.ofInstant(local, offset, ZoneId.of(readText()));
                default:
                    return readForm(tag);
            }
        } catch (final DateTimeException e) {
            throw new MalformedValueException(tagAt - start, "a time is out of range: " + e.getMessage(), e);
        }
    }

    private Object readForm(final int tag) {
        switch (tag) {
            case ValueTags.HASH_MAP:
                return readTextMap(null);
            case ValueTags.HASH_TABLE:
                return readTable(null);
            case ValueTags.HASH_SET:
                return readSet(null);
            // Containers that refuse changes come back as ordinary ones: Flink's Kryo copies what flows between operators, and
            // can copy no wrapper of java.util.Collections, so that a restored job would fail where the first run did not.
            case ValueTags.FROZEN_LIST:
                return readList();
            case ValueTags.FROZEN_MAP:
                return readTextMap(new LinkedHashMap<>());
            case ValueTags.FROZEN_TABLE:
                return readTable(new LinkedHashMap<>());
            case ValueTags.FROZEN_SET:
                return readSet(new LinkedHashSet<>());
            case ValueTags.OBJECT_ARRAY:
                return readList().toArray();
            case ValueTags.TEXT_ARRAY:
                return readTextArray();
            case ValueTags.BOOL_ARRAY:
            case ValueTags.I16_ARRAY:
            case ValueTags.I32_ARRAY:
            case ValueTags.I64_ARRAY:
            case ValueTags.F32_ARRAY:
            case ValueTags.F64_ARRAY:
            case ValueTags.CHAR_ARRAY:
                return readPacked(tag);
            default:
                if (tag >= ValueTags.HOST_FIRST && tag <= ValueTags.HOST_LAST) {
                    return readHost(tag);
                }
                at--;
                throw malformed("unknown value tag " + tag + ": written by a newer version, or not a value");
        }
    }

    private Object readHost(final int tag) {
        final int length = readLength();
        require(length, "a host value");
        final int outerEnd = end;
        end = at + length;
        if (++depth > ValueTags.MAX_DEPTH) {
            throw malformed("it nests deeper than " + ValueTags.MAX_DEPTH + " levels");
        }
        final Object value = foreign.read(tag, this);
        requireEnd();
        depth--;
        end = outerEnd;
        return value;
    }

    private List<Object> readList() {
        final int count = readCount(1);
        final List<Object> list = new ArrayList<>(Math.min(count, LARGEST_RESERVE));
        descend(count);
        for (int i = 0; i < count; i++) {
            list.add(readValue());
        }
        depth--;
        return list;
    }

    /** @param into null for a hash map of the size that growing element by element gives: it has the same order */
    private Map<Object, Object> readTextMap(final Map<Object, Object> into) {
        final int countAt = at;
        final int count = readCount(2);
        final Map<Object, Object> map = into == null ? new HashMap<>(capacity(count)) : into;
        descend(count);
        for (int i = 0; i < count; i++) {
            final String key = readText();
            map.put(key, readValue());
        }
        return distinct(map, map.size(), count, countAt);
    }

    private Map<Object, Object> readTable(final Map<Object, Object> into) {
        final int countAt = at;
        final int count = readCount(2);
        final Map<Object, Object> map = into == null ? new HashMap<>(capacity(count)) : into;
        descend(count);
        for (int i = 0; i < count; i++) {
            final Object key = readValue();
            map.put(key, readValue());
        }
        return distinct(map, map.size(), count, countAt);
    }

    private Set<Object> readSet(final Set<Object> into) {
        final int countAt = at;
        final int count = readCount(1);
        final Set<Object> set = into == null ? new HashSet<>(capacity(count)) : into;
        descend(count);
        for (int i = 0; i < count; i++) {
            set.add(readValue());
        }
        return distinct(set, set.size(), count, countAt);
    }

    private <T> T distinct(final T container, final int size, final int count, final int countAt) {
        depth--;
        if (size != count) {
            throw new MalformedValueException(countAt - start, "a map or set has " + (count - size) + " equal key(s) twice");
        }
        return container;
    }

    private static int capacity(final int count) {
        return Math.max(16, (int) Math.ceil(Math.min(count, LARGEST_RESERVE) / 0.75));
    }

    private void descend(final int count) {
        if (++depth > ValueTags.MAX_DEPTH && count > 0) {
            throw malformed("it nests deeper than " + ValueTags.MAX_DEPTH + " levels");
        }
    }

    private String[] readTextArray() {
        final int count = readCount(1);
        final List<String> items = new ArrayList<>(Math.min(count, LARGEST_RESERVE));
        for (int i = 0; i < count; i++) {
            final int itemAt = at;
            final int tag = readByte();
            at = itemAt;
            if (tag != ValueTags.NULL && tag != ValueTags.TEXT && tag != ValueTags.WTF16) {
                throw malformed("an element of a text array is out of range: it has tag " + tag);
            }
            items.add((String) readValue());
        }
        return items.toArray(new String[0]);
    }

    private Object readPacked(final int tag) {
        switch (tag) {
            case ValueTags.BOOL_ARRAY:
                final boolean[] booleans = new boolean[readCount(1)];
                for (int i = 0; i < booleans.length; i++) {
                    if ((bytes[at] & 0xFE) != 0) {
                        throw malformed("an element of a boolean array is out of range");
                    }
                    booleans[i] = bytes[at++] == 1;
                }
                return booleans;
            case ValueTags.I16_ARRAY:
                final short[] shorts = new short[readCount(2)];
                for (int i = 0; i < shorts.length; i++) {
                    shorts[i] = readShort();
                }
                return shorts;
            case ValueTags.CHAR_ARRAY:
                final char[] chars = new char[readCount(2)];
                for (int i = 0; i < chars.length; i++) {
                    chars[i] = (char) readShort();
                }
                return chars;
            case ValueTags.I32_ARRAY:
                final int[] ints = new int[readCount(4)];
                for (int i = 0; i < ints.length; i++) {
                    ints[i] = readInt();
                }
                return ints;
            case ValueTags.F32_ARRAY:
                final float[] floats = new float[readCount(4)];
                for (int i = 0; i < floats.length; i++) {
                    floats[i] = Float.intBitsToFloat(readInt());
                }
                return floats;
            case ValueTags.I64_ARRAY:
                final long[] longs = new long[readCount(8)];
                for (int i = 0; i < longs.length; i++) {
                    longs[i] = readLong();
                }
                return longs;
            default:
                final double[] doubles = new double[readCount(8)];
                for (int i = 0; i < doubles.length; i++) {
                    doubles[i] = Double.longBitsToDouble(readLong());
                }
                return doubles;
        }
    }

    private short readShort() {
        require(2, "two bytes");
        final short value = (short) SHORT.get(bytes, at);
        at += 2;
        return value;
    }

    private int readNanos() {
        final int nanos = readInt();
        if (nanos < 0 || nanos >= NANOS_PER_SECOND) {
            at -= 4;
            throw malformed("nanoseconds of a second are out of range");
        }
        return nanos;
    }

    private LocalDateTime readDateTime() {
        final LocalDate date = LocalDate.ofEpochDay(readLong());
        return LocalDateTime.of(date, LocalTime.ofNanoOfDay(readLong()));
    }

    private BigInteger readBigInteger() {
        final int lengthAt = at;
        final byte[] value = readSpan("a big integer");
        if (value.length == 0) {
            throw new MalformedValueException(lengthAt - start, "a big integer without bytes is out of range");
        }
        return new BigInteger(value);
    }

    private byte[] readSpan(final String what) {
        final int length = readLength();
        require(length, what);
        return readRaw(length);
    }

    /** A count of elements that take at least {@code least} bytes each, all of which the input can hold. */
    private int readCount(final int least) {
        final int count = readLength();
        require((long) count * least, "a container");
        return count;
    }

    private void require(final long needed, final String what) {
        if (end - at < needed) {
            throw malformed("cut off: " + what + " needs " + needed + " byte(s), only " + (end - at) + " left");
        }
    }

    private MalformedValueException malformed(final String problem) {
        return new MalformedValueException(at - start, problem);
    }
}
