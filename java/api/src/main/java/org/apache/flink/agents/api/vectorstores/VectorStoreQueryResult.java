package org.apache.flink.agents.api.vectorstores;

import java.util.List;

/** The answer to a {@link VectorStoreQuery}. */
public class VectorStoreQueryResult {
    private final List<Document> documents;

    /** Creates an answer. */
    public VectorStoreQueryResult(List<Document> documents) {
        this.documents = documents;
    }

    /** Returns the documents, best first. */
    public List<Document> getDocuments() {
        return documents;
    }
}
