package org.apache.flink.agents.integrations.chatmodels.openai;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.chatmodels.NativeChatModelConnection;

/** A connection to OpenAI's responses. */
public class OpenAIResponsesModelConnection extends NativeChatModelConnection {

    /** Reads the arguments. */
    public OpenAIResponsesModelConnection(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "openai-responses");
    }
}
