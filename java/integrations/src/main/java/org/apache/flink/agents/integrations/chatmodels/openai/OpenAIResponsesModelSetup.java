package org.apache.flink.agents.integrations.chatmodels.openai;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.chatmodels.NativeChatModelSetup;

/** A chat model of OpenAI's responses. */
public class OpenAIResponsesModelSetup extends NativeChatModelSetup {

    /** Reads the arguments. */
    public OpenAIResponsesModelSetup(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "openai-responses");
    }
}
