package org.apache.flink.agents.integrations.embeddingmodels.openai;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.embeddingmodels.NativeEmbeddingModelConnection;

/** A connection to the embedding models of OpenAI, and of every server that is compatible with it. */
public class OpenAIEmbeddingModelConnection extends NativeEmbeddingModelConnection {

    /** Reads the arguments. */
    public OpenAIEmbeddingModelConnection(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "openai");
    }
}
