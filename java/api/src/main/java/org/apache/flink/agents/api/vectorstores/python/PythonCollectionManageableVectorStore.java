package org.apache.flink.agents.api.vectorstores.python;

import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.vectorstores.CollectionManageableVectorStore;

/** Stands for a store that is written in Python and whose collections can be made and deleted. */
public class PythonCollectionManageableVectorStore extends PythonVectorStore
        implements CollectionManageableVectorStore {

    public PythonCollectionManageableVectorStore(ResourceDescriptor descriptor, ResourceContext resourceContext) {
        super(descriptor, resourceContext);
    }

    @Override
    public void createCollectionIfNotExists(String name, @Nullable Map<String, Object> kwargs) throws Exception {
        python.tell("create_collection_if_not_exists", Map.of("name", name, "parameters", orEmpty(kwargs)));
    }

    @Override
    public void deleteCollection(String name) throws Exception {
        python.tell("delete_collection", Map.of("name", name));
    }
}
