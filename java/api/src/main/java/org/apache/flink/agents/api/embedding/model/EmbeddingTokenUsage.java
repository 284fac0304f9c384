package org.apache.flink.agents.api.embedding.model;

/** How many tokens an embedding took. Immutable. */
public class EmbeddingTokenUsage {
    private final long promptTokens;
    private final long totalTokens;

    /** Creates a count. */
    public EmbeddingTokenUsage(long promptTokens, long totalTokens) {
        this.promptTokens = promptTokens;
        this.totalTokens = totalTokens;
    }

    /** Returns the tokens of the texts. */
    public long getPromptTokens() {
        return promptTokens;
    }

    /** Returns all tokens that are counted. */
    public long getTotalTokens() {
        return totalTokens;
    }
}
