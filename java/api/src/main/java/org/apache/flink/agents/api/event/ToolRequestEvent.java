package org.apache.flink.agents.api.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;

/** Asks for calls of tools; the answer is a {@link ToolResponseEvent}. */
public class ToolRequestEvent extends Event {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_tool_request_event";

    /**
     * Asks for calls.
     *
     * @param model name of the chat model resource that wants them
     * @param toolCalls maps {@code {"id", "type": "function", "function": {"name", "arguments"}}}
     */
    public ToolRequestEvent(String model, List<Map<String, Object>> toolCalls) {
        super(EVENT_TYPE, Attributes.of("model", model, "tool_calls", toolCalls));
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied
     */
    @JsonCreator
    public ToolRequestEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }

    /** Returns any event as one of this class: same id, lineage, timestamp and attributes. */
    public static ToolRequestEvent fromEvent(Event event) {
        return reconstructFrom(event, ToolRequestEvent::new);
    }

    /** Returns the name of the chat model resource that wants the calls. */
    @JsonIgnore
    public String getModel() {
        return Attributes.string(this, "model");
    }

    /** Returns the calls. */
    @JsonIgnore
    public List<Map<String, Object>> getToolCalls() {
        return Attributes.list(this, "tool_calls");
    }
}
