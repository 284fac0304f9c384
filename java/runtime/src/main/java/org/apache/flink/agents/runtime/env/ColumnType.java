package org.apache.flink.agents.runtime.env;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/** What values of a table's column have to be. */
final class ColumnType implements Serializable {
    private static final long serialVersionUID = 1L;

    /** How a column is made up. */
    enum Shape {
        ROW,
        ARRAY,
        MAP,
        LEAF
    }

    private final String name;
    private final String sqlType;
    private final Shape shape;
    private final Class<?> javaClass;
    private final boolean nullable;
    private final ArrayList<ColumnType> children;
    private final int precision;
    private final int scale;

    ColumnType(
            final String name,
            final String sqlType,
            final Shape shape,
            final Class<?> javaClass,
            final boolean nullable,
            final List<ColumnType> children) {
        this(name, sqlType, shape, javaClass, nullable, children, 0, 0);
    }

    private ColumnType(
            final String name,
            final String sqlType,
            final Shape shape,
            final Class<?> javaClass,
            final boolean nullable,
            final List<ColumnType> children,
            final int precision,
            final int scale) {
        this.name = name;
        this.sqlType = sqlType;
        this.shape = shape;
        this.javaClass = javaClass;
        this.nullable = nullable;
        this.children = new ArrayList<>(children);
        this.precision = precision;
        this.scale = scale;
    }

    /** A column of decimal numbers with so many digits, {@code scale} of them after the point. */
    static ColumnType decimal(
            final String name,
            final String sqlType,
            final Class<?> javaClass,
            final boolean nullable,
            final int precision,
            final int scale) {
        return new ColumnType(name, sqlType, Shape.LEAF, javaClass, nullable, List.of(), precision, scale);
    }

    String name() {
        return name;
    }

    /** As SQL writes it. */
    String sqlType() {
        return sqlType;
    }

    Shape shape() {
        return shape;
    }

    /** The class that Flink takes for values of this column. */
    Class<?> javaClass() {
        return javaClass;
    }

    boolean nullable() {
        return nullable;
    }

    /** Digits of a decimal number; 0 for other columns. */
    int precision() {
        return precision;
    }

    /** Digits of a decimal number after the point. */
    int scale() {
        return scale;
    }

    /** Fields of a row, the element of an array, key and value of a map. */
    List<ColumnType> children() {
        return children;
    }
}
