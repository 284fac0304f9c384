package org.apache.flink.agents.runtime.env;

import java.lang.invoke.MethodType;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.sql.Timestamp;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;

/**
 * Conversions between Java values that lose nothing that people see: {@code 0.1} is the same as a double, a float and a decimal
 * number, although the computer's values differ.
 */
final class ColumnValues {
    private static final int MAX_TEXT = 60;

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
        if (isBinary(value) && !Double.isFinite(value.doubleValue())) {
            return nonFinite(value.doubleValue(), wanted);
        }
        try {
            if (wanted == BigDecimal.class) {
                return isBinary(value) ? new BigDecimal(value.toString()) : exact(value);
            }
            final BigDecimal exact = exact(value);
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
            if (wanted == Double.class) {
                final double wide = value.doubleValue();
                return Double.isFinite(wide) && (isSame(exact, wide) || isFraction(value, exact, wide)) ? wide : null;
            }
            if (wanted == Float.class) {
                final float narrow = value.floatValue();
                return Float.isFinite(narrow)
                                && (isSame(exact, narrow)
                                        || isFraction(value, exact, narrow)
                                        || value instanceof Double && hasSameText((Double) value, narrow))
                        ? narrow
                        : null;
            }
            return null;
        } catch (final ArithmeticException e) {
            return null;
        }
    }

    private static boolean isSame(final BigDecimal exact, final double found) {
        return new BigDecimal(found).compareTo(exact) == 0;
    }

    /** A decimal fraction stands for the nearest double, as in SQL; not if that is zero. */
    private static boolean isFraction(final Number value, final BigDecimal exact, final double found) {
        return value instanceof BigDecimal && found != 0 && exact.stripTrailingZeros().scale() > 0;
    }

    private static boolean hasSameText(final Double value, final float found) {
        return new BigDecimal(value.toString()).compareTo(new BigDecimal(Float.toString(found))) == 0;
    }

    private static boolean isBinary(final Number value) {
        return value instanceof Double || value instanceof Float;
    }

    private static BigDecimal exact(final Number value) {
        if (value instanceof BigDecimal) {
            return (BigDecimal) value;
        }
        if (value instanceof BigInteger) {
            return new BigDecimal((BigInteger) value);
        }
        return isBinary(value) ? new BigDecimal(value.doubleValue()) : BigDecimal.valueOf(value.longValue());
    }

    /** A number for a message: one that is very long is written with an exponent. */
    static String text(final Number value) {
        final String text = value.toString();
        return text.length() <= MAX_TEXT ? text : exact(value).round(MathContext.DECIMAL32) + " (rounded)";
    }

    private static Object nonFinite(final double value, final Class<?> wanted) {
        if (wanted == Double.class) {
            return value;
        }
        return wanted == Float.class ? (Object) (float) value : null;
    }
}
