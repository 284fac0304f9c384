package org.apache.flink.agents.api.embedding.model.python;

import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelConnection;
import org.apache.flink.agents.api.embedding.model.EmbeddingResult;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResource;
import org.apache.flink.agents.api.resource.python.PythonResourceWrapper;

/** Stands for a connection that is written in Python, whose class is the argument {@code pythonClazz}. */
public class PythonEmbeddingModelConnection extends BaseEmbeddingModelConnection implements PythonResourceWrapper {
    private final PythonResource resource;
    private final PythonEmbeddings python;

    public PythonEmbeddingModelConnection(ResourceDescriptor descriptor, ResourceContext resourceContext) {
        super(descriptor, resourceContext);
        resource = PythonResource.of(ResourceType.EMBEDDING_MODEL_CONNECTION, descriptor, resourceContext);
        python = new PythonEmbeddings(resource);
    }

    @Override
    public Object getPythonResource() {
        return resource;
    }

    @Override
    public float[] embed(String text, Map<String, Object> parameters) {
        return embedWithUsage(text, parameters).getEmbeddings();
    }

    @Override
    public List<float[]> embed(List<String> texts, Map<String, Object> parameters) {
        return embedWithUsage(texts, parameters).getEmbeddings();
    }

    @Override
    public EmbeddingResult<float[]> embedWithUsage(String text, Map<String, Object> parameters) {
        return python.of(text, parameters);
    }

    @Override
    public EmbeddingResult<List<float[]>> embedWithUsage(List<String> texts, Map<String, Object> parameters) {
        return python.of(texts, parameters);
    }
}
