package org.apache.flink.agents.runtime.value;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.MalformedValueException;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.core.value.ValueReader;
import org.apache.flink.agents.core.value.ValueTags;
import org.apache.flink.agents.core.value.ValueWriter;
import org.apache.flink.api.java.tuple.Tuple;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.types.Row;

/**
 * Values that are not plain data, by Flink's serializers. A value names its serializer by its number in a table, which
 * {@link BlobCodec} writes beside the values.
 *
 * <p><em>Owned state:</em> the table of what is being written or read, and a scratch buffer. <em>Lifecycle:</em> {@link
 * #begin()} or {@link #restore} before each blob. <em>Constraint:</em> one thread, one blob at a time.
 */
final class FlinkForeignValues implements ForeignValues {

    /** A scratch buffer that one large value has grown beyond this is not kept. */
    private static final int LARGEST_KEPT = 1 << 20;

    private static final String KRYO_TRACE = "Serialization trace:";

    private static final String HINT =
            "Make it a POJO by Flink's rules, register a serializer for it (pipeline.serialization-config), or store plain"
                    + " data.";

    private final SerializerCatalog catalog;
    private final ForeignValues hooks;
    private DataOutputSerializer scratch = new DataOutputSerializer(256);
    private final DataInputDeserializer input = new DataInputDeserializer();
    private final List<SerializerCatalog.Entry> table = new ArrayList<>();

    /** @param hooks asked first when writing, and for tags that are not Flink's when reading; for events inside values */
    FlinkForeignValues(final SerializerCatalog catalog, final ForeignValues hooks) {
        this.catalog = catalog;
        this.hooks = hooks;
    }

    /** Starts a blob: its table is empty. */
    void begin() {
        table.clear();
    }

    /** The serializers used since {@link #begin()}, by number. */
    List<SerializerCatalog.Entry> table() {
        return table;
    }

    /** Sets the table of the blob that is read next. */
    void restore(final List<SerializerCatalog.Entry> entries) {
        table.clear();
        table.addAll(entries);
    }

    @Override
    public boolean tryWrite(final Object value, final ValueWriter out) {
        if (hooks.tryWrite(value, out)) {
            return true;
        }
        if (value.getClass() == Row.class) {
            RowValues.writeRow((Row) value, out);
            return true;
        }
        if (RowValues.isTuple(value)) {
            RowValues.writeTuple((Tuple) value, out);
            return true;
        }
        final SerializerCatalog.Entry entry = catalog.writer(value.getClass());
        boolean whole = false;
        try {
            serialize(value, entry);
            if (!entry.proven) {
                proveReadable(value, entry);
            }
            whole = true;
        } finally {
            if (!whole) {
                catalog.forget(entry);
            }
        }
        final int begun = out.beginHost(entry.isKryo() ? ValueTags.KRYO : ValueTags.FLINK);
        out.writeLength(number(entry));
        out.writeRaw(scratch.getSharedBuffer(), 0, scratch.length());
        out.endHost(begun);
        return true;
    }

    @Override
    public Object read(final int tag, final ValueReader in) {
        switch (tag) {
            case ValueTags.ROW:
                return RowValues.readRow(in);
            case ValueTags.TUPLE:
                return RowValues.readTuple(in);
            case ValueTags.FLINK:
            case ValueTags.KRYO:
                break;
            default:
                return hooks.read(tag, in);
        }
        final int start = in.position();
        final int number = in.readLength();
        if (number >= table.size()) {
            throw new MalformedValueException(start, "serializer " + number + " of " + table.size() + " is asked for");
        }
        final SerializerCatalog.Entry entry = table.get(number);
        try {
            return deserialize(entry, in.readRaw(in.remaining()));
        } catch (final IOException | RuntimeException | StackOverflowError e) {
            throw new MalformedValueException(
                    start, "a " + entry.type.getName() + " could not be read by " + nameOf(entry) + ": " + root(e), e);
        }
    }

    private int number(final SerializerCatalog.Entry entry) {
        // Few classes occur in one blob; a search by identity is faster than a map.
        for (int i = 0; i < table.size(); i++) {
            if (table.get(i) == entry) {
                return i;
            }
        }
        table.add(entry);
        return table.size() - 1;
    }

    private void serialize(final Object value, final SerializerCatalog.Entry entry) {
        if (scratch.getSharedBuffer().length > LARGEST_KEPT) {
            scratch = new DataOutputSerializer(256);
        }
        scratch.clear();
        try {
            entry.serializer.serialize(value, scratch);
        } catch (final IOException | RuntimeException | StackOverflowError e) {
            throw new UnsupportedValueException(
                    value.getClass(), nameOf(entry) + " cannot write it: " + root(e) + ". " + HINT, e);
        }
    }

    /**
     * Kryo writes much that it cannot read, a lambda in a field for instance. So the first value of each class is read
     * back at once; a class whose value is refused stays unproven.
     */
    private void proveReadable(final Object value, final SerializerCatalog.Entry entry) {
        final Object back;
        try {
            back = deserialize(entry, scratch.getCopyOfBuffer());
        } catch (final IOException | RuntimeException | StackOverflowError e) {
            throw new UnsupportedValueException(
                    value.getClass(), nameOf(entry) + " can write it but not read it: " + root(e) + ". " + HINT, e);
        }
        if (back == null || back.getClass() != value.getClass()) {
            throw new UnsupportedValueException(
                    value.getClass(),
                    nameOf(entry) + " brings it back as "
                            + (back == null ? "null" : back.getClass().getName()) + ". " + HINT);
        }
        if (!SameValue.same(value, back)) {
            throw new UnsupportedValueException(
                    value.getClass(), nameOf(entry) + " brings it back with another value (by equals()). " + HINT);
        }
        entry.proven = true;
    }

    private Object deserialize(final SerializerCatalog.Entry entry, final byte[] bytes) throws IOException {
        input.setBuffer(bytes);
        final Object value = entry.serializer.deserialize(input);
        if (input.available() > 0) {
            throw new IOException(input.available() + " of " + bytes.length + " bytes were not read");
        }
        return value;
    }

    private static String nameOf(final SerializerCatalog.Entry entry) {
        return "Flink's " + entry.serializer.getClass().getSimpleName();
    }

    /** The text of the innermost cause, which says most, and Kryo's way to the field it failed at. */
    static String root(final Throwable failure) {
        Throwable inner = failure;
        String trace = "";
        for (int i = 0; ; i++) {
            final int at = inner.getMessage() == null ? -1 : inner.getMessage().indexOf(KRYO_TRACE);
            if (at >= 0 && trace.isEmpty()) {
                trace = " (in " + inner.getMessage().substring(at + KRYO_TRACE.length()).strip().replace("\n", " of ") + ")";
            }
            if (inner.getCause() == null || i == 20) {
                break;
            }
            inner = inner.getCause();
        }
        String text = inner.toString();
        if (inner.getMessage() == null && inner.getStackTrace().length > 0) {
            text += " at " + inner.getStackTrace()[0];
        } else if (text.contains(KRYO_TRACE)) {
            text = text.substring(0, text.indexOf(KRYO_TRACE)).strip();
        }
        return shorten(text) + shorten(trace);
    }

    private static String shorten(final String text) {
        return text.length() <= 300 ? text : text.substring(0, 300) + "…";
    }
}
