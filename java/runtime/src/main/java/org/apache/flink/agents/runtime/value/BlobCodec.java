package org.apache.flink.agents.runtime.value;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.MalformedValueException;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.core.value.ValueReader;
import org.apache.flink.agents.core.value.ValueTags;
import org.apache.flink.agents.core.value.ValueWriter;
import org.apache.flink.api.common.ExecutionConfig;

/**
 * Values as they lie in Flink's state: byte arrays that need nothing but the job's classes to be read, also after the
 * classes have changed by the rules of Flink's schema evolution.
 *
 * <p>Two forms, told apart by the first byte:
 *
 * <ul>
 *   <li>{@code 1, value}: one value that needs no serializer of Flink;
 *   <li>{@code 0xFB, version 1, count, (class name, Kryo's major version or 0, length, deflated serializer snapshot) each,
 *       count, values}: a <em>blob</em>.
 * </ul>
 *
 * For use by one thread, whose context class loader must have the user's classes too, as it has on Flink's task threads: Kryo
 * looks classes up there.
 */
public final class BlobCodec {

    private static final int BLOB = 0xFB;
    private static final int BLOB_VERSION = 1;

    private final SerializerCatalog catalog;
    private final FlinkForeignValues foreign;
    private final ValueWriter values;
    private final ValueWriter out;
    private final ValueReader reader;
    private final boolean verify;

    /**
     * @param config of the job: Kryo registrations, whether generic types are allowed
     * @param classLoader has the user's classes
     * @param known types with a declared serializer, such as the operator's input; may be empty
     * @param hooks writes and reads objects of the runtime inside values (nested events), asked before anything else;
     *     {@link ForeignValues#REFUSE} for none
     * @param verify whether every value is read back and compared when it is written ({@code values.verify}); else only
     *     the first one of each class that is not plain data
     */
    public BlobCodec(
            final ExecutionConfig config,
            final ClassLoader classLoader,
            final List<KnownType> known,
            final ForeignValues hooks,
            final boolean verify) {
        this.catalog = new SerializerCatalog(config, classLoader, known);
        this.foreign = new FlinkForeignValues(catalog, hooks);
        this.values = new ValueWriter(foreign);
        this.out = new ValueWriter(ForeignValues.REFUSE);
        this.reader = new ValueReader(foreign);
        this.verify = verify;
    }

    /**
     * The first {@code count} of {@code list}, each may be null, as one blob in a new array.
     *
     * @throws UnsupportedValueException if one could not come back; its path starts with {@code values[index]}
     */
    public byte[] encodeValues(final Object[] list, final int count) {
        foreign.begin();
        values.reset();
        for (int i = 0; i < count; i++) {
            try {
                values.writeValue(list[i]);
            } catch (final UnsupportedValueException e) {
                throw e.under("values[" + i + "]");
            }
        }
        out.reset();
        writeBlob(count, 0, out);
        final byte[] blob = out.toByteArray();
        if (verify) {
            final Object[] back = decodeValues(blob);
            for (int i = 0; i < count; i++) {
                requireSame(list[i], back[i], "values[" + i + "]");
            }
        }
        return blob;
    }

    /**
     * The values of a blob made by {@link #encodeValues}.
     *
     * @throws MalformedValueException if it is damaged or of a newer version, or if a class is gone or has changed in a way
     *     that Flink cannot follow
     */
    public Object[] decodeValues(final byte[] blob) {
        reader.reset(blob, 0, blob.length);
        if (reader.readByte() != BLOB) {
            throw new MalformedValueException(0, "it is not a blob of values: it starts with " + (blob[0] & 0xFF));
        }
        readTable();
        final int count = reader.readLength();
        if (count > reader.remaining()) {
            throw new MalformedValueException(reader.position(), "cut off: " + count + " values are claimed");
        }
        final Object[] list = new Object[count];
        for (int i = 0; i < count; i++) {
            list[i] = reader.readValue();
        }
        reader.requireEnd();
        return list;
    }

    /**
     * One value, may be null, in a new array.
     *
     * @throws UnsupportedValueException if it, or a part of it, could not come back; names the path to the part
     */
    public byte[] encodeOne(final Object value) {
        out.reset();
        appendOne(value, out);
        return out.toByteArray();
    }

    /**
     * As {@link #encodeOne}, behind what {@code target} holds already.
     *
     * @throws UnsupportedValueException with {@code target} as it was
     */
    public void appendOne(final Object value, final ValueWriter target) {
        foreign.begin();
        values.reset();
        values.writeByte(ValueTags.FORMAT_VERSION);
        values.writeValue(value);
        final int start = target.size();
        if (foreign.table().isEmpty()) {
            target.writeRaw(values.buffer(), 0, values.size());
        } else {
            writeBlob(1, 1, target);
        }
        if (verify) {
            try {
                requireSame(value, decodeOne(Arrays.copyOfRange(target.buffer(), start, target.size())), null);
            } catch (final UnsupportedValueException e) {
                target.cut(start);
                throw e;
            }
        }
    }

    /**
     * The value that {@link #encodeOne} made these bytes of.
     *
     * @throws MalformedValueException as {@link #decodeValues}
     */
    public Object decodeOne(final byte[] bytes) {
        if (bytes.length > 0 && (bytes[0] & 0xFF) == BLOB) {
            final Object[] list = decodeValues(bytes);
            if (list.length != 1) {
                throw new MalformedValueException(0, "it holds " + list.length + " values instead of one");
            }
            return list[0];
        }
        foreign.restore(Collections.emptyList());
        reader.reset(bytes, 0, bytes.length);
        reader.readVersion();
        final Object value = reader.readValue();
        reader.requireEnd();
        return value;
    }

    /** The values that were encoded, from {@code offset} on. */
    private void writeBlob(final int count, final int offset, final ValueWriter target) {
        target.writeByte(BLOB);
        target.writeByte(BLOB_VERSION);
        target.writeLength(foreign.table().size());
        for (final SerializerCatalog.Entry entry : foreign.table()) {
            target.writeRaw(entry.head, 0, entry.head.length);
        }
        target.writeLength(count);
        target.writeRaw(values.buffer(), offset, values.size() - offset);
    }

    private void readTable() {
        final int version = reader.readByte();
        if (version != BLOB_VERSION) {
            throw new MalformedValueException(
                    1,
                    "the blob has format version " + version + ", this build reads version " + BLOB_VERSION
                            + ": use the build that wrote it, or a newer one");
        }
        final int size = reader.readLength();
        final List<SerializerCatalog.Entry> entries = new ArrayList<>(Math.min(size, 16));
        for (int i = 0; i < size; i++) {
            final String className = reader.readText();
            final int kryo = reader.readByte();
            entries.add(catalog.reader(className, kryo, reader.readRaw(reader.readLength())));
        }
        foreign.restore(entries);
    }

    private static void requireSame(final Object value, final Object back, final String name) {
        if (!SameValue.same(value, back)) {
            // Null comes back as null by construction, so the value is not null here.
            final UnsupportedValueException refusal =
                    new UnsupportedValueException(
                            value.getClass(),
                            "it comes back with another value (by equals()), as "
                                    + (back == null ? "null" : back.getClass().getName())
                                    + "; found by values.verify. Check its equals() and its serializer.");
            throw name == null ? refusal : refusal.under(name);
        }
    }
}
