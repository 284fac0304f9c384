package org.apache.flink.agents.api;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;

/** An event whose value leaves the agent as a record of the output stream. */
public class OutputEvent extends SingleValueEvent {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_output_event";

    private static final String KEY = "output";

    /**
     * Creates the event with a new random id.
     *
     * @param output the value; may be null
     */
    public OutputEvent(@Nullable Object output) {
        super(EVENT_TYPE, output);
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied; the value is under {@code output}
     */
    @JsonCreator
    public OutputEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }

    private OutputEvent(OutputEvent source) {
        super(EVENT_TYPE, source);
    }

    /** Returns any event as one of this class: same id, lineage, timestamp and attributes. */
    public static OutputEvent fromEvent(Event event) {
        if (event.getClass() == OutputEvent.class && event.isLazy()) {
            return new OutputEvent((OutputEvent) event);
        }
        return reconstructFrom(event, OutputEvent::new);
    }

    /** Returns the output value. */
    @Nullable
    @JsonIgnore
    public Object getOutput() {
        return value();
    }

    @Override
    final String key() {
        return KEY;
    }
}
