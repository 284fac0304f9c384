package org.apache.flink.agents.api.chat.model.python;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResource;
import org.apache.flink.agents.api.resource.python.PythonResourceWrapper;

/**
 * Stands for a setup that is written in Python, whose class is the argument {@code pythonClazz}. Its connection, prompt and tools are
 * looked up in Python, as are the parameters of the model.
 */
public class PythonChatModelSetup extends BaseChatModelSetup implements PythonResourceWrapper {
    private final PythonResource python;

    public PythonChatModelSetup(ResourceDescriptor descriptor, ResourceContext resourceContext) {
        super(descriptor, resourceContext);
        python = PythonResource.of(ResourceType.CHAT_MODEL, descriptor, resourceContext);
    }

    @Override
    public Object getPythonResource() {
        return python;
    }

    /** Does nothing: what the setup needs is looked up in Python. */
    @Override
    public void open() {}

    /** Returns none: those of the setup are known in Python. */
    @Override
    public Map<String, Object> getParameters() {
        return Map.of();
    }

    @Override
    public ChatMessage chat(
            List<ChatMessage> messages,
            @Nullable Map<String, Object> promptArgs,
            @Nullable Map<String, Object> parameters) {
        final Map<String, Object> arguments = new LinkedHashMap<>();
        arguments.put("messages", messages);
        arguments.put("prompt_args", promptArgs == null ? null : texts(promptArgs));
        arguments.put("parameters", parameters == null ? Map.of() : parameters);
        return python.ask("chat", arguments, PlainValues::message);
    }

    private static Map<String, Object> texts(Map<String, Object> promptArgs) {
        final Map<String, Object> texts = new LinkedHashMap<>();
        // As prompts count null in Java; in Python it would be the text 'None'.
        promptArgs.forEach((name, value) -> texts.put(name, value == null ? "" : value.toString()));
        return texts;
    }
}
