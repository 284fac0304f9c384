package org.apache.flink.agents.integrations.vectorstores.embedded;

import com.fasterxml.jackson.core.type.TypeReference;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.vectorstores.BaseVectorStore;
import org.apache.flink.agents.api.vectorstores.CollectionManageableVectorStore;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.agents.integrations.NativeClient;

/**
 * A vector store without a server: one SQLite file, which subtasks on one machine can share, or memory. Queries are exact: they
 * compare with every vector of a collection.
 *
 * <p>Arguments: {@code path} of the file (default: in memory, for this resource alone), {@code collection} (default {@value
 * #DEFAULT_COLLECTION}), {@code auto_create_collection} (default true), {@code embedding_model}.
 */
public class EmbeddedVectorStore extends BaseVectorStore implements CollectionManageableVectorStore {
    /** The collection that is meant where none is named. */
    public static final String DEFAULT_COLLECTION = "documents";

    private static final TypeReference<List<Document>> DOCUMENTS = new TypeReference<>() {};
    private static final TypeReference<List<String>> IDS = new TypeReference<>() {};
    private static final TypeReference<Object> ANYTHING = new TypeReference<>() {};

    private final boolean createsCollections;
    private final String path;
    private NativeClient client;

    /** Reads the arguments; the file is opened by {@link #open()}. */
    public EmbeddedVectorStore(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context);
        path = descriptor.getArgument("path");
        createsCollections = Boolean.parseBoolean(String.valueOf(descriptor.<Object>getArgument("auto_create_collection", true)));
    }

    @Override
    public void open() throws Exception {
        super.open();
        client = NativeClient.vectorStore(path);
        if (createsCollections) {
            createCollectionIfNotExists(named(null), null);
        }
    }

    @Override
    public Map<String, Object> getStoreKwargs() {
        return Map.of();
    }

    /** As Python's class does, so that both can use one file. {@code kwargs} may have {@code metadata}, a map. */
    @Override
    public void createCollectionIfNotExists(final String name, @Nullable final Map<String, Object> kwargs) {
        final Map<String, Object> request = request("create_collection", name);
        final Object metadata = orEmpty(kwargs).get("metadata");
        request.put("metadata", metadata == null ? Map.of() : metadata);
        client().ask(request, ANYTHING);
    }

    @Override
    public void deleteCollection(final String name) {
        client().ask(request("delete_collection", name), ANYTHING);
    }

    @Override
    public List<Document> get(
            @Nullable final List<String> ids,
            @Nullable final String collection,
            @Nullable final Map<String, Object> filters,
            @Nullable final Integer limit,
            @Nullable final Map<String, Object> extraArgs) {
        final Map<String, Object> request = request("get", collection);
        request.put("ids", ids);
        request.put("filters", orEmpty(filters));
        request.put("limit", limit);
        return client().ask(request, DOCUMENTS);
    }

    @Override
    public void delete(
            @Nullable final List<String> ids,
            @Nullable final String collection,
            @Nullable final Map<String, Object> filters,
            @Nullable final Map<String, Object> extraArgs) {
        final Map<String, Object> request = request("delete", collection);
        request.put("ids", ids);
        request.put("filters", orEmpty(filters));
        client().ask(request, ANYTHING);
    }

    @Override
    public List<Document> queryEmbedding(
            final float[] embedding,
            final int limit,
            @Nullable final String collection,
            @Nullable final Map<String, Object> filters,
            final Map<String, Object> args) {
        final Map<String, Object> request = request("query", collection);
        request.put("embedding", embedding);
        request.put("limit", limit);
        request.put("filters", orEmpty(filters));
        return client().ask(request, DOCUMENTS);
    }

    @Override
    public List<String> addEmbedding(
            final List<Document> documents, @Nullable final String collection, final Map<String, Object> extraArgs) {
        if (createsCollections && collection != null) {
            createCollectionIfNotExists(collection, null);
        }
        final Map<String, Object> request = request("add", collection);
        request.put("documents", documents);
        return client().ask(request, IDS);
    }

    @Override
    public void updateEmbedding(
            final List<Document> documents, @Nullable final String collection, final Map<String, Object> extraArgs) {
        final Map<String, Object> request = request("update", collection);
        request.put("documents", documents);
        client().ask(request, ANYTHING);
    }

    private Map<String, Object> request(final String what, @Nullable final String name) {
        final Map<String, Object> request = new LinkedHashMap<>();
        request.put("do", what);
        request.put("collection", named(name));
        return request;
    }

    private String named(@Nullable final String name) {
        return name != null ? name : collection != null ? collection : DEFAULT_COLLECTION;
    }

    private static Map<String, Object> orEmpty(@Nullable final Map<String, Object> given) {
        return given == null ? Map.of() : given;
    }

    private NativeClient client() {
        if (client == null) {
            throw new IllegalStateException("EmbeddedVectorStore has not been opened; get it by RunnerContext.getResource.");
        }
        return client;
    }

    @Override
    public void close() throws Exception {
        if (client != null) {
            client.close();
        }
        super.close();
    }
}
