package org.apache.flink.agents.integrations.vectorstores.embedded;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.vectorstores.NativeVectorStore;

/**
 * A vector store without a server: one SQLite file, which subtasks on one machine can share, or memory. Queries are exact: they
 * compare with every vector of a collection.
 *
 * <p>Own argument: {@code path} of the file (default: in memory, for this resource alone). The {@code collection} is {@code documents}
 * if none is named.
 */
public class EmbeddedVectorStore extends NativeVectorStore {
    /** Reads the arguments; the file is opened by {@link #open()}. */
    public EmbeddedVectorStore(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "embedded");
    }
}
