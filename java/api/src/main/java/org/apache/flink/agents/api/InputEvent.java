package org.apache.flink.agents.api;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;

/** The event a record of the input stream becomes; it starts a run of the agent. */
public class InputEvent extends SingleValueEvent {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_input_event";

    private static final String KEY = "input";

    /**
     * Creates the event with a new random id.
     *
     * @param input the value; may be null
     */
    public InputEvent(@Nullable Object input) {
        super(EVENT_TYPE, input);
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied; the value is under {@code input}
     */
    @JsonCreator
    public InputEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }

    private InputEvent(InputEvent source) {
        super(EVENT_TYPE, source);
    }

    /** Returns any event as one of this class: same id, lineage, timestamp and attributes. */
    public static InputEvent fromEvent(Event event) {
        if (event.getClass() == InputEvent.class && event.isLazy()) {
            return new InputEvent((InputEvent) event);
        }
        return reconstructFrom(event, InputEvent::new);
    }

    /** Returns the input value. */
    @Nullable
    @JsonIgnore
    public Object getInput() {
        return value();
    }

    @Override
    final String key() {
        return KEY;
    }
}
