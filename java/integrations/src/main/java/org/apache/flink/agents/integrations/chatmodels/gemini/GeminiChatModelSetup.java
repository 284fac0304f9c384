package org.apache.flink.agents.integrations.chatmodels.gemini;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.chatmodels.NativeChatModelSetup;

/** A chat model of Gemini, of Google AI or Vertex AI. */
public class GeminiChatModelSetup extends NativeChatModelSetup {

    /** Reads the arguments. */
    public GeminiChatModelSetup(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "gemini");
    }
}
