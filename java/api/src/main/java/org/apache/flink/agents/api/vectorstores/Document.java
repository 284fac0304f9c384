package org.apache.flink.agents.api.vectorstores;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import javax.annotation.Nullable;

/** A text with metadata, as vector stores keep it. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonPropertyOrder({"content", "metadata", "id", "embedding", "score"})
public class Document {
    private final String content;
    private final Map<String, Object> metadata;
    private final String id;
    private float[] embedding;
    private Float score;

    /** Creates a document without embedding and score. */
    public Document(
            String content, @Nullable Map<String, Object> metadata, @Nullable String id) {
        this(content, metadata, id, null, null);
    }

    /** Creates a document without score. */
    public Document(
            String content,
            @Nullable Map<String, Object> metadata,
            @Nullable String id,
            @Nullable float[] embedding) {
        this(content, metadata, id, embedding, null);
    }

    /**
     * Creates a document.
     *
     * @param content the text
     * @param metadata what is known of it; copied; null means nothing
     * @param id its id in the store; null while the store has not given one
     * @param embedding its vector; null while it has not been computed
     * @param score how well it fits a query; null outside of query results
     */
    @JsonCreator
    public Document(
            @JsonProperty("content") String content,
            @JsonProperty("metadata") @Nullable Map<String, Object> metadata,
            @JsonProperty("id") @Nullable String id,
            @JsonProperty("embedding") @Nullable float[] embedding,
            @JsonProperty("score") @Nullable Float score) {
        this.content = content;
        this.metadata = metadata == null ? new LinkedHashMap<>() : new LinkedHashMap<>(metadata);
        this.id = id;
        this.embedding = embedding;
        this.score = score;
    }

    /** Returns the text. */
    public String getContent() {
        return content;
    }

    /** Returns what is known of the document, never null: the live map. */
    public Map<String, Object> getMetadata() {
        return metadata;
    }

    /** Returns the id in the store; null while the store has not given one. */
    @Nullable
    public String getId() {
        return id;
    }

    /** Sets the vector. */
    public void setEmbedding(@Nullable float[] embedding) {
        this.embedding = embedding;
    }

    /** Returns the vector; null while it has not been computed. */
    @Nullable
    public float[] getEmbedding() {
        return embedding;
    }

    /** Returns how well the document fits a query; null outside of query results. */
    @Nullable
    public Float getScore() {
        return score;
    }

    /** Sets how well the document fits a query. */
    public void setScore(@Nullable Float score) {
        this.score = score;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (other == null || getClass() != other.getClass()) {
            return false;
        }
        final Document that = (Document) other;
        return Objects.equals(content, that.content)
                && metadata.equals(that.metadata)
                && Objects.equals(id, that.id)
                && Arrays.equals(embedding, that.embedding)
                && Objects.equals(score, that.score);
    }

    @Override
    public int hashCode() {
        return Objects.hash(content, metadata, id, score) * 31 + Arrays.hashCode(embedding);
    }

    @Override
    public String toString() {
        return "Document{id='" + id + "', content='" + content + "', metadata=" + metadata + ", score=" + score + '}';
    }
}
