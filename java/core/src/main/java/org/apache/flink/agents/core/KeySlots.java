package org.apache.flink.agents.core;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * Numbers for the keys that have unfinished inputs: small, reused. Keys are compared by {@code equals}, as Flink does, so
 * that {@code 1}, {@code 1L} and {@code "1"} are three keys.
 *
 * <p>Most runs end within the call that brought their input, so the key in use enters the map only when it is still
 * unfinished at the end of that call ({@link #settle}). Not thread-safe.
 */
public final class KeySlots {
    private static final int NONE = -1;

    private final Map<Object, Integer> slots = new HashMap<>();
    private final UnaryOperator<Object> copy;
    private Object[] keys = new Object[16];
    private int[] free = new int[16];
    private int freeCount;
    private int used;
    private int unsettled = NONE;

    /** @param copy makes a private copy of a key that has to be kept, for hosts that reuse key objects */
    public KeySlots(final UnaryOperator<Object> copy) {
        this.copy = copy;
    }

    /** The slot of a key, given to it if it has none. Call {@link #settle} before the key object may change. */
    public int acquire(final Object key) {
        if (unsettled != NONE) {
            settle();
        }
        if (!slots.isEmpty()) {
            final Integer known = slots.get(key);
            if (known != null) {
                return known;
            }
        }
        final int slot;
        if (freeCount > 0) {
            slot = free[--freeCount];
        } else {
            slot = used++;
            if (slot == keys.length) {
                keys = Arrays.copyOf(keys, slot * 2);
            }
        }
        keys[slot] = key;
        unsettled = slot;
        return slot;
    }

    /** The key given to {@link #acquire} last is kept if it is still in use. */
    public void settle() {
        if (unsettled == NONE) {
            return;
        }
        final int slot = unsettled;
        unsettled = NONE;
        keys[slot] = copy.apply(keys[slot]);
        slots.put(keys[slot], slot);
    }

    /** The key of a slot in use. */
    public Object key(final int slot) {
        return keys[slot];
    }

    /** The key is idle: its slot may be given to another. */
    public void release(final int slot) {
        if (slot >= used || keys[slot] == null) {
            throw new IllegalStateException(
                    "Key slot " + slot + " is free already: carry out all effects of an input before the next one");
        }
        if (slot == unsettled) {
            unsettled = NONE;
        } else {
            slots.remove(keys[slot]);
        }
        keys[slot] = null;
        if (freeCount == free.length) {
            free = Arrays.copyOf(free, freeCount * 2);
        }
        free[freeCount++] = slot;
    }

    /** Keys in use. */
    public int size() {
        return used - freeCount;
    }
}
