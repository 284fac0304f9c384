package org.apache.flink.agents.integrations.chatmodels.anthropic;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.chatmodels.NativeChatModelSetup;

/** A chat model of Anthropic's messages. */
public class AnthropicChatModelSetup extends NativeChatModelSetup {

    /** Reads the arguments. */
    public AnthropicChatModelSetup(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "anthropic");
    }
}
