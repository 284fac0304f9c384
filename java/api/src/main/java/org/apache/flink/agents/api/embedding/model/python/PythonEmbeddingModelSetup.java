package org.apache.flink.agents.api.embedding.model.python;

import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelConnection;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelSetup;
import org.apache.flink.agents.api.embedding.model.EmbeddingResult;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResource;
import org.apache.flink.agents.api.resource.python.PythonResourceWrapper;

/**
 * Stands for a setup that is written in Python, whose class is the argument {@code pythonClazz}. Its connection is looked up in Python, as
 * are the parameters of the model.
 */
public class PythonEmbeddingModelSetup extends BaseEmbeddingModelSetup implements PythonResourceWrapper {
    private final PythonResource resource;
    private final PythonEmbeddings python;

    public PythonEmbeddingModelSetup(ResourceDescriptor descriptor, ResourceContext resourceContext) {
        super(descriptor, resourceContext);
        resource = PythonResource.of(ResourceType.EMBEDDING_MODEL, descriptor, resourceContext);
        python = new PythonEmbeddings(resource);
    }

    @Override
    public Object getPythonResource() {
        return resource;
    }

    /** Does nothing: the connection is looked up in Python. */
    @Override
    public void open() {}

    /** Returns none: those of the setup are known in Python. */
    @Override
    public Map<String, Object> getParameters() {
        return Map.of();
    }

    /**
     * Not here: the connection is looked up in Python.
     *
     * @throws UnsupportedOperationException always
     */
    @Override
    public BaseEmbeddingModelConnection getConnection() {
        throw new UnsupportedOperationException(
                resource + " is asked in Python and has no connection in Java; get that by its name, '" + connectionName + "'.");
    }

    @Override
    public float[] embed(String text, @Nullable Map<String, Object> parameters) {
        return embedWithUsage(text, parameters).getEmbeddings();
    }

    @Override
    public List<float[]> embed(List<String> texts, @Nullable Map<String, Object> parameters) {
        return embedWithUsage(texts, parameters).getEmbeddings();
    }

    @Override
    public EmbeddingResult<float[]> embedWithUsage(String text, @Nullable Map<String, Object> parameters) {
        return python.of(text, parameters);
    }

    @Override
    public EmbeddingResult<List<float[]>> embedWithUsage(List<String> texts, @Nullable Map<String, Object> parameters) {
        return python.of(texts, parameters);
    }
}
