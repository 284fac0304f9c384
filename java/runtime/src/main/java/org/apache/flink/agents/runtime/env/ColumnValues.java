package org.apache.flink.agents.runtime.env;

import java.lang.invoke.MethodType;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.sql.Timestamp;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;

/** Conversions between Java values that lose nothing. */
final class ColumnValues {
    private ColumnValues() {}

    static boolean fits(final Object value, final Class<?> wanted) {
        return convert(value, wanted) != null;
    }

    /** Returns the value as one of a class, or null if it is none. */
    static Object convert(final Object value, final Class<?> wanted) {
        final Class<?> boxed = boxed(wanted);
        if (boxed.isInstance(value)) {
            return value;
        }
        if (value instanceof Number) {
            return number((Number) value, boxed);
        }
        if (boxed == String.class) {
            return value instanceof CharSequence || value instanceof Character
                    ? value.toString()
                    : value instanceof Enum ? ((Enum<?>) value).name() : null;
        }
        if (boxed == LocalDateTime.class && value instanceof Timestamp) {
            return ((Timestamp) value).toLocalDateTime();
        }
        if (boxed == Timestamp.class && value instanceof LocalDateTime) {
            return Timestamp.valueOf((LocalDateTime) value);
        }
        if (boxed == Instant.class && value instanceof Timestamp) {
            return ((Timestamp) value).toInstant();
        }
        if (boxed == LocalDate.class && value instanceof java.sql.Date) {
            return ((java.sql.Date) value).toLocalDate();
        }
        if (boxed == LocalTime.class && value instanceof java.sql.Time) {
            return ((java.sql.Time) value).toLocalTime();
        }
        return null;
    }

    private static Class<?> boxed(final Class<?> type) {
        // Columns that may not be null have primitive classes.
        return MethodType.methodType(type).wrap().returnType();
    }

    private static Object number(final Number value, final Class<?> wanted) {
        try {
            final BigDecimal exact = exact(value);
            if (exact == null) {
                return nonFinite(value.doubleValue(), wanted);
            }
            if (wanted == Long.class) {
                return exact.longValueExact();
            }
            if (wanted == Integer.class) {
                return exact.intValueExact();
            }
            if (wanted == Short.class) {
                return exact.shortValueExact();
            }
            if (wanted == Byte.class) {
                return exact.byteValueExact();
            }
            if (wanted == BigDecimal.class) {
                return exact;
            }
            if (wanted == Double.class) {
                final double wide = value.doubleValue();
                return Double.isFinite(wide) && new BigDecimal(wide).compareTo(exact) == 0 ? wide : null;
            }
            if (wanted == Float.class) {
                final float narrow = value.floatValue();
                return Float.isFinite(narrow) && new BigDecimal(narrow).compareTo(exact) == 0 ? narrow : null;
            }
            return null;
        } catch (final ArithmeticException e) {
            return null;
        }
    }

    private static BigDecimal exact(final Number value) {
        if (value instanceof BigDecimal) {
            return (BigDecimal) value;
        }
        if (value instanceof BigInteger) {
            return new BigDecimal((BigInteger) value);
        }
        if (value instanceof Double || value instanceof Float) {
            return Double.isFinite(value.doubleValue()) ? new BigDecimal(value.doubleValue()) : null;
        }
        return BigDecimal.valueOf(value.longValue());
    }

    private static Object nonFinite(final double value, final Class<?> wanted) {
        if (wanted == Double.class) {
            return value;
        }
        return wanted == Float.class ? (Object) (float) value : null;
    }
}
