package org.apache.flink.agents.core.value;

import java.util.Objects;

/**
 * Turns values into bytes and back, with the same type and value: whole values as they are stored on their own, with a
 * format version.
 *
 * <p>Plain data are null, booleans, numbers with their width ({@code BigInteger} and {@code BigDecimal} too), characters,
 * strings, {@code UUID}, the types of {@code java.time} from {@code Instant} to {@code ZonedDateTime}, arrays of
 * primitives, of {@code String} and of {@code Object}, and {@code ArrayList}, {@code HashMap}, {@code LinkedHashMap},
 * {@code HashSet}, {@code LinkedHashSet} of such. The lists, maps and sets of {@code List.of}, {@code Collections} and
 * the like come back as equal ones that cannot be modified either, in the order they had; {@code Arrays.asList} and
 * {@code subList} come back as {@code ArrayList}. All else goes to {@link ForeignValues}.
 *
 * <p>An object that is referred to twice comes back as two equal ones. For use by one thread.
 */
public final class ValueCodec {

    private final ValueWriter writer;
    private final ValueReader reader;

    /** A codec for plain data only. */
    public ValueCodec() {
        this(ForeignValues.REFUSE);
    }

    /** @param foreign writes and reads all that is not plain data */
    public ValueCodec(final ForeignValues foreign) {
        writer = new ValueWriter(Objects.requireNonNull(foreign, "foreign"));
        reader = new ValueReader(foreign);
    }

    /**
     * The value in a new array.
     *
     * @param value may be null
     * @throws UnsupportedValueException if it, or a part of it, could not come back; names the path to the part
     */
    public byte[] encode(final Object value) {
        writer.reset();
        writer.writeByte(ValueTags.FORMAT_VERSION);
        writer.writeValue(value);
        return writer.toByteArray();
    }

    /**
     * The value that {@link #encode} made these bytes of.
     *
     * @throws MalformedValueException if they are cut off, damaged, too long, or of a newer format version
     */
    public Object decode(final byte[] bytes) {
        reader.reset(bytes, 0, bytes.length);
        reader.readVersion();
        final Object value = reader.readValue();
        reader.requireEnd();
        return value;
    }

    /** Whether values of exactly this class are plain data; what they contain need not be. Fast, for any thread. */
    public static boolean isPlainClass(final Class<?> type) {
        return ValueKind.of(type) != ValueKind.FOREIGN;
    }
}
