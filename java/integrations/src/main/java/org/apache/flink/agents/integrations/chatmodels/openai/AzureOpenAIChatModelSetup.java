package org.apache.flink.agents.integrations.chatmodels.openai;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.chatmodels.NativeChatModelSetup;

/** A chat model of chat completions of a deployment on Azure. */
public class AzureOpenAIChatModelSetup extends NativeChatModelSetup {

    /** Reads the arguments. */
    public AzureOpenAIChatModelSetup(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "azure-openai");
    }
}
