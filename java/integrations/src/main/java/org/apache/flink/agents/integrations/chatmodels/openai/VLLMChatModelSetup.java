package org.apache.flink.agents.integrations.chatmodels.openai;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.chatmodels.NativeChatModelSetup;

/** A chat model of vLLM. */
public class VLLMChatModelSetup extends NativeChatModelSetup {

    /** Reads the arguments. */
    public VLLMChatModelSetup(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "vllm");
    }
}
