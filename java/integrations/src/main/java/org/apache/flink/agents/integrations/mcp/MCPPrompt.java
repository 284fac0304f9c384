package org.apache.flink.agents.integrations.mcp;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.ResourceType;

/** A prompt of an {@link MCPServer}, which fills it in. In a plan it has the server's name, and finds it where it runs. */
public class MCPPrompt extends Prompt {
    private static final long serialVersionUID = 1L;

    private final String name;
    private final String description;
    private final List<Argument> arguments;
    private final String mcpServer;
    private transient MCPServer server;

    /** What a prompt is filled in with. */
    public static final class Argument implements Serializable {
        private static final long serialVersionUID = 1L;

        private final String name;
        private final String description;
        private final boolean required;

        /** Reads it from a plan. */
        @JsonCreator
        public Argument(
                @JsonProperty("name") final String name,
                @JsonProperty("description") final String description,
                @JsonProperty("required") final boolean required) {
            this.name = name;
            this.description = description;
            this.required = required;
        }

        /** Returns its name. */
        public String getName() {
            return name;
        }

        /** Returns what it is. */
        public String getDescription() {
            return description;
        }

        /** Tells whether the prompt cannot do without it. */
        public boolean isRequired() {
            return required;
        }
    }

    /** Reads it from a plan. */
    @JsonCreator
    public MCPPrompt(
            @JsonProperty("name") final String name,
            @JsonProperty("description") final String description,
            @JsonProperty("arguments") final List<Argument> arguments,
            @JsonProperty("mcpServer") final String mcpServer) {
        this.name = name;
        this.description = description;
        this.arguments = List.copyOf(arguments);
        this.mcpServer = mcpServer;
    }

    MCPPrompt(final MCPServer.ListedPrompt listed, final MCPServer server) {
        this(listed.name, listed.description, listed.arguments, server.getName());
        this.server = server;
    }

    /** Returns its name. */
    public String getName() {
        return name;
    }

    /** Returns what it is for. */
    public String getDescription() {
        return description;
    }

    /** Returns what it is filled in with. */
    public List<Argument> getArguments() {
        return arguments;
    }

    /** Returns the name of its server. */
    public String getMcpServer() {
        return mcpServer;
    }

    /** The server fills it in. */
    @Override
    @JsonIgnore
    public boolean isRemote() {
        return true;
    }

    /** Looks up the server. */
    @Override
    public void open() throws Exception {
        if (server == null) {
            server = (MCPServer) getResourceContext().getResource(mcpServer, ResourceType.MCP_SERVER);
        }
    }

    @Override
    public String formatString(final Map<String, String> args) {
        return formatMessages(MessageRole.USER, args).stream()
                .map(message -> message.getRole().getValue() + ": " + message.getContent())
                .collect(Collectors.joining("\n"));
    }

    /** Returns the messages as the server gives them, whatever the default role. */
    @Override
    public List<ChatMessage> formatMessages(final MessageRole defaultRole, final Map<String, String> args) {
        return server.getPrompt(name, args);
    }
}
