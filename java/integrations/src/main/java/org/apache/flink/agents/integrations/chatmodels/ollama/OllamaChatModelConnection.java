package org.apache.flink.agents.integrations.chatmodels.ollama;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.chatmodels.NativeChatModelConnection;

/** A connection to Ollama. */
public class OllamaChatModelConnection extends NativeChatModelConnection {

    /** Reads the arguments. */
    public OllamaChatModelConnection(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "ollama");
    }
}
