package org.apache.flink.agents.runtime.host;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.event.MemoryEvent;
import org.apache.flink.agents.api.event.SensoryReadEvent;
import org.apache.flink.agents.api.event.SensoryWriteEvent;
import org.apache.flink.agents.api.event.ShortTermReadEvent;
import org.apache.flink.agents.api.event.ShortTermWriteEvent;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.value.UnsupportedValueException;

/** What one execution of an action has set in memory and got from it, as far as that becomes events (memory.generate-event.*). */
final class MemoryUses {
    private static final int WRITE = 0;
    private static final int READ = 2;

    private final int kinds;
    private final PlainData plain;
    /** By kind: values by their paths; null where there are none. */
    @SuppressWarnings({"unchecked", "rawtypes"}) // an array of maps
    private final Map<String, Object>[] used = new Map[4];

    private MemoryUses(final int kinds, final PlainData plain) {
        this.kinds = kinds;
        this.plain = plain;
    }

    /** For an action with this trigger; null if nothing becomes an event. One that a memory event has started sends none: it had no end. */
    static MemoryUses of(final AgentsCore core, final Event trigger, final PlainData plain) {
        final int kinds = core.memoryEvents();
        return kinds == 0 || MemoryEvent.isMemoryType(trigger.getType()) ? null : new MemoryUses(kinds, plain);
    }

    void wrote(final int memory, final String path, final Object value) {
        note(WRITE, memory, path, value);
    }

    void read(final int memory, final String path, final Object value) {
        note(READ, memory, path, value);
    }

    private void note(final int use, final int memory, final String path, final Object value) {
        // The core's order of kinds: writes before reads, sensory memory before the other.
        final int kind = use + (memory == AgentsCore.SENSORY ? 0 : 1);
        if ((kinds & 1 << kind) == 0) {
            return;
        }
        if (used[kind] == null) {
            used[kind] = new LinkedHashMap<>();
        }
        try {
            // As it is now: what the action goes on to do with it is not in memory.
            used[kind].put(path, plain.copy(value));
        } catch (final UnsupportedValueException e) {
            // Of no form that JSON has: left out.
            used[kind].remove(path);
        }
    }

    /** Sends them, as what the action sends last. */
    void send(final ActionContext context, final String key) {
        for (int kind = 0; kind < used.length; kind++) {
            if (used[kind] != null) {
                context.sendEvent(event(kind, key, used[kind]));
            }
        }
    }

    private static Event event(final int kind, final String key, final Map<String, Object> values) {
        switch (kind) {
            case 0:
                return new SensoryWriteEvent(key, values);
            case 1:
                return new ShortTermWriteEvent(key, values);
            case 2:
                return new SensoryReadEvent(key, values);
            default:
                return new ShortTermReadEvent(key, values);
        }
    }
}
