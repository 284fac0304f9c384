package org.apache.flink.agents.integrations.chatmodels.anthropic;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.chatmodels.NativeChatModelConnection;

/** A connection to Anthropic's messages. */
public class AnthropicChatModelConnection extends NativeChatModelConnection {

    /** Reads the arguments. */
    public AnthropicChatModelConnection(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "anthropic");
    }
}
