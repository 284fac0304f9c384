package org.apache.flink.agents.api.vectorstores.python;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResource;
import org.apache.flink.agents.api.resource.python.PythonResourceWrapper;
import org.apache.flink.agents.api.vectorstores.BaseVectorStore;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.agents.api.vectorstores.VectorStoreQuery;
import org.apache.flink.agents.api.vectorstores.VectorStoreQueryResult;

/**
 * Stands for a store that is written in Python, whose class is the argument {@code pythonClazz}. Its embedding model is looked up in
 * Python, and computes there what is missing: documents that are added do not get their embeddings here.
 */
public class PythonVectorStore extends BaseVectorStore implements PythonResourceWrapper {
    final PythonResource python;

    public PythonVectorStore(ResourceDescriptor descriptor, ResourceContext resourceContext) {
        super(descriptor, resourceContext);
        python = PythonResource.of(ResourceType.VECTOR_STORE, descriptor, resourceContext);
    }

    @Override
    public Object getPythonResource() {
        return python;
    }

    /** Does nothing: the embedding model is looked up in Python. */
    @Override
    public void open() throws Exception {}

    /** Returns none: those of the store are known in Python. */
    @Override
    public Map<String, Object> getStoreKwargs() {
        return Map.of();
    }

    @Override
    protected List<Document> ensureEmbeddings(List<Document> documents) {
        return documents;
    }

    @Override
    public VectorStoreQueryResult query(VectorStoreQuery query) {
        final Map<String, Object> arguments = new LinkedHashMap<>();
        arguments.put("query_text", query.getQueryText());
        arguments.put("limit", query.getLimit());
        arguments.put("collection", query.getCollection());
        arguments.put("mode", query.getMode().getValue());
        arguments.put("filters", query.getFilters());
        arguments.put("parameters", query.getExtraArgs());
        return new VectorStoreQueryResult(python.ask("query", arguments, PlainValues::documents));
    }

    @Override
    public List<Document> get(
            @Nullable List<String> ids,
            @Nullable String collection,
            @Nullable Map<String, Object> filters,
            @Nullable Integer limit,
            @Nullable Map<String, Object> extraArgs)
            throws IOException {
        final Map<String, Object> arguments = new LinkedHashMap<>();
        arguments.put("ids", ids);
        arguments.put("collection", collection);
        arguments.put("filters", filters);
        arguments.put("limit", limit);
        arguments.put("parameters", orEmpty(extraArgs));
        return python.ask("get", arguments, PlainValues::documents);
    }

    @Override
    public void delete(
            @Nullable List<String> ids,
            @Nullable String collection,
            @Nullable Map<String, Object> filters,
            @Nullable Map<String, Object> extraArgs)
            throws IOException {
        final Map<String, Object> arguments = new LinkedHashMap<>();
        arguments.put("ids", ids);
        arguments.put("collection", collection);
        arguments.put("filters", filters);
        arguments.put("parameters", orEmpty(extraArgs));
        python.tell("delete", arguments);
    }

    /**
     * Not here: a store of Python is asked by a text.
     *
     * @throws UnsupportedOperationException always
     */
    @Override
    public List<Document> queryEmbedding(
            float[] embedding,
            int limit,
            @Nullable String collection,
            @Nullable Map<String, Object> filters,
            Map<String, Object> args) {
        throw new UnsupportedOperationException(python + " is asked in Python, which takes a text: call query.");
    }

    @Override
    public List<String> addEmbedding(
            List<Document> documents, @Nullable String collection, Map<String, Object> extraArgs)
            throws IOException {
        return python.ask("add", arguments(documents, collection, extraArgs), PlainValues::texts);
    }

    @Override
    public void updateEmbedding(
            List<Document> documents, @Nullable String collection, Map<String, Object> extraArgs) {
        python.tell("update", arguments(documents, collection, extraArgs));
    }

    private static Map<String, Object> arguments(
            List<Document> documents, @Nullable String collection, @Nullable Map<String, Object> extraArgs) {
        final Map<String, Object> arguments = new LinkedHashMap<>();
        arguments.put("documents", documents);
        arguments.put("collection", collection);
        arguments.put("parameters", orEmpty(extraArgs));
        return arguments;
    }

    static Map<String, Object> orEmpty(@Nullable Map<String, Object> parameters) {
        return parameters == null ? Map.of() : parameters;
    }
}
