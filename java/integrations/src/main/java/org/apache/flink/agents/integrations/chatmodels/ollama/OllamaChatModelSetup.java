package org.apache.flink.agents.integrations.chatmodels.ollama;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.chatmodels.NativeChatModelSetup;

/** A chat model of Ollama. */
public class OllamaChatModelSetup extends NativeChatModelSetup {

    /** Reads the arguments. */
    public OllamaChatModelSetup(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "ollama");
    }
}
