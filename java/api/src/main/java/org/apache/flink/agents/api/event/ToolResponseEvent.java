package org.apache.flink.agents.api.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.tools.ToolResponse;

/** What came of the calls of a {@link ToolRequestEvent}. Its maps go by call id. */
public class ToolResponseEvent extends Event {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_tool_response_event";

    /** Answers without external ids. */
    public ToolResponseEvent(
            UUID requestId,
            Map<String, ToolResponse> responses,
            Map<String, Boolean> success,
            Map<String, String> error) {
        this(requestId, responses, success, error, new LinkedHashMap<>());
    }

    /**
     * Answers.
     *
     * @param requestId id of the request
     * @param responses what each call gave
     * @param success whether it succeeded
     * @param error why it failed, for calls that did
     * @param externalIds the ids that the service of the model gave to calls; null means none
     */
    public ToolResponseEvent(
            UUID requestId,
            Map<String, ToolResponse> responses,
            Map<String, Boolean> success,
            Map<String, String> error,
            @Nullable Map<String, String> externalIds) {
        super(
                EVENT_TYPE,
                Attributes.of(
                        "request_id",
                        requestId,
                        "responses",
                        responses,
                        "external_ids",
                        externalIds == null ? new LinkedHashMap<>() : externalIds,
                        "success",
                        success,
                        "error",
                        error,
                        "timestamp",
                        System.currentTimeMillis()));
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied
     */
    @JsonCreator
    public ToolResponseEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }

    /** Returns any event as one of this class: same id, lineage, timestamp and attributes. */
    public static ToolResponseEvent fromEvent(Event event) {
        return reconstructFrom(event, ToolResponseEvent::new);
    }

    /** Returns the id of the request. */
    @Nullable
    @JsonIgnore
    public UUID getRequestId() {
        return Attributes.uuid(this, "request_id");
    }

    /** Returns what each call gave; a raw value from Python counts as a result. */
    @JsonIgnore
    public Map<String, ToolResponse> getResponses() {
        return Attributes.mapValues(
                Attributes.map(this, "responses"),
                value -> Attributes.toolResponse(this, "responses", value));
    }

    /** Returns the ids that the service of the model gave to calls, never null. */
    @JsonIgnore
    public Map<String, String> getExternalIds() {
        return Attributes.map(this, "external_ids");
    }

    /** Returns whether each call succeeded, never null; Python 0.3.1 does not tell. */
    @JsonIgnore
    public Map<String, Boolean> getSuccess() {
        return Attributes.map(this, "success");
    }

    /** Returns why calls failed, never null. */
    @JsonIgnore
    public Map<String, String> getError() {
        return Attributes.map(this, "error");
    }

    /** Returns when the event was made, in epoch milliseconds; 0 if it does not tell (Python). */
    @JsonIgnore
    public long getTimestamp() {
        return Attributes.number(this, "timestamp", 0L);
    }
}
