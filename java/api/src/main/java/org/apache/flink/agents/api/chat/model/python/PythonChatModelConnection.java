package org.apache.flink.agents.api.chat.model.python;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.model.BaseChatModelConnection;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResource;
import org.apache.flink.agents.api.resource.python.PythonResourceWrapper;
import org.apache.flink.agents.api.tools.Tool;

/** Stands for a connection that is written in Python, whose class is the argument {@code pythonClazz}. */
public class PythonChatModelConnection extends BaseChatModelConnection implements PythonResourceWrapper {
    private final PythonResource python;

    public PythonChatModelConnection(ResourceDescriptor descriptor, ResourceContext resourceContext) {
        super(descriptor, resourceContext);
        python = PythonResource.of(ResourceType.CHAT_MODEL_CONNECTION, descriptor, resourceContext);
    }

    @Override
    public Object getPythonResource() {
        return python;
    }

    @Override
    public ChatMessage chat(List<ChatMessage> messages, List<Tool> tools, Map<String, Object> modelParams) {
        final Map<String, Object> arguments = new LinkedHashMap<>();
        arguments.put("messages", messages);
        arguments.put("tools", offered(tools));
        arguments.put("parameters", modelParams == null ? Map.of() : modelParams);
        return python.ask("chat", arguments, PlainValues::message);
    }

    private static List<Object> offered(@Nullable List<Tool> tools) {
        final List<Object> offered = new ArrayList<>();
        for (final Tool tool : tools == null ? List.<Tool>of() : tools) {
            final Map<String, Object> definition = new LinkedHashMap<>();
            definition.put("name", tool.getName());
            definition.put("description", tool.getDescription());
            definition.put("input_schema", tool.getMetadata().getInputSchema());
            offered.add(definition);
        }
        return offered;
    }
}
