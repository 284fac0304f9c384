package org.apache.flink.agents.integrations.chatmodels.gemini;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.chatmodels.NativeChatModelConnection;

/** A connection to Gemini, of Google AI or Vertex AI. */
public class GeminiChatModelConnection extends NativeChatModelConnection {

    /** Reads the arguments. */
    public GeminiChatModelConnection(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context, "gemini");
    }
}
