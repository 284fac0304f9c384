package org.apache.flink.agents.api.memory;

import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;

/** A memory of named sets of items that outlives the job, searched by meaning. */
// Implementations close with whatever exception they like, as AutoCloseable has it.
@SuppressWarnings("try")
public interface BaseLongTermMemory extends AutoCloseable {

    /** Returns the set of a name; it need not exist yet. */
    MemorySet getMemorySet(String name) throws Exception;

    /** Deletes a set; returns whether something existed. */
    boolean deleteMemorySet(String name) throws Exception;

    /**
     * Adds items to a set.
     *
     * @param metadatas one map per item; null means none
     * @return the ids of the items
     */
    List<String> add(
            MemorySet memorySet,
            List<String> memoryItems,
            @Nullable List<Map<String, Object>> metadatas)
            throws Exception;

    /**
     * Returns items of a set.
     *
     * @param ids only these; null means all
     * @param filters equality conditions on metadata, all of which hold; null means none
     * @param limit at most so many; null means no limit
     */
    List<MemorySetItem> get(
            MemorySet memorySet,
            @Nullable List<String> ids,
            @Nullable Map<String, Object> filters,
            @Nullable Integer limit)
            throws Exception;

    /** Deletes items of a set; null ids mean all. */
    void delete(MemorySet memorySet, @Nullable List<String> ids) throws Exception;

    /**
     * Returns the items of a set that fit a query best.
     *
     * @param limit at most so many
     * @param filters equality conditions on metadata, all of which hold; null means none
     * @param extraArgs for the implementation; null means none
     */
    List<MemorySetItem> search(
            MemorySet memorySet,
            String query,
            int limit,
            @Nullable Map<String, Object> filters,
            @Nullable Map<String, Object> extraArgs)
            throws Exception;
}
