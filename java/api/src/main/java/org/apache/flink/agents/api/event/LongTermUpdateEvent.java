package org.apache.flink.agents.api.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;

/** What an action changed in long-term memory: set to items. */
public class LongTermUpdateEvent extends MemoryEvent {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_long_term_update_event";

    /** Creates the event; no set was deleted. */
    public LongTermUpdateEvent(String key, Map<String, Object> value) {
        this(key, value, new ArrayList<>());
    }

    /**
     * Creates the event.
     *
     * @param key the key of the run, as text
     * @param value what was changed
     * @param clearedSets names of the sets that were deleted before
     */
    public LongTermUpdateEvent(String key, Map<String, Object> value, List<String> clearedSets) {
        super(
                EVENT_TYPE,
                Attributes.of("key", key, "value", value, "cleared_sets", clearedSets));
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied
     */
    @JsonCreator
    public LongTermUpdateEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }

    /** Returns the names of the sets that were deleted before, never null. */
    @JsonIgnore
    public List<String> getClearedSets() {
        return Attributes.list(this, "cleared_sets");
    }
}
