package org.apache.flink.agents.api.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;

/** What an action wrote to short-term memory: path to last value. */
public class ShortTermWriteEvent extends MemoryEvent {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_short_term_write_event";

    /**
     * Creates the event.
     *
     * @param key the key of the run, as text
     * @param value what was written or read
     */
    public ShortTermWriteEvent(String key, Map<String, Object> value) {
        super(EVENT_TYPE, Attributes.of("key", key, "value", value));
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied
     */
    @JsonCreator
    public ShortTermWriteEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }
}
