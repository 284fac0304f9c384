package org.apache.flink.agents.api.event;

import com.fasterxml.jackson.annotation.JsonIgnore;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.function.BiFunction;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;

/**
 * What an action did with memory; sent when it has finished, if the options {@code
 * memory.generate-event.*} say so.
 */
public abstract class MemoryEvent extends Event {
    private static final Map<String, BiFunction<UUID, Map<String, Object>, MemoryEvent>> CLASSES =
            classes();

    MemoryEvent(String type, Map<String, Object> attributes) {
        super(type, attributes);
    }

    MemoryEvent(@Nullable UUID id, String type, @Nullable Map<String, Object> attributes) {
        super(id, type, attributes);
    }

    private static Map<String, BiFunction<UUID, Map<String, Object>, MemoryEvent>> classes() {
        final Map<String, BiFunction<UUID, Map<String, Object>, MemoryEvent>> result =
                new LinkedHashMap<>();
        result.put(SensoryWriteEvent.EVENT_TYPE, SensoryWriteEvent::new);
        result.put(ShortTermWriteEvent.EVENT_TYPE, ShortTermWriteEvent::new);
        result.put(SensoryReadEvent.EVENT_TYPE, SensoryReadEvent::new);
        result.put(ShortTermReadEvent.EVENT_TYPE, ShortTermReadEvent::new);
        result.put(LongTermUpdateEvent.EVENT_TYPE, LongTermUpdateEvent::new);
        result.put(LongTermGetEvent.EVENT_TYPE, LongTermGetEvent::new);
        result.put(LongTermSearchEvent.EVENT_TYPE, LongTermSearchEvent::new);
        return result;
    }

    /** Tells whether an event type is one of these. */
    public static boolean isMemoryType(@Nullable String eventType) {
        return CLASSES.containsKey(eventType);
    }

    /**
     * Returns an event as the memory event of its type: same id, lineage, timestamp and attributes.
     *
     * @throws IllegalArgumentException if it is no memory event
     */
    public static MemoryEvent fromEvent(Event event) {
        final BiFunction<UUID, Map<String, Object>, MemoryEvent> constructor =
                CLASSES.get(event.getType());
        if (constructor == null) {
            throw new IllegalArgumentException(
                    "Event "
                            + event.getId()
                            + " of type '"
                            + event.getType()
                            + "' is no memory event; those are "
                            + CLASSES.keySet()
                            + ".");
        }
        return reconstructFrom(event, constructor);
    }

    /** Returns the key of the run, as text. */
    @JsonIgnore
    public String getKey() {
        return Attributes.string(this, "key");
    }

    /** Returns what was written or read, never null, unmodifiable. */
    @JsonIgnore
    public Map<String, Object> getValue() {
        return Collections.unmodifiableMap(Attributes.map(this, "value"));
    }
}
