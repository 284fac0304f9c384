package org.apache.flink.agents.api.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;

/** What an action searched in long-term memory: set to query to items. */
public class LongTermSearchEvent extends MemoryEvent {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_long_term_search_event";

    /**
     * Creates the event.
     *
     * @param key the key of the run, as text
     * @param value what was written or read
     */
    public LongTermSearchEvent(String key, Map<String, Object> value) {
        super(EVENT_TYPE, Attributes.of("key", key, "value", value));
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied
     */
    @JsonCreator
    public LongTermSearchEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }

    /** Returns what was found: set to query to items {@code {id, value, score}}. */
    @JsonIgnore
    public Map<String, Map<String, List<Map<String, Object>>>> getResults() {
        return Attributes.map(this, "value");
    }
}
