package org.apache.flink.agents.api.vectorstores;

import java.util.Map;
import javax.annotation.Nullable;

/** A vector store whose collections can be made and deleted. */
public interface CollectionManageableVectorStore {

    /**
     * Makes a collection if there is none of that name.
     *
     * @param kwargs for the store; null means none
     */
    void createCollectionIfNotExists(String name, @Nullable Map<String, Object> kwargs)
            throws Exception;

    /** Deletes a collection and what is in it. */
    void deleteCollection(String name) throws Exception;
}
