package org.apache.flink.agents.integrations.mcp;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.ToolMetadata;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.tools.ToolServer;
import org.apache.flink.agents.core.McpException;
import org.apache.flink.agents.core.ModelClient;
import org.apache.flink.agents.integrations.NativeClient;

/**
 * A tool server that speaks the Model Context Protocol. Its session is opened with the first question, and again when the server has
 * ended it; its tools and prompts become those of the agent when the agent is applied, so the server has to be there then.
 *
 * <p>Arguments: {@code endpoint}, for streamable HTTP, with {@code headers} and {@code auth} (a map: {@code type} is {@code bearer}
 * with {@code token}, {@code basic} with {@code username} and {@code password}, or {@code apiKey} with {@code key}); or {@code command},
 * {@code args}, {@code env} and {@code cwd}, the process that is the server, on its standard input and output. For both {@code timeout}
 * (30 s), {@code maxRetries} (3), {@code initialBackoffMs} (100) and {@code maxBackoffMs} (10000).
 *
 * <p><i>Threads</i>: any, and several at once.
 */
public class MCPServer extends Resource implements ToolServer {
    private static final TypeReference<List<ListedTool>> TOOLS = new TypeReference<>() {};
    private static final TypeReference<List<ListedPrompt>> PROMPTS = new TypeReference<>() {};
    private static final TypeReference<List<ChatMessage>> MESSAGES = new TypeReference<>() {};
    private static final TypeReference<Answer> ANSWER = new TypeReference<>() {};

    private final String name;
    private final NativeClient client;

    /** A tool as the client tells of it. */
    static final class ListedTool {
        @JsonProperty String name;
        @JsonProperty String description;
        @JsonProperty JsonNode parameters;
    }

    /** A prompt as the client tells of it. */
    static final class ListedPrompt {
        @JsonProperty String name;
        @JsonProperty String description;
        @JsonProperty List<MCPPrompt.Argument> arguments;
    }

    /** What a tool said. */
    static final class Answer {
        @JsonProperty String text;
        @JsonProperty JsonNode structured;
        @JsonProperty JsonNode contents;
        @JsonProperty boolean failed;
    }

    /** Reads the arguments; {@link #open()} checks them. */
    public MCPServer(final ResourceDescriptor descriptor, @Nullable final ResourceContext context) {
        super(descriptor, context);
        name = NativeClient.nameOf(descriptor, context);
        client = NativeClient.toolServer(descriptor, context);
    }

    @Override
    public ResourceType getResourceType() {
        return ResourceType.MCP_SERVER;
    }

    /**
     * Checks the arguments. Nothing is sent yet.
     *
     * @throws IllegalArgumentException if an argument is unknown, missing or does not fit
     */
    @Override
    public void open() throws Exception {
        super.open();
        client.open();
    }

    /**
     * Returns the server's tools. They are asked for once, and again when the server says that they changed.
     *
     * @throws McpException if the server is not there or does not answer
     */
    @Override
    public List<MCPTool> listTools() {
        final List<MCPTool> tools = new ArrayList<>();
        for (final ListedTool listed : client.ask(question("tools"), TOOLS)) {
            final ToolMetadata metadata =
                    new ToolMetadata(listed.name, listed.description, String.valueOf(listed.parameters));
            tools.add(new MCPTool(metadata, this));
        }
        return tools;
    }

    /**
     * Returns a tool by its name.
     *
     * @throws IllegalArgumentException if there is none
     * @throws McpException if the server is not there or does not answer
     */
    public MCPTool getTool(final String tool) {
        final List<String> names = new ArrayList<>();
        for (final MCPTool listed : listTools()) {
            if (listed.getName().equals(tool)) {
                return listed;
            }
            names.add(listed.getName());
        }
        throw new IllegalArgumentException(
                "The MCP server '" + name + "' has no tool '" + tool + "'; there are: " + String.join(", ", names));
    }

    /**
     * Returns the server's prompts, kept like its tools.
     *
     * @throws McpException if the server is not there or does not answer
     */
    public List<MCPPrompt> listPrompts() {
        final List<MCPPrompt> prompts = new ArrayList<>();
        for (final ListedPrompt listed : client.ask(question("prompts"), PROMPTS)) {
            prompts.add(new MCPPrompt(listed, this));
        }
        return prompts;
    }

    @Override
    public Map<String, MCPPrompt> promptsByName() {
        final Map<String, MCPPrompt> prompts = new LinkedHashMap<>();
        listPrompts().forEach(prompt -> prompts.put(prompt.getName(), prompt));
        return prompts;
    }

    /**
     * Returns the messages of a prompt, filled in by the server with all arguments that it knows, required or not.
     *
     * @throws McpException if a required argument is missing, or there is no such prompt or server
     */
    public List<ChatMessage> getPrompt(final String prompt, @Nullable final Map<String, String> arguments) {
        final Map<String, Object> question = question("prompt");
        question.put("prompt", prompt);
        question.put("arguments", arguments == null ? Map.of() : arguments);
        return client.ask(question, MESSAGES);
    }

    /**
     * Calls a tool and waits for it; its texts, or its structured result as JSON if it has none. A tool that says that it failed is a
     * failed response.
     *
     * @throws McpException if the server is not there, does not answer, or refuses
     */
    public ToolResponse callTool(final String tool, @Nullable final Map<String, Object> arguments) {
        return ModelClient.await(callToolAsync(tool, arguments));
    }

    /** Does the same without a thread that waits. */
    public CompletableFuture<ToolResponse> callToolAsync(final String tool, @Nullable final Map<String, Object> arguments) {
        final Map<String, Object> question = question("call");
        question.put("tool", tool);
        question.put("arguments", arguments == null ? Map.of() : arguments);
        final long begun = System.nanoTime();
        return client.call(question, ANSWER, answer -> {
            final long millis = (System.nanoTime() - begun) / 1_000_000;
            if (!answer.failed) {
                return ToolResponse.success(answer.text, millis, tool);
            }
            final String why =
                    answer.text.isEmpty() ? "The tool '" + tool + "' says that it failed, and not why." : answer.text;
            return ToolResponse.error(why, millis, tool);
        });
    }

    private static Map<String, Object> question(final String what) {
        final Map<String, Object> question = new LinkedHashMap<>();
        question.put("do", what);
        return question;
    }

    /** Returns the name of this resource. */
    public String getName() {
        return name;
    }

    /** Ends the session; calls under way are cancelled. */
    @Override
    public void close() throws Exception {
        client.close();
        super.close();
    }
}
