package org.apache.flink.agents.runtime.env;

import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.java.tuple.Tuple;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;

/**
 * Makes a row of an output: of a {@code Row} by field names, or by positions if it has none; of a tuple by positions; of a
 * map by key; of any other object by its properties. With a single column an output that is itself a value of that column
 * is the column.
 */
final class OutputToRow implements MapFunction<Object, Row> {
    private static final long serialVersionUID = 1L;

    private final String agentName;
    private final ArrayList<ColumnType> columns;

    OutputToRow(final String agentName, final List<ColumnType> columns) {
        this.agentName = agentName;
        this.columns = new ArrayList<>(columns);
    }

    @Override
    public Row map(final Object output) {
        if (columns.size() == 1 && isWholeColumn(output, columns.get(0))) {
            return Row.of(convert(output, columns.get(0), columns.get(0).name()));
        }
        if (output instanceof Row && ((Row) output).getKind() != RowKind.INSERT) {
            throw wrong(
                    columns.get(0).name(),
                    columns.get(0),
                    "the Row is a change of kind " + ((Row) output).getKind() + ", and toTable makes tables of new rows only");
        }
        return toRow(output, columns, "");
    }

    private static boolean isWholeColumn(final Object output, final ColumnType column) {
        if (output == null) {
            return true;
        }
        if (output instanceof Row || output instanceof Tuple) {
            return false;
        }
        if (output instanceof Map) {
            return column.shape() != ColumnType.Shape.LEAF && !((Map<?, ?>) output).containsKey(column.name())
                    || column.shape() == ColumnType.Shape.LEAF && column.javaClass().isInstance(output);
        }
        if (column.shape() == ColumnType.Shape.ARRAY) {
            return output.getClass().isArray() || output instanceof Iterable;
        }
        return column.shape() == ColumnType.Shape.LEAF
                && (ColumnValues.fits(output, column.javaClass()) || output.getClass().getName().startsWith("java."));
    }

    private Row toRow(final Object value, final List<ColumnType> fields, final String above) {
        final Object[] cells = new Object[fields.size()];
        for (int i = 0; i < cells.length; i++) {
            final ColumnType field = fields.get(i);
            cells[i] = convert(part(value, field, i, fields, above), field, above + field.name());
        }
        // By position: the type of the stream has the names.
        return Row.of(cells);
    }

    private Object part(
            final Object value, final ColumnType field, final int index, final List<ColumnType> fields, final String above) {
        final String path = above + field.name();
        if (value == null) {
            throw wrong(path, field, "the output is null");
        }
        if (value instanceof Row) {
            final Row row = (Row) value;
            final Set<String> names = row.getFieldNames(false);
            if (names != null) {
                if (!names.contains(field.name())) {
                    throw wrong(path, field, "the Row has no such field; it has " + names);
                }
                return row.getField(field.name());
            }
            checkArity(row.getArity(), fields, path, field, "Row without field names");
            return row.getField(index);
        }
        if (value instanceof Tuple) {
            checkArity(((Tuple) value).getArity(), fields, path, field, value.getClass().getSimpleName());
            return ((Tuple) value).getField(index);
        }
        if (value instanceof Map) {
            final Map<?, ?> map = (Map<?, ?>) value;
            if (!map.containsKey(field.name()) && !field.nullable()) {
                throw wrong(path, field, "the map has no such key");
            }
            return map.get(field.name());
        }
        final OutputProperties properties = OutputProperties.of(value.getClass());
        if (!properties.has(field.name())) {
            throw wrong(
                    path,
                    field,
                    "class "
                            + value.getClass().getName()
                            + " has no such property; it has "
                            + new TreeSet<>(properties.names())
                            + ". Properties are getX(), isX(), x() of a record, and public fields");
        }
        return properties.get(value, field.name());
    }

    private void checkArity(
            final int arity, final List<ColumnType> fields, final String path, final ColumnType field, final String what) {
        if (arity != fields.size()) {
            throw wrong(path, field, "a " + what + " of " + arity + " fields is not a row of " + fields.size() + " columns");
        }
    }

    private Object convert(final Object value, final ColumnType type, final String path) {
        if (value == null) {
            if (!type.nullable()) {
                throw wrong(path, type, "the value is null");
            }
            return null;
        }
        switch (type.shape()) {
            case ROW:
                return toRow(value, type.children(), path + '.');
            case ARRAY:
                return toArray(value, type, path);
            case MAP:
                if (!(value instanceof Map)) {
                    throw came(value, type, path);
                }
                final Map<Object, Object> map = new LinkedHashMap<>();
                ((Map<?, ?>) value)
                        .forEach(
                                (k, v) ->
                                        map.put(
                                                convert(k, type.children().get(0), path + " (a key)"),
                                                convert(v, type.children().get(1), path + " (a value)")));
                return map;
            default:
                final Object converted = ColumnValues.convert(value, type.javaClass());
                if (converted == null) {
                    throw came(value, type, path);
                }
                return converted instanceof BigDecimal && type.precision() > 0
                        ? toScale((BigDecimal) converted, type, path)
                        : converted;
        }
    }

    /** Flink makes null of a number with too many digits before the point, and rounds one with too many after it. */
    private BigDecimal toScale(final BigDecimal value, final ColumnType type, final String path) {
        final BigDecimal shortest = value.signum() == 0 ? BigDecimal.ZERO : value.stripTrailingZeros();
        if (shortest.scale() > type.scale() || (long) shortest.precision() - shortest.scale() > type.precision() - type.scale()) {
            throw wrong(
                    path,
                    type,
                    "the value "
                            + ColumnValues.text(value)
                            + " does not fit into "
                            + (type.precision() - type.scale())
                            + " digits before the point and "
                            + type.scale()
                            + " after it");
        }
        return shortest.setScale(type.scale());
    }

    private Object toArray(final Object value, final ColumnType type, final String path) {
        final List<Object> elements = new ArrayList<>();
        if (value instanceof Iterable) {
            ((Iterable<?>) value).forEach(elements::add);
        } else if (value.getClass().isArray()) {
            for (int i = 0; i < Array.getLength(value); i++) {
                elements.add(Array.get(value, i));
            }
        } else {
            throw came(value, type, path);
        }
        final Object array = Array.newInstance(type.javaClass().getComponentType(), elements.size());
        for (int i = 0; i < elements.size(); i++) {
            Array.set(array, i, convert(elements.get(i), type.children().get(0), path + '[' + i + ']'));
        }
        return array;
    }

    private IllegalArgumentException came(final Object value, final ColumnType type, final String path) {
        return wrong(
                path,
                type,
                "a value of class "
                        + value.getClass().getName()
                        + (value instanceof Number ? ", " + ColumnValues.text((Number) value) + ',' : "")
                        + " is not one of class "
                        + type.javaClass().getName());
    }

    private IllegalArgumentException wrong(final String path, final ColumnType type, final String what) {
        return new IllegalArgumentException(
                "An output of agent '"
                        + agentName
                        + "' does not fit the table's column \""
                        + path
                        + "\" of type "
                        + type.sqlType()
                        + ": "
                        + what
                        + ". Change the schema given to toTable, or what the agent sends in its OutputEvent");
    }
}
