package org.apache.flink.agents.integrations.mcp;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.AsyncTool;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolExecutionMetadataProvider;
import org.apache.flink.agents.api.tools.ToolMetadata;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.tools.ToolType;
import org.apache.flink.agents.api.trace.ToolExecutionMetadataKeys;

/** A tool of an {@link MCPServer}. In a plan it has the server's name, and finds it where it runs. */
public class MCPTool extends Tool implements AsyncTool, ToolExecutionMetadataProvider {
    private static final long serialVersionUID = 1L;

    private final String mcpServer;
    private transient MCPServer server;

    /** Reads it from a plan. */
    @JsonCreator
    public MCPTool(@JsonProperty("metadata") final ToolMetadata metadata, @JsonProperty("mcpServer") final String mcpServer) {
        super(metadata);
        this.mcpServer = mcpServer;
    }

    MCPTool(final ToolMetadata metadata, final MCPServer server) {
        this(metadata, server.getName());
        this.server = server;
    }

    /** Returns the name of its server. */
    @JsonProperty("mcpServer")
    public String getMcpServer() {
        return mcpServer;
    }

    /** Looks up the server. */
    @Override
    public void open() throws Exception {
        if (server == null) {
            server = (MCPServer) getResourceContext().getResource(mcpServer, ResourceType.MCP_SERVER);
        }
    }

    @Override
    public ToolType getToolType() {
        return ToolType.MCP;
    }

    @Override
    public ToolResponse call(final ToolParameters parameters) {
        return server.callTool(getName(), arguments(parameters));
    }

    @Override
    public CompletableFuture<ToolResponse> callAsync(final ToolParameters parameters) {
        return server.callToolAsync(getName(), arguments(parameters));
    }

    private static Map<String, Object> arguments(final ToolParameters parameters) {
        final Map<String, Object> arguments = new LinkedHashMap<>();
        parameters.getParameterNames().forEach(name -> arguments.put(name, parameters.getParameter(name)));
        return arguments;
    }

    @Override
    public Map<String, Object> getToolExecutionMetadata(final ToolParameters parameters) {
        return Map.of(ToolExecutionMetadataKeys.MCP_SERVER, mcpServer);
    }
}
