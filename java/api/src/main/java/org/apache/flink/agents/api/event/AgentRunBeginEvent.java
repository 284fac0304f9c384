package org.apache.flink.agents.api.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Collections;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;

/** A run begins; with the state of short-term memory at that moment. */
public class AgentRunBeginEvent extends Event {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_agent_run_begin_event";

    /**
     * Creates the event.
     *
     * @param key the key of the run, as text
     * @param value path to value for every value in short-term memory
     */
    public AgentRunBeginEvent(String key, Map<String, Object> value) {
        super(EVENT_TYPE, Attributes.of("key", key, "value", value));
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied
     */
    @JsonCreator
    public AgentRunBeginEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }

    /** Returns any event as one of this class: same id, lineage, timestamp and attributes. */
    public static AgentRunBeginEvent fromEvent(Event event) {
        return reconstructFrom(event, AgentRunBeginEvent::new);
    }

    /** Returns the key of the run, as text. */
    @JsonIgnore
    public String getKey() {
        return Attributes.string(this, "key");
    }

    /** Returns path to value for every value in short-term memory, unmodifiable. */
    @JsonIgnore
    public Map<String, Object> getValue() {
        return Collections.unmodifiableMap(Attributes.map(this, "value"));
    }
}
