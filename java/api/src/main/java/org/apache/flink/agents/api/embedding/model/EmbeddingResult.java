package org.apache.flink.agents.api.embedding.model;

import javax.annotation.Nullable;

/**
 * Embeddings and what they took. Immutable.
 *
 * @param <T> {@code float[]} of one text, or {@code List<float[]>} of several
 */
public class EmbeddingResult<T> {
    private final T embeddings;
    private final EmbeddingTokenUsage tokenUsage;

    /** Creates a result; the usage is null if the service does not tell. */
    public EmbeddingResult(T embeddings, @Nullable EmbeddingTokenUsage tokenUsage) {
        this.embeddings = embeddings;
        this.tokenUsage = tokenUsage;
    }

    /** Returns the embeddings. */
    public T getEmbeddings() {
        return embeddings;
    }

    /** Returns how many tokens they took; null if the service does not tell. */
    @Nullable
    public EmbeddingTokenUsage getTokenUsage() {
        return tokenUsage;
    }
}
