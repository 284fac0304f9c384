package org.apache.flink.agents.integrations.vectorstores;

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
 * A vector store by a native client, which knows the arguments of all kinds. Those of every kind: {@code embedding_model}, {@code
 * collection}, {@code auto_create_collection} (default true) and {@code collection_metadata}. With {@code auto_create_collection} the
 * store's own collection is made when it is first asked for anything and not there, others when documents are added to them.
 */
public abstract class NativeVectorStore extends BaseVectorStore implements CollectionManageableVectorStore {
    private static final TypeReference<List<Document>> DOCUMENTS = new TypeReference<>() {};
    private static final TypeReference<List<String>> IDS = new TypeReference<>() {};
    private static final TypeReference<Object> ANYTHING = new TypeReference<>() {};

    private final ResourceDescriptor descriptor;
    private final String name;
    private final String kind;
    private NativeClient client;

    /**
     * Nothing is opened before {@link #open()}.
     *
     * @param kind of the native client
     */
    protected NativeVectorStore(
            final ResourceDescriptor descriptor, @Nullable final ResourceContext context, final String kind) {
        super(descriptor, context);
        this.descriptor = descriptor;
        name = context == null ? "" : context.getResourceName();
        this.kind = kind;
    }

    /**
     * Opens the client.
     *
     * @throws IllegalArgumentException if an argument is unknown or does not fit
     * @throws IllegalStateException if the store cannot be opened
     */
    @Override
    public void open() throws Exception {
        super.open();
        client = NativeClient.vectorStore(kind, name.isEmpty() ? getClass().getSimpleName() : name, descriptor);
    }

    @Override
    public Map<String, Object> getStoreKwargs() {
        return Map.of();
    }

    /** As Python's class does, so that both can use one file. {@code kwargs} may have {@code metadata}, a map. */
    @Override
    public void createCollectionIfNotExists(final String place, @Nullable final Map<String, Object> kwargs) {
        final Map<String, Object> request = request("create_collection", place);
        final Object metadata = orEmpty(kwargs).get("metadata");
        request.put("metadata", metadata == null ? Map.of() : metadata);
        client().ask(request, ANYTHING);
    }

    @Override
    public void deleteCollection(final String place) {
        client().ask(request("delete_collection", place), ANYTHING);
    }

    @Override
    public List<Document> get(
            @Nullable final List<String> ids,
            @Nullable final String place,
            @Nullable final Map<String, Object> filters,
            @Nullable final Integer limit,
            @Nullable final Map<String, Object> extraArgs) {
        final Map<String, Object> request = request("get", place);
        request.put("ids", ids);
        request.put("filters", orEmpty(filters));
        request.put("limit", limit);
        return client().ask(request, DOCUMENTS);
    }

    @Override
    public void delete(
            @Nullable final List<String> ids,
            @Nullable final String place,
            @Nullable final Map<String, Object> filters,
            @Nullable final Map<String, Object> extraArgs) {
        final Map<String, Object> request = request("delete", place);
        request.put("ids", ids);
        request.put("filters", orEmpty(filters));
        client().ask(request, ANYTHING);
    }

    @Override
    public List<Document> queryEmbedding(
            final float[] embedding,
            final int limit,
            @Nullable final String place,
            @Nullable final Map<String, Object> filters,
            final Map<String, Object> args) {
        final Map<String, Object> request = request("query", place);
        request.put("embedding", embedding);
        request.put("limit", limit);
        request.put("filters", orEmpty(filters));
        return client().ask(request, DOCUMENTS);
    }

    @Override
    public List<String> addEmbedding(
            final List<Document> documents, @Nullable final String place, final Map<String, Object> extraArgs) {
        final Map<String, Object> request = request("add", place);
        request.put("documents", documents);
        return client().ask(request, IDS);
    }

    @Override
    public void updateEmbedding(
            final List<Document> documents, @Nullable final String place, final Map<String, Object> extraArgs) {
        final Map<String, Object> request = request("update", place);
        request.put("documents", documents);
        client().ask(request, ANYTHING);
    }

    private static Map<String, Object> request(final String what, @Nullable final String place) {
        final Map<String, Object> request = new LinkedHashMap<>();
        request.put("do", what);
        request.put("collection", place);
        return request;
    }

    private static Map<String, Object> orEmpty(@Nullable final Map<String, Object> given) {
        return given == null ? Map.of() : given;
    }

    private NativeClient client() {
        if (client == null) {
            throw new IllegalStateException(
                    getClass().getSimpleName() + " has not been opened; get it by RunnerContext.getResource.");
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
