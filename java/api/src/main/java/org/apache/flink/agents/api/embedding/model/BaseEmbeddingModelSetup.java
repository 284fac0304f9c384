package org.apache.flink.agents.api.embedding.model;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;

/**
 * An embedding model as an agent uses it. Arguments: {@code connection} (name), {@code model}.
 *
 * <p>Arguments of a single call win over {@link #getParameters()}.
 */
public abstract class BaseEmbeddingModelSetup extends Resource {
    protected final String connectionName;
    @Nullable protected final String model;

    private BaseEmbeddingModelConnection connection;

    public BaseEmbeddingModelSetup(ResourceDescriptor descriptor, ResourceContext resourceContext) {
        super(descriptor, resourceContext);
        this.connectionName = descriptor.getArgument("connection");
        this.model = descriptor.getArgument("model");
    }

    /**
     * Looks up the connection.
     *
     * @throws IllegalArgumentException if it does not exist or is of another kind
     */
    @Override
    public void open() throws Exception {
        if (connectionName == null) {
            throw new IllegalArgumentException(
                    getClass().getSimpleName()
                            + " needs the name of an embedding_model_connection resource as argument"
                            + " 'connection'.");
        }
        final Resource resource =
                resourceContext.getResource(
                        connectionName, ResourceType.EMBEDDING_MODEL_CONNECTION);
        if (!(resource instanceof BaseEmbeddingModelConnection)) {
            throw new IllegalArgumentException(
                    "Resource '"
                            + connectionName
                            + "' must be a BaseEmbeddingModelConnection, not "
                            + (resource == null ? "null" : resource.getClass().getName())
                            + ".");
        }
        connection = (BaseEmbeddingModelConnection) resource;
    }

    /** Returns the arguments of the model that go with every call. */
    public abstract Map<String, Object> getParameters();

    @Override
    public ResourceType getResourceType() {
        return ResourceType.EMBEDDING_MODEL;
    }

    /**
     * Returns the connection.
     *
     * @throws IllegalStateException if {@link #open()} has not been called
     */
    public BaseEmbeddingModelConnection getConnection() {
        if (connection == null) {
            throw new IllegalStateException(
                    getClass().getSimpleName()
                            + " has not been opened; get it by RunnerContext.getResource.");
        }
        return connection;
    }

    /** Returns the id of the model; null if the connection decides. */
    @Nullable
    public String getModel() {
        return model;
    }

    /** Returns the embedding of a text. */
    public float[] embed(String text) {
        return embed(text, Collections.emptyMap());
    }

    /** Returns the embedding of a text. */
    public float[] embed(String text, @Nullable Map<String, Object> parameters) {
        return getConnection().embed(text, merged(parameters));
    }

    /** Returns the embedding of a text and what it took. */
    public EmbeddingResult<float[]> embedWithUsage(String text) {
        return embedWithUsage(text, Collections.emptyMap());
    }

    /** Returns the embedding of a text and what it took. */
    public EmbeddingResult<float[]> embedWithUsage(
            String text, @Nullable Map<String, Object> parameters) {
        return getConnection().embedWithUsage(text, merged(parameters));
    }

    /** Returns the embeddings of texts, in their order. */
    public List<float[]> embed(List<String> texts) {
        return embed(texts, Collections.emptyMap());
    }

    /** Returns the embeddings of texts, in their order. */
    public List<float[]> embed(List<String> texts, @Nullable Map<String, Object> parameters) {
        return getConnection().embed(texts, merged(parameters));
    }

    /** Returns the embeddings of texts and what they took. */
    public EmbeddingResult<List<float[]>> embedWithUsage(List<String> texts) {
        return embedWithUsage(texts, Collections.emptyMap());
    }

    /** Returns the embeddings of texts and what they took. */
    public EmbeddingResult<List<float[]>> embedWithUsage(
            List<String> texts, @Nullable Map<String, Object> parameters) {
        return getConnection().embedWithUsage(texts, merged(parameters));
    }

    private Map<String, Object> merged(Map<String, Object> parameters) {
        final Map<String, Object> result = new LinkedHashMap<>(getParameters());
        if (parameters != null) {
            result.putAll(parameters);
        }
        return result;
    }
}
