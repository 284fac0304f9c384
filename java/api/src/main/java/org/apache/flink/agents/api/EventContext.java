package org.apache.flink.agents.api;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Instant;

/** What event listeners and event loggers get to know beside the event itself. */
public class EventContext {
    private final String eventType;
    private final String timestamp;

    /** Creates the context of an event, with the present moment as its time. */
    public EventContext(Event event) {
        this(event.getType(), Instant.now().toString());
    }

    /**
     * Creates a context from its parts.
     *
     * @param eventType the event type
     * @param timestamp an ISO-8601 instant in UTC
     */
    @JsonCreator
    public EventContext(
            @JsonProperty("eventType") String eventType,
            @JsonProperty("timestamp") String timestamp) {
        this.eventType = eventType;
        this.timestamp = timestamp;
    }

    /** Returns the type of the event. */
    public String getEventType() {
        return eventType;
    }

    /** Returns when the event was processed: an ISO-8601 instant in UTC. */
    public String getTimestamp() {
        return timestamp;
    }
}
