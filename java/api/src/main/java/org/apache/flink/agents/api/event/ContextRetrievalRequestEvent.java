package org.apache.flink.agents.api.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;

/** Asks a vector store; the answer is a {@link ContextRetrievalResponseEvent}. */
public class ContextRetrievalRequestEvent extends Event {
    /** The type of these events. */
    public static final String EVENT_TYPE = "_context_retrieval_request_event";

    /** The number of documents that is asked for by default. */
    private static final int DEFAULT_MAX_RESULTS = 3;

    /** Asks for at most 3 documents. */
    public ContextRetrievalRequestEvent(String query, String vectorStore) {
        this(query, vectorStore, DEFAULT_MAX_RESULTS);
    }

    /**
     * Asks a store.
     *
     * @param query the text that documents are to fit
     * @param vectorStore name of the vector store resource
     * @param maxResults at most so many documents
     */
    public ContextRetrievalRequestEvent(String query, String vectorStore, int maxResults) {
        super(
                EVENT_TYPE,
                Attributes.of(
                        "query", query, "vector_store", vectorStore, "max_results", maxResults));
    }

    /**
     * Creates the event from its parts, as when it is read back.
     *
     * @param id the id; null means a new random one
     * @param attributes copied
     */
    @JsonCreator
    public ContextRetrievalRequestEvent(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes) {
        super(id, EVENT_TYPE, attributes);
    }

    /** Returns any event as one of this class: same id, lineage, timestamp and attributes. */
    public static ContextRetrievalRequestEvent fromEvent(Event event) {
        return reconstructFrom(event, ContextRetrievalRequestEvent::new);
    }

    /** Returns the text that documents are to fit. */
    @JsonIgnore
    public String getQuery() {
        return Attributes.string(this, "query");
    }

    /** Returns the name of the vector store resource. */
    @JsonIgnore
    public String getVectorStore() {
        return Attributes.string(this, "vector_store");
    }

    /** Returns how many documents are wanted at most. */
    @JsonIgnore
    public int getMaxResults() {
        return (int) Attributes.number(this, "max_results", DEFAULT_MAX_RESULTS);
    }
}
