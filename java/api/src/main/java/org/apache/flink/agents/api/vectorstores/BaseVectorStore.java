package org.apache.flink.agents.api.vectorstores;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelSetup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;

/**
 * A store of documents that are found by meaning.
 *
 * <p>Arguments: {@code embedding_model} (name, optional), {@code collection}. Filters are maps of
 * equality conditions on metadata, all of which hold; null means none.
 */
public abstract class BaseVectorStore extends Resource {
    @Nullable protected final String embeddingModelName;
    /** What computes embeddings; set by {@link #open()}. */
    @Nullable protected BaseEmbeddingModelSetup embeddingModel;

    @Nullable protected final String collection;

    public BaseVectorStore(ResourceDescriptor descriptor, ResourceContext resourceContext) {
        super(descriptor, resourceContext);
        this.embeddingModelName = descriptor.getArgument("embedding_model");
        this.collection = descriptor.getArgument("collection");
    }

    /** Looks up the embedding model, if one is named. */
    @Override
    public void open() throws Exception {
        if (embeddingModelName != null) {
            embeddingModel =
                    (BaseEmbeddingModelSetup)
                            resourceContext.getResource(
                                    embeddingModelName, ResourceType.EMBEDDING_MODEL);
        }
    }

    @Override
    public ResourceType getResourceType() {
        return ResourceType.VECTOR_STORE;
    }

    /** Returns arguments that go with every query. */
    public abstract Map<String, Object> getStoreKwargs();

    /**
     * Adds documents; those without embedding get one.
     *
     * @param collection the collection; null means the default
     * @param extraArgs for the store; null means none
     * @return the ids of the documents
     * @throws IllegalStateException if an embedding is missing and there is no embedding model
     */
    public List<String> add(
            List<Document> documents,
            @Nullable String collection,
            @Nullable Map<String, Object> extraArgs)
            throws IOException {
        return addEmbedding(ensureEmbeddings(documents), collectionOr(collection), args(extraArgs));
    }

    /**
     * Replaces documents by their ids; those without embedding get one.
     *
     * @throws IllegalArgumentException if there are no documents, or one has no id
     * @throws IllegalStateException if an embedding is missing and there is no embedding model
     */
    public void update(
            List<Document> documents,
            @Nullable String collection,
            @Nullable Map<String, Object> extraArgs)
            throws IOException {
        if (documents == null || documents.isEmpty()) {
            throw new IllegalArgumentException("An update needs at least one document.");
        }
        for (int i = 0; i < documents.size(); i++) {
            final String id = documents.get(i).getId();
            if (id == null || id.isEmpty()) {
                throw new IllegalArgumentException(
                        "An update goes by ids, and document " + i + " of " + documents.size() + " has none.");
            }
        }
        updateEmbedding(ensureEmbeddings(documents), collectionOr(collection), args(extraArgs));
    }

    /**
     * Returns the documents that fit a text best.
     *
     * @throws IllegalStateException if there is no embedding model
     */
    public VectorStoreQueryResult query(VectorStoreQuery query) {
        final float[] embedding = getEmbeddingModel().embed(query.getQueryText());
        final Map<String, Object> args = new LinkedHashMap<>(getStoreKwargs());
        args.putAll(query.getExtraArgs());
        return new VectorStoreQueryResult(
                queryEmbedding(
                        embedding,
                        query.getLimit(),
                        collectionOr(query.getCollection()),
                        query.getFilters(),
                        args));
    }

    /**
     * Returns documents.
     *
     * @param ids only these; null means all
     * @param collection the collection; null means the default
     * @param filters conditions; null means none
     * @param limit at most so many; null means the store's default
     * @param extraArgs for the store; null means none
     */
    public abstract List<Document> get(
            @Nullable List<String> ids,
            @Nullable String collection,
            @Nullable Map<String, Object> filters,
            @Nullable Integer limit,
            @Nullable Map<String, Object> extraArgs)
            throws IOException;

    /** Returns documents of the default collection. */
    public final List<Document> getByIds(List<String> ids) throws IOException {
        return get(ids, null, null, null, null);
    }

