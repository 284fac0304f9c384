package org.apache.flink.agents.core;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** Java's side of the core's interned texts: event types and memory paths. Not thread-safe. */
final class Symbols {
    private final long handle;
    private final Map<String, Integer> numbers = new HashMap<>();
    private String[] names = new String[64];

    Symbols(final long handle) {
        this.handle = handle;
    }

    int of(final String text) {
        final Integer known = numbers.get(text);
        return known != null ? known : intern(text);
    }

    private int intern(final String text) {
        final int number = Natives.intern(handle, utf8(text));
        numbers.put(text, number);
        if (number >= names.length) {
            names = Arrays.copyOf(names, Math.max(number + 1, names.length * 2));
        }
        if (names[number] == null) {
            names[number] = text;
        }
        return number;
    }

    /** Texts with unpaired surrogates have no UTF-8 form: two of them would become one. */
    private static byte[] utf8(final String text) {
        try {
            final ByteBuffer bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
            return Arrays.copyOf(bytes.array(), bytes.limit());
        } catch (final CharacterCodingException e) {
            throw new IllegalArgumentException(
                    "An event type or memory path must be valid Unicode text; \"" + text + "\" has an unpaired surrogate", e);
        }
    }

    String name(final int number) {
        if (number < names.length && names[number] != null) {
            return names[number];
        }
        final byte[] name = Natives.symbolName(handle, number);
        if (name == null) {
            throw new AgentsCoreException("The core used symbol " + number + ", which it never gave out");
        }
        final String text = new String(name, StandardCharsets.UTF_8);
        of(text);
        return text;
    }

    /** Gives unused texts back. The core says when; call it before more effects are asked for. */
    void collect() {
        final boolean[] freed = new boolean[names.length];
        for (final int number : Natives.collectSymbols(handle)) {
            if (number < names.length) {
                freed[number] = true;
                names[number] = null;
            }
        }
        numbers.values().removeIf(number -> freed[number]);
    }

    int size() {
        return numbers.size();
    }
}
