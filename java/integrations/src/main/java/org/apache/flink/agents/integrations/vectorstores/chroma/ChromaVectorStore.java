package org.apache.flink.agents.integrations.vectorstores.chroma;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.vectorstores.NativeVectorStore;

/**
 * A database of a server of Chroma, 1.0 or later; without {@code host} and {@code api_key} the embedded store.
 *
 * <p>Own arguments: {@code host} (a name, or an address such as {@code https://chroma.example.com}), {@code port} (8000), {@code
 * api_key} (without {@code host} that of Chroma's cloud), {@code tenant}, {@code database}, {@code persist_directory} (without a
 * server), {@code timeout}, {@code max_retries}, {@code connect_timeout}, {@code default_headers}, {@code proxy}, {@code ca_file}. The
 * {@code collection} is {@code flink_agents_chroma_collection} if none is named.
 */
public class ChromaVectorStore extends NativeVectorStore {
    /** Reads the arguments; nothing is sent before the store is asked for something. */
    public ChromaVectorStore(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "chroma");
    }
}