    /** Returns documents of a collection. */
    public final List<Document> getByIds(List<String> ids, @Nullable String collection)
            throws IOException {
        return get(ids, collection, null, null, null);
    }

    /** Returns the documents of the default collection for which conditions hold. */
    public final List<Document> getByFilters(Map<String, Object> filters) throws IOException {
        return get(null, null, filters, null, null);
    }

    /** Returns at most so many documents of the default collection for which conditions hold. */
    public final List<Document> getByFilters(Map<String, Object> filters, int limit)
            throws IOException {
        return get(null, null, filters, limit, null);
    }

    /**
     * Deletes documents.
     *
     * @param ids only these; null means all
     * @param collection the collection; null means the default
     * @param filters conditions; null means none
     * @param extraArgs for the store; null means none
     */
    public abstract void delete(
            @Nullable List<String> ids,
            @Nullable String collection,
            @Nullable Map<String, Object> filters,
            @Nullable Map<String, Object> extraArgs)
            throws IOException;

    /** Deletes documents of the default collection. */
    public final void deleteByIds(List<String> ids) throws IOException {
        delete(ids, null, null, null);
    }

    /** Deletes documents of a collection. */
    public final void deleteByIds(List<String> ids, @Nullable String collection)
            throws IOException {
        delete(ids, collection, null, null);
    }

    /** Deletes the documents of the default collection for which conditions hold. */
    public final void deleteByFilters(Map<String, Object> filters) throws IOException {
        delete(null, null, filters, null);
    }

    /**
     * Returns the documents nearest to an embedding, best first.
     *
     * @param limit at most so many
     * @param collection the collection; null means the default
     * @param filters conditions; null means none
     * @param args for the store
     */
    public abstract List<Document> queryEmbedding(
            float[] embedding,
            int limit,
            @Nullable String collection,
            @Nullable Map<String, Object> filters,
            Map<String, Object> args);

    /** Adds documents that have embeddings; returns their ids. */
    public abstract List<String> addEmbedding(
            List<Document> documents, @Nullable String collection, Map<String, Object> extraArgs)
            throws IOException;

    /** Replaces documents that have embeddings by their ids. */
    public abstract void updateEmbedding(
            List<Document> documents, @Nullable String collection, Map<String, Object> extraArgs)
            throws IOException;

    /**
     * Computes the embeddings that are missing, all at once, and sets them in the documents.
     *
     * @return the documents
     * @throws IllegalStateException if one is missing and there is no embedding model
     */
    protected List<Document> ensureEmbeddings(List<Document> documents) {
        final List<Document> missing = new ArrayList<>();
        final List<String> texts = new ArrayList<>();
        for (final Document document : documents) {
            if (document.getEmbedding() == null) {
                missing.add(document);
                texts.add(document.getContent());
            }
        }
        if (!missing.isEmpty()) {
            final List<float[]> embeddings = getEmbeddingModel().embed(texts);
            if (embeddings.size() != missing.size()) {
                throw new IllegalStateException(
                        "Embedding model '"
                                + embeddingModelName
                                + "' gave "
                                + embeddings.size()
                                + " embeddings for "
                                + missing.size()
                                + " texts.");
            }
            for (int i = 0; i < missing.size(); i++) {
                missing.get(i).setEmbedding(embeddings.get(i));
            }
        }
        return documents;
    }

    /**
     * Returns the embedding model.
     *
     * @throws IllegalStateException if there is none
     */
    protected BaseEmbeddingModelSetup getEmbeddingModel() {
        if (embeddingModel == null) {
            throw new IllegalStateException(
                    getClass().getSimpleName()
                            + (embeddingModelName == null
                                    ? " has no embedding model: give it the argument 'embedding_model', or"
                                            + " documents with embeddings."
                                    : " has not been opened; get it by RunnerContext.getResource."));
        }
        return embeddingModel;
    }

    private String collectionOr(String given) {
        return given == null ? collection : given;
    }

    private static Map<String, Object> args(Map<String, Object> given) {
        return given == null ? new LinkedHashMap<>() : given;
    }
}
