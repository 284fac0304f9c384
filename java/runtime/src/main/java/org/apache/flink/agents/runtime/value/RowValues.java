package org.apache.flink.agents.runtime.value;

import java.util.LinkedHashMap;
import java.util.Set;
import org.apache.flink.agents.core.value.MalformedValueException;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.core.value.ValueReader;
import org.apache.flink.agents.core.value.ValueTags;
import org.apache.flink.agents.core.value.ValueWriter;
import org.apache.flink.api.java.tuple.Tuple;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.types.RowUtils;

/**
 * Rows and tuples, field by field as values. Flink's serializers for them need the types of the fields, which a row that
 * an action made does not have; and a row read back by them loses its names.
 */
final class RowValues {

    private static final int BY_POSITION = 0;
    private static final int BY_NAME = 1;
    private static final int BY_BOTH = 2;

    private RowValues() {}

    static void writeRow(final Row row, final ValueWriter out) {
        final int begun = out.beginHost(ValueTags.ROW);
        final Set<String> names = row.getFieldNames(true);
        final boolean byName = row.getFieldNames(false) != null;
        out.writeByte(row.getKind().toByteValue());
        out.writeByte(byName ? BY_NAME : names != null ? BY_BOTH : BY_POSITION);
        out.writeLength(row.getArity());
        if (names == null) {
            for (int i = 0; i < row.getArity(); i++) {
                writeField(row, i, row.getField(i), out);
            }
        } else {
            for (final String name : names) {
                out.writeValue(name);
                writeField(row, name, row.getField(name), out);
            }
        }
        out.endHost(begun);
    }

    static Row readRow(final ValueReader in) {
        final RowKind kind = kind(in);
        final int mode = in.readByte();
        final int arity = count(in);
        final Row row = mode == BY_NAME ? Row.withNames(kind) : Row.withPositions(kind, arity);
        if (mode == BY_POSITION) {
            for (int i = 0; i < arity; i++) {
                row.setField(i, in.readValue());
            }
            return row;
        }
        final LinkedHashMap<String, Integer> positions = new LinkedHashMap<>();
        for (int i = 0; i < arity; i++) {
            final Object name = in.readValue();
            if (!(name instanceof String) || positions.put((String) name, i) != null) {
                throw new MalformedValueException(in.position(), "a row has a field without a name of its own: " + name);
            }
            if (mode == BY_NAME) {
                row.setField((String) name, in.readValue());
            } else {
                row.setField(i, in.readValue());
            }
        }
        if (mode == BY_NAME) {
            return row;
        }
        final Object[] fields = new Object[arity];
        for (int i = 0; i < arity; i++) {
            fields[i] = row.getField(i);
        }
        return RowUtils.createRowWithNamedPositions(kind, fields, positions);
    }

    /** Whether this is one of Flink's own tuple classes; subclasses may have more than the tuple's fields. */
    static boolean isTuple(final Object value) {
        return value instanceof Tuple
                && (value.getClass().getSuperclass() == Tuple.class)
                && value.getClass().getName().startsWith("org.apache.flink.api.java.tuple.Tuple");
    }

    static void writeTuple(final Tuple tuple, final ValueWriter out) {
        final int begun = out.beginHost(ValueTags.TUPLE);
        out.writeLength(tuple.getArity());
        for (int i = 0; i < tuple.getArity(); i++) {
            writeField(tuple, "f" + i, tuple.getField(i), out);
        }
        out.endHost(begun);
    }

    static Tuple readTuple(final ValueReader in) {
        final int arity = count(in);
        if (arity > Tuple.MAX_ARITY) {
            throw new MalformedValueException(in.position(), "a tuple has " + arity + " fields");
        }
        final Tuple tuple = Tuple.newInstance(arity);
        for (int i = 0; i < arity; i++) {
            tuple.setField(in.readValue(), i);
        }
        return tuple;
    }

    private static void writeField(final Object holder, final Object key, final Object field, final ValueWriter out) {
        try {
            out.writeValue(field);
        } catch (final UnsupportedValueException e) {
            throw e.in(holder, key);
        }
    }

    private static int count(final ValueReader in) {
        final int count = in.readLength();
        if (count > in.remaining()) {
            throw new MalformedValueException(in.position(), "cut off: " + count + " fields are claimed");
        }
        return count;
    }

    private static RowKind kind(final ValueReader in) {
        final byte kind = (byte) in.readByte();
        try {
            return RowKind.fromByteValue(kind);
        } catch (final UnsupportedOperationException e) {
            throw new MalformedValueException(in.position() - 1, "unknown kind of row " + kind, e);
        }
    }
}
