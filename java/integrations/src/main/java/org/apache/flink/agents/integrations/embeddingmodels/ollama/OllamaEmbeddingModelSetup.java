package org.apache.flink.agents.integrations.embeddingmodels.ollama;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.embeddingmodels.NativeEmbeddingModelSetup;

/** An embedding model of Ollama. */
public class OllamaEmbeddingModelSetup extends NativeEmbeddingModelSetup {

    /** Reads the arguments. */
    public OllamaEmbeddingModelSetup(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "ollama");
    }
}
