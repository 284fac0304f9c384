package org.apache.flink.agents.integrations.chatmodels.openai;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.chatmodels.NativeChatModelConnection;

/** A connection to chat completions of a deployment on Azure. */
public class AzureOpenAIChatModelConnection extends NativeChatModelConnection {

    /** Reads the arguments. */
    public AzureOpenAIChatModelConnection(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "azure-openai");
    }
}
