package org.apache.flink.agents.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Reads values of a configuration as the core does and Python does: {@code e2e-test/conformance/config-values.json}, which
 * all three are tested with, says how.
 */
final class ConfigValues {
    private static final Pattern WHOLE = Pattern.compile("([+-]?)(?:0x([0-9a-fA-F]+)|0o([0-7]+)|([0-9]+)(?:\\.0)?)");
    private static final Pattern NUMBER = Pattern.compile("[+-]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?");
    /** As in {@code rust/core/src/config/secret.rs}. */
    private static final List<String> SECRETS =
            List.of(
                    "password", "passphrase", "secret", "apikey", "accesskey", "privatekey", "servicekey", "credential", "jaas",
                    "keypem", "authparams", "basicauth", "bearer", "httpheaders", "otlpheaders", "token");

    private ConfigValues() {}

    /**
     * Converts a value.
     *
     * @throws IllegalArgumentException if it does not fit; the text says what was expected
     */
    static Object convert(final Object value, final Class<?> type) {
        if (type == List.class) {
            return list(value);
        }
        if (type.isInstance(value)) {
            return value;
        }
        if (type == String.class) {
            return text(value);
        }
        final String text = value instanceof List ? "" : value.toString().trim();
        if (type == Integer.class) {
            return Math.toIntExact(whole(text));
        }
        if (type == Long.class) {
            return whole(text);
        }
        if (type == Float.class) {
            return finite(Float.parseFloat(number(text)), text).floatValue();
        }
        if (type == Double.class) {
            return finite(Double.parseDouble(number(text)), text).doubleValue();
        }
        if (type == Boolean.class) {
            if (text.equalsIgnoreCase("true") || text.equalsIgnoreCase("false")) {
                return Boolean.valueOf(text);
            }
            throw new IllegalArgumentException("not a boolean");
        }
        if (type.isEnum()) {
            for (final Object constant : type.getEnumConstants()) {
                if (word(((Enum<?>) constant).name()).equals(word(text))) {
                    return constant;
                }
            }
            throw new IllegalArgumentException("not a constant");
        }
        throw new IllegalArgumentException("unsupported type");
    }

    private static long whole(final String text) {
        final var found = WHOLE.matcher(text);
        if (!found.matches()) {
            throw new NumberFormatException(text);
        }
        final int radix = found.group(2) != null ? 16 : found.group(3) != null ? 8 : 10;
        final String digits = found.group(radix == 16 ? 2 : radix == 8 ? 3 : 4);
        return Long.parseLong(found.group(1) + digits, radix);
    }

    private static String number(final String text) {
        if (!NUMBER.matcher(text).matches()) {
            throw new NumberFormatException(text);
        }
        return text;
    }

    private static Number finite(final Number number, final String text) {
        if (Double.isInfinite(number.doubleValue())) {
            throw new NumberFormatException(text);
        }
        return number;
    }

    /** Without regard to case; words are joined by - or _. */
    private static String word(final String text) {
        return text.toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static String text(final Object value) {
        return value instanceof List
                ? ((List<?>) value).stream().map(ConfigValues::text).collect(Collectors.joining(";"))
                : String.valueOf(value);
    }

    /** Elements of a text stand between ; or , in brackets or without, in quotes or without. */
    private static List<Object> list(final Object value) {
        if (value instanceof List) {
            return new ArrayList<>((List<?>) value);
        }
        if (!(value instanceof String)) {
            throw new IllegalArgumentException("not a list");
        }
        String text = ((String) value).trim();
        if (text.startsWith("[") && text.endsWith("]")) {
            text = text.substring(1, text.length() - 1);
        }
        final List<Object> elements = new ArrayList<>();
        for (final String part : text.split("[;,]")) {
            final String element = part.trim().replaceAll("^[\"']+|[\"']+$", "");
            if (!element.isEmpty()) {
                elements.add(element);
            }
        }
        return elements;
    }

    /** What a type expects, for messages. */
    static String expected(final Class<?> type) {
        if (type == Integer.class || type == Long.class) {
            return "a whole number that fits into " + (type == Integer.class ? "32" : "64") + " bits";
        }
        if (type == Float.class || type == Double.class) {
            return "a number";
        }
        if (type == Boolean.class) {
            return "true or false";
        }
        if (type == List.class) {
            return "a list, nor a text with ';' between elements";
        }
        if (type.isEnum()) {
            final List<String> names = new ArrayList<>();
            for (final Object constant : type.getEnumConstants()) {
                names.add(((Enum<?>) constant).name());
            }
            return "one of " + String.join(", ", names);
        }
        return "of type "
                + type.getName()
                + ", which options cannot have; use String, Integer, Long, Float, Double, Boolean, an"
                + " enum or List";
    }

    /** A value as messages show it: not if its key is that of a secret. */
    static String shown(final String key, final Object value) {
        return isSecret(key) && !isReference(value) ? "(a secret, not shown)" : "'" + value + "'";
    }

    /** Whether values of a key are secrets, by its name. */
    static boolean isSecret(final String key) {
        final String letters = key.toLowerCase(Locale.ROOT).replaceAll("[-_.]", "").replace("tokens", "");
        return SECRETS.stream().anyMatch(letters::contains);
    }

    /** Whether a value refers to a secret that lies elsewhere. */
    static boolean isReference(final Object value) {
        return value instanceof String && ((String) value).trim().matches("(?s)\\$\\{(env|file):.+}");
    }
}
