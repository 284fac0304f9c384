package org.apache.flink.agents.api.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.vectorstores.Document;

/** The documents that fit a {@link ContextRetrievalRequestEvent}. */
public class ContextRetrievalResponseEvent extends Event {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_context_retrieval_response_event";

    /**
     * Documents.
     *
     * @param requestId id of the request
     * @param query its text
     * @param documents what was found, best first
     */
    public ContextRetrievalResponseEvent(UUID requestId, String query, List<Document> documents) {
        super(
                EVENT_TYPE,
                Attributes.of("request_id", requestId, "query", query, "documents", documents));
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied
     */
    @JsonCreator
    public ContextRetrievalResponseEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }

    /** Returns any event as one of this class: same id, lineage, timestamp and attributes. */
    public static ContextRetrievalResponseEvent fromEvent(Event event) {
        return reconstructFrom(event, ContextRetrievalResponseEvent::new);
    }

    /** Returns the id of the request. */
    @Nullable
    @JsonIgnore
    public UUID getRequestId() {
        return Attributes.uuid(this, "request_id");
    }

    /** Returns the text of the request. */
    @JsonIgnore
    public String getQuery() {
        return Attributes.string(this, "query");
    }

    /** Returns what was found, best first. */
    @JsonIgnore
    public List<Document> getDocuments() {
        return Attributes.beans(this, "documents", Document.class);
    }
}
