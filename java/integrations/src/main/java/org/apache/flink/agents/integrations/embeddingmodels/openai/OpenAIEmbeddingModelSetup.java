package org.apache.flink.agents.integrations.embeddingmodels.openai;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.embeddingmodels.NativeEmbeddingModelSetup;

/** An embedding model of OpenAI, and of every server that is compatible with it. */
public class OpenAIEmbeddingModelSetup extends NativeEmbeddingModelSetup {

    /** Reads the arguments. */
    public OpenAIEmbeddingModelSetup(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "openai");
    }
}
