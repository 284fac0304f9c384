package org.apache.flink.agents.api.embedding.model;

import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;

/**
 * A connection to a service of embedding models. One connection may serve several models; it may be
 * used by several threads at once.
 */
public abstract class BaseEmbeddingModelConnection extends Resource {

    public BaseEmbeddingModelConnection(
            ResourceDescriptor descriptor, ResourceContext resourceContext) {
        super(descriptor, resourceContext);
    }

    @Override
    public ResourceType getResourceType() {
        return ResourceType.EMBEDDING_MODEL_CONNECTION;
    }

    /** Returns the embedding of a text; parameters are those of the model, such as its name. */
    public abstract float[] embed(String text, Map<String, Object> parameters);

    /** Returns the embeddings of texts, in their order. */
    public abstract List<float[]> embed(List<String> texts, Map<String, Object> parameters);

    /** Returns the embedding of a text and what it took; by default that is unknown. */
    public EmbeddingResult<float[]> embedWithUsage(String text, Map<String, Object> parameters) {
        return new EmbeddingResult<>(embed(text, parameters), null);
    }

    /** Returns the embeddings of texts and what they took; by default that is unknown. */
    public EmbeddingResult<List<float[]>> embedWithUsage(
            List<String> texts, Map<String, Object> parameters) {
        return new EmbeddingResult<>(embed(texts, parameters), null);
    }
}
