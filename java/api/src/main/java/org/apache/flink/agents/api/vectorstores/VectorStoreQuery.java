package org.apache.flink.agents.api.vectorstores;

import java.util.LinkedHashMap;
import java.util.Map;
import javax.annotation.Nullable;

/** A question to a vector store. */
public class VectorStoreQuery {
    private static final int DEFAULT_LIMIT = 10;

    private final VectorStoreQueryMode mode;
    private final String queryText;
    private final Integer limit;
    private final String collection;
    private final Map<String, Object> filters;
    private final Map<String, Object> extraArgs;

    /** Asks the default collection by meaning, without filters. */
    public VectorStoreQuery(String queryText, @Nullable Integer limit) {
        this(VectorStoreQueryMode.SEMANTIC, queryText, limit, null, null, null);
    }

    /** Asks a collection by meaning. */
    public VectorStoreQuery(
            String queryText,
            @Nullable Integer limit,
            @Nullable String collection,
            @Nullable Map<String, Object> extraArgs) {
        this(VectorStoreQueryMode.SEMANTIC, queryText, limit, collection, null, extraArgs);
    }

    /** Asks a collection, without filters. */
    public VectorStoreQuery(
            VectorStoreQueryMode mode,
            String queryText,
            @Nullable Integer limit,
            @Nullable String collection,
            @Nullable Map<String, Object> extraArgs) {
        this(mode, queryText, limit, collection, null, extraArgs);
    }

    /**
     * Asks a collection.
     *
     * @param mode how to search
     * @param queryText the text that documents are to fit
     * @param limit at most so many documents; null means 10
     * @param collection the collection; null means the store's default
     * @param filters equality conditions on metadata, all of which hold; null means none
     * @param extraArgs for the store; copied; null means none
     */
    public VectorStoreQuery(
            VectorStoreQueryMode mode,
            String queryText,
            @Nullable Integer limit,
            @Nullable String collection,
            @Nullable Map<String, Object> filters,
            @Nullable Map<String, Object> extraArgs) {
        this.mode = mode == null ? VectorStoreQueryMode.SEMANTIC : mode;
        this.queryText = queryText;
        this.limit = limit == null ? DEFAULT_LIMIT : limit;
        this.collection = collection;
        this.filters = filters == null ? null : new LinkedHashMap<>(filters);
        this.extraArgs = extraArgs == null ? new LinkedHashMap<>() : new LinkedHashMap<>(extraArgs);
    }

    /** Returns how to search. */
    public VectorStoreQueryMode getMode() {
        return mode;
    }

    /** Returns the text that documents are to fit. */
    public String getQueryText() {
        return queryText;
    }

    /** Returns how many documents are wanted at most. */
    public Integer getLimit() {
        return limit;
    }

    /** Returns what is for the store, never null. */
    public Map<String, Object> getExtraArgs() {
        return extraArgs;
    }

    /** Returns the collection; null means the store's default. */
    @Nullable
    public String getCollection() {
        return collection;
    }

    /** Returns the equality conditions on metadata; null means none. */
    @Nullable
    public Map<String, Object> getFilters() {
        return filters;
    }
}
