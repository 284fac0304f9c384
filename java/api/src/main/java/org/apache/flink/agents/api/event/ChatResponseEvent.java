package org.apache.flink.agents.api.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.chat.messages.ChatMessage;

/** The answer of a chat model to a {@link ChatRequestEvent}. */
public class ChatResponseEvent extends Event {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_chat_response_event";

    /** An answer to the first try. */
    public ChatResponseEvent(UUID requestId, ChatMessage response) {
        this(requestId, response, 0, 0);
    }

    /**
     * An answer.
     *
     * @param requestId id of the request, also after rounds of tool calls
     * @param response what the model says
     * @param retryCount how often the model was asked again after failures
     * @param totalRetryWaitSec how long was waited for that, in seconds
     */
    public ChatResponseEvent(
            UUID requestId, ChatMessage response, int retryCount, int totalRetryWaitSec) {
        super(
                EVENT_TYPE,
                Attributes.of(
                        "request_id",
                        requestId,
                        "response",
                        response,
                        "retry_count",
                        retryCount,
                        "total_retry_wait_sec",
                        totalRetryWaitSec));
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied
     */
    @JsonCreator
    public ChatResponseEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }

    /** Returns any event as one of this class: same id, lineage, timestamp and attributes. */
    public static ChatResponseEvent fromEvent(Event event) {
        return reconstructFrom(event, ChatResponseEvent::new);
    }

    /** Returns the id of the request. */
    @Nullable
    @JsonIgnore
    public UUID getRequestId() {
        return Attributes.uuid(this, "request_id");
    }

    /** Returns what the model says. */
    @Nullable
    @JsonIgnore
    public ChatMessage getResponse() {
        return Attributes.bean(this, "response", getAttr("response"), ChatMessage.class);
    }

    /** Returns how often the model was asked again after failures. */
    @JsonIgnore
    public int getRetryCount() {
        return (int) Attributes.number(this, "retry_count", 0);
    }

    /** Returns how long was waited between tries, in seconds. */
    @JsonIgnore
    public int getTotalRetryWaitSec() {
        return (int) Attributes.number(this, "total_retry_wait_sec", 0);
    }
}
