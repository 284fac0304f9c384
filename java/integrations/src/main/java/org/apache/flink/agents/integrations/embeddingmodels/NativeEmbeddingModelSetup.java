package org.apache.flink.agents.integrations.embeddingmodels;

import java.util.Collections;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelSetup;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.NativeClient;

/** An embedding model of a provider with a native client. */
public abstract class NativeEmbeddingModelSetup extends BaseEmbeddingModelSetup {
    private final Map<String, Object> parameters;

    /**
     * Reads the arguments.
     *
     * @param provider whose arguments they are
     * @throws IllegalArgumentException if an argument is unknown, missing or does not fit
     */
    protected NativeEmbeddingModelSetup(
            final ResourceDescriptor descriptor, @Nullable final ResourceContext context, final String provider) {
        super(descriptor, context);
        parameters = Collections.unmodifiableMap(NativeClient.parameters("embedding", provider, descriptor));
    }

    @Override
    public Map<String, Object> getParameters() {
        return parameters;
    }
}
