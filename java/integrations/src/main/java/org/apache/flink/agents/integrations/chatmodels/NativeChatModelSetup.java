package org.apache.flink.agents.integrations.chatmodels;

import java.util.Collections;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.NativeClient;

/** A chat model of a provider with a native client; its arguments stand in {@code docs/guides/models-java.md}. */
public abstract class NativeChatModelSetup extends BaseChatModelSetup {
    private final Map<String, Object> parameters;

    /**
     * Reads the arguments.
     *
     * @param provider whose arguments they are
     * @throws IllegalArgumentException if an argument is unknown, missing or does not fit
     */
    protected NativeChatModelSetup(
            final ResourceDescriptor descriptor, @Nullable final ResourceContext context, final String provider) {
        super(descriptor, context);
        parameters = Collections.unmodifiableMap(NativeClient.parameters("chat", provider, descriptor));
    }

    @Override
    public Map<String, Object> getParameters() {
        return parameters;
    }

    /** Returns the id of the model: the argument, or what the provider is asked for without one. */
    @Nullable
    @Override
    public String getModel() {
        return (String) parameters.get("model");
    }
}
