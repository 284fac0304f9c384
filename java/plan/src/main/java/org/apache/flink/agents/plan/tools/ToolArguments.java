package org.apache.flink.agents.plan.tools;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.util.Map;
import java.util.function.Function;
import org.apache.flink.agents.api.UserJson;

/**
 * Makes of what a model gives as an argument what a method takes. Models are not exact: they write {@code 3.0} for an int and
 * {@code "true"} for a boolean. What would lose something, {@code 3.5} for an int, is refused.
 */
final class ToolArguments {
    private static final Map<Class<?>, Function<BigDecimal, Object>> NUMBERS =
            Map.of(
                    byte.class, BigDecimal::byteValueExact,
                    Byte.class, BigDecimal::byteValueExact,
                    short.class, BigDecimal::shortValueExact,
                    Short.class, BigDecimal::shortValueExact,
                    int.class, BigDecimal::intValueExact,
                    Integer.class, BigDecimal::intValueExact,
                    long.class, BigDecimal::longValueExact,
                    Long.class, BigDecimal::longValueExact);

    /** Sees the user's classes: it lives no longer than the tool. */
    private final ObjectMapper mapper;

    ToolArguments(ClassLoader userCode) {
        mapper = UserJson.newMapper(userCode);
    }

    /**
     * Converts an argument.
     *
     * @param value not null
     * @param type what the method takes
     * @param exact the same with its type arguments
     * @throws IllegalArgumentException if it does not fit; the message is for the model
     */
    Object convert(String name, Object value, Class<?> type, Type exact) {
        try {
            if (NUMBERS.containsKey(type)) {
                return NUMBERS.get(type).apply(new BigDecimal(value.toString().trim()));
            }
            if (type == double.class || type == Double.class) {
                return Double.valueOf(value.toString());
            }
            if (type == float.class || type == Float.class) {
                return Float.valueOf(value.toString());
            }
            if (type == boolean.class || type == Boolean.class) {
                return truth(value.toString().trim());
            }
            if (type == String.class) {
                return value.toString();
            }
            if (type == char.class && value.toString().length() == 1) {
                return value.toString().charAt(0);
            }
            if (exact instanceof Class && type.isInstance(value)) {
                return value;
            }
            if (value instanceof String && (((String) value).startsWith("{") || ((String) value).startsWith("["))) {
                return mapper.readValue((String) value, mapper.constructType(exact));
            }
            return mapper.convertValue(value, mapper.constructType(exact));
        } catch (NumberFormatException e) {
            throw unfit(name, value, type, "", e);
        } catch (ArithmeticException e) {
            throw unfit(name, value, type, "", e);
        } catch (JsonProcessingException e) {
            throw unfit(name, value, type, ": " + e.getOriginalMessage(), e);
        } catch (IllegalArgumentException e) {
            final boolean json = e.getCause() instanceof JsonProcessingException;
            throw unfit(name, value, type, json ? ": " + ((JsonProcessingException) e.getCause()).getOriginalMessage() : "", e);
        }
    }

    private static boolean truth(String text) {
        if (text.equalsIgnoreCase("true")) {
            return true;
        }
        if (text.equalsIgnoreCase("false")) {
            return false;
        }
        throw new IllegalArgumentException(text);
    }

    private static IllegalArgumentException unfit(String name, Object value, Class<?> type, String why, Exception cause) {
        return new IllegalArgumentException(
                "Parameter '" + name + "' must be of type " + type.getSimpleName() + ", not " + value + why + ".", cause);
    }
}
