package org.apache.flink.agents.api.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;

/** What an action looked up in long-term memory: set to items. */
public class LongTermGetEvent extends MemoryEvent {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_long_term_get_event";

    /**
     * Creates the event.
     *
     * @param key the key of the run, as text
     * @param value what was written or read
     */
    public LongTermGetEvent(String key, Map<String, Object> value) {
        super(EVENT_TYPE, Attributes.of("key", key, "value", value));
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied
     */
    @JsonCreator
    public LongTermGetEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }
}
