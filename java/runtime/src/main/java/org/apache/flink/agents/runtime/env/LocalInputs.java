package org.apache.flink.agents.runtime.env;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.agents.runtime.local.LocalInput;

/** Reads the list form of inputs: maps with {@code key} or {@code k}, and {@code value} or {@code v}. */
final class LocalInputs {
    private static final Set<String> KEY = Set.of("key", "k");
    private static final Set<String> VALUE = Set.of("value", "v");

    private LocalInputs() {}

    /**
     * @throws IllegalArgumentException if an element is wrong; the message names its index
     */
    static List<LocalInput> read(final List<?> list) {
        if (list == null) {
            throw new IllegalArgumentException("fromList(null): give a list of maps with \"key\" and \"value\"");
        }
        final List<LocalInput> inputs = new ArrayList<>(list.size());
        final Set<Object> given = new HashSet<>();
        final List<Long> numbered = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
            final Map<?, ?> element = asMap(list.get(i), i);
            final String keyName = nameOf(element, KEY, i);
            final String valueName = nameOf(element, VALUE, i);
            if (valueName == null) {
                throw wrong(i, "has no \"value\" (or \"v\"); it has " + element.keySet());
            }
            if (element.size() > (keyName == null ? 1 : 2)) {
                throw wrong(i, "has entries that mean nothing here: " + element.keySet() + ". Known are key or k, value or v");
            }
            final Object value = element.get(valueName);
            if (value == null) {
                throw wrong(i, "has null as \"" + valueName + "\", which no stream of Flink can carry");
            }
            if (keyName == null) {
                numbered.add((long) i);
                inputs.add(new LocalInput((long) i, value));
            } else {
                final Object key = checkKey(element.get(keyName), keyName, i);
                given.add(key);
                inputs.add(new LocalInput(key, value));
            }
        }
        for (final Long number : numbered) {
            if (given.contains(number)) {
                throw wrong(
                        number.intValue(),
                        "has no key, so that its index is its key, but another element has the key "
                                + number
                                + "L: give it a key of its own");
            }
        }
        return inputs;
    }

    private static Map<?, ?> asMap(final Object element, final int index) {
        if (!(element instanceof Map)) {
            throw wrong(
                    index,
                    "is "
                            + (element == null ? "null" : "a " + element.getClass().getName())
                            + " instead of a map, such as Map.of(\"key\", \"user-1\", \"value\", 42)");
        }
        return (Map<?, ?>) element;
    }

    private static String nameOf(final Map<?, ?> element, final Set<String> names, final int index) {
        String found = null;
        for (final Object entry : element.keySet()) {
            if (entry instanceof String && names.contains(entry)) {
                if (found != null) {
                    throw wrong(index, "has both of " + element.keySet() + ", which mean the same: leave one out");
                }
                found = (String) entry;
            }
        }
        return found;
    }

    private static Object checkKey(final Object key, final String name, final int index) {
        if (key == null) {
            throw wrong(index, "has null as \"" + name + "\": give a key, or leave it out to have the index as key");
        }
        if (key.getClass().isArray()) {
            throw wrong(
                    index,
                    "has a "
                            + key.getClass().getSimpleName()
                            + " as \""
                            + name
                            + "\": arrays with the same content are not equal, so that they cannot be keys");
        }
        return key;
    }

    private static IllegalArgumentException wrong(final int index, final String what) {
        return new IllegalArgumentException("fromList: element " + index + " (from 0) " + what);
    }
}
