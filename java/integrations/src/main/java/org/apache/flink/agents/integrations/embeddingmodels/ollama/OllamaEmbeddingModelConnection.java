package org.apache.flink.agents.integrations.embeddingmodels.ollama;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.embeddingmodels.NativeEmbeddingModelConnection;

/** A connection to the embedding models of Ollama. */
public class OllamaEmbeddingModelConnection extends NativeEmbeddingModelConnection {

    /** Reads the arguments. */
    public OllamaEmbeddingModelConnection(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "ollama");
    }
}
