package org.apache.flink.agents.runtime.resource;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.function.Function;
import org.apache.flink.agents.api.function.JavaFunction;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResource;
import org.apache.flink.agents.api.tools.ToolMetadata;
import org.apache.flink.agents.api.tools.ToolParameterInjection;
import org.apache.flink.agents.plan.FunctionJson;
import org.apache.flink.agents.plan.tools.FunctionTool;
import org.apache.flink.agents.plan.tools.PythonTool;

/** What stands in Java for the resources that a plan says are made in Python. */
final class PythonProviders {
    private static final String LOCAL_PROMPT = "flink_agents.api.prompts.prompt.LocalPrompt";

    /** A plan that was written in Python names no wrapper. A store may have collections, which Java cannot tell. */
    private static final Map<ResourceType, String> WRAPPERS =
            Map.of(
                    ResourceType.CHAT_MODEL,
                    ResourceName.ChatModel.PYTHON_WRAPPER_SETUP,
                    ResourceType.CHAT_MODEL_CONNECTION,
                    ResourceName.ChatModel.PYTHON_WRAPPER_CONNECTION,
                    ResourceType.EMBEDDING_MODEL,
                    ResourceName.EmbeddingModel.PYTHON_WRAPPER_SETUP,
                    ResourceType.EMBEDDING_MODEL_CONNECTION,
                    ResourceName.EmbeddingModel.PYTHON_WRAPPER_CONNECTION,
                    ResourceType.VECTOR_STORE,
                    ResourceName.VectorStore.PYTHON_WRAPPER_COLLECTION_MANAGEABLE_VECTOR_STORE);

    private final ObjectMapper mapper;

    /** @param mapper reads parts of plans */
    PythonProviders(final ObjectMapper mapper) {
        this.mapper = mapper;
    }

    /**
     * Checks that a resource can be asked in Python.
     *
     * @throws UnsupportedOperationException if there is none; names the resource and its class
     */
    static void require(final String what, final String pythonClass, final ResourceContext context) {
        try {
            context.getPythonResources();
        } catch (final UnsupportedOperationException e) {
            throw new UnsupportedOperationException(
                    what
                            + " is implemented in Python ("
                            + pythonClass
                            + "), which runs beside Java on Flink only. Run the agent on Flink, or use a Java implementation.",
                    e);
        }
    }

    /** The descriptor of what stands for a resource: with a Java class, if it is no tool, and the Python class among its arguments. */
    static ResourceDescriptor wrapper(
            final ResourceType type, final ResourceDescriptor written, final ResourceContext context, final String what) {
        final Object wrapped = written.getArgument(PythonResource.PYTHON_CLASS);
        final String pythonClass = wrapped != null ? wrapped.toString() : written.getModule() + "." + written.getClazz();
        checkAsked(type, pythonClass, what);
        require(what, pythonClass, context);
        if (wrapped != null) {
            return written;
        }
        final Map<String, Object> arguments = new LinkedHashMap<>(written.getInitialArguments());
        arguments.put(PythonResource.PYTHON_CLASS, pythonClass);
        return new ResourceDescriptor(WRAPPERS.getOrDefault(type, written.getClazz()), arguments);
    }

    private static void checkAsked(final ResourceType type, final String pythonClass, final String what) {
        if (!PythonResource.isAsked(type)) {
            throw new UnsupportedOperationException(
                    what
                            + " is implemented in Python ("
                            + pythonClass
                            + "), and one of this type and class is not used from Java. Use a Java implementation, or use it in an"
                            + " action written in Python.");
        }
    }

    /** The tool of a class that a plan tells nothing else of. */
    static PythonTool tool(final String name, final ResourceDescriptor wrapper, final ResourceContext context) {
        return new PythonTool(name, null, Map.of(), wrapper.getArgument(PythonResource.PYTHON_CLASS), context);
    }

    /**
     * What stands for a resource that is in the plan as a whole.
     *
     * @throws UnsupportedOperationException if it needs Python and there is none, or is not used from Java
     * @throws IllegalStateException if it cannot be read
     */
    Resource serialized(
            final String name,
            final ResourceType type,
            final JsonNode provider,
            final ResourceContext context,
            final String what) {
        final String pythonClass = provider.path("module").asText() + "." + provider.path("clazz").asText();
        final JsonNode fields = provider.path("serialized");
        try {
            if (type == ResourceType.PROMPT && pythonClass.equals(LOCAL_PROMPT)) {
                return prompt(fields.path("template"));
            }
            checkAsked(type, pythonClass, what);
            return tool(name, fields, pythonClass, context, what);
        } catch (final IllegalArgumentException e) {
            throw new IllegalStateException(what + " (" + pythonClass + ") cannot be made of the plan: " + e.getMessage(), e);
        }
    }

    /** Java fills in placeholders by itself. */
    private Prompt prompt(final JsonNode template) {
        return template.isTextual()
                ? Prompt.fromText(template.textValue())
                : Prompt.fromMessages(mapper.convertValue(template, new TypeReference<List<ChatMessage>>() {}));
    }

    private Resource tool(
            final String name, final JsonNode fields, final String pythonClass, final ResourceContext context, final String what) {
        final Map<String, ToolParameterInjection> injected = new LinkedHashMap<>();
        fields.path("injected_args")
                .fields()
                .forEachRemaining(
                        arg -> injected.put(arg.getKey(), mapper.convertValue(arg.getValue(), ToolParameterInjection.class)));
        final Function function = fields.has("func") ? FunctionJson.read(fields.get("func")) : null;
        if (function instanceof JavaFunction) {
            return FunctionTool.compile(name, new org.apache.flink.agents.api.tools.FunctionTool(function, injected));
        }
        final String called = function == null ? pythonClass : function.toString();
        require(what, called, context);
        return new PythonTool(name, metadata(fields.path("metadata")), injected, called, context);
    }

    private static ToolMetadata metadata(final JsonNode metadata) {
        return metadata.isObject()
                ? new ToolMetadata(
                        metadata.path("name").asText(),
                        metadata.path("description").asText(),
                        metadata.path("args_schema").toString())
                : null;
    }
}
