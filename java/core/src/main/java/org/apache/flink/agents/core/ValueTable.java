package org.apache.flink.agents.core;

import java.util.Arrays;

/**
 * The values the core knows by number: events and memory values. An entry lives from {@link #add} until the core releases
 * it. Not thread-safe: used by whoever uses the core.
 */
final class ValueTable {
    private Object[] values = new Object[64];
    private int[] free = new int[64];
    private int freeCount;
    private int used;

    int add(final Object value) {
        final int slot;
        if (freeCount > 0) {
            slot = free[--freeCount];
        } else {
            slot = used++;
            if (slot == values.length) {
                values = Arrays.copyOf(values, slot * 2);
            }
        }
        values[slot] = value;
        return slot;
    }

    Object get(final int slot) {
        return values[slot];
    }

    Object remove(final int slot) {
        final Object value = values[slot];
        values[slot] = null;
        if (freeCount == free.length) {
            free = Arrays.copyOf(free, freeCount * 2);
        }
        free[freeCount++] = slot;
        return value;
    }

    /** Entries in use. */
    int size() {
        return used - freeCount;
    }
}
