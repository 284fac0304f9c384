package org.apache.flink.agents.plan;

import java.lang.reflect.InvocationTargetException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.SerializableResource;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolServer;

/** The tool servers of an agent, whose tools and prompts become the agent's: they are asked for them while the plan is built. */
final class McpServers {
    private static final String MCP_SERVER_CLASS = "org.apache.flink.agents.integrations.mcp.MCPServer";

    private final ClassLoader agentsCode;
    private final Map<String, Declared> declared = new LinkedHashMap<>();

    McpServers(ClassLoader agentsCode) {
        this.agentsCode = agentsCode;
    }

    private static final class Declared {
        final ResourceDescriptor descriptor;
        final String owner;

        Declared(ResourceDescriptor descriptor, String owner) {
            this.descriptor = descriptor;
            this.owner = owner;
        }
    }

    /** Takes what a server has. */
    @FunctionalInterface
    interface Taker {
        void take(ResourceType type, String name, SerializableResource listed, String owner);
    }

    /**
     * Checks the language of the client that a declaration asks for.
     *
     * @throws UnsupportedOperationException if it is Python
     * @throws IllegalArgumentException if it is unknown
     */
    static void checkLanguage(String language, String owner) {
        switch (language.toLowerCase(Locale.ROOT)) {
            case "auto":
            case "java":
                return;
            case "python":
                throw new UnsupportedOperationException(
                        owner
                                + " asks for the client of Python (lang = \"python\"), which this release of flink-agents-rs cannot"
                                + " use from Java. Leave 'lang' out: both languages have the same client.");
            default:
                throw new IllegalArgumentException(
                        owner + ": its 'lang' is \"" + language + "\"; it may be \"auto\" or \"java\".");
        }
    }

    /** Takes a server in; returns its descriptor as the plan has it. */
    ResourceDescriptor add(String name, ResourceDescriptor descriptor, String owner) {
        final ResourceDescriptor planned =
                ResourceName.MCP_SERVER.equals(descriptor.getClazz())
                        ? new ResourceDescriptor(MCP_SERVER_CLASS, descriptor.getInitialArguments())
                        : descriptor;
        declared.put(name, new Declared(planned, owner));
        return planned;
    }

    /**
     * Asks each server for its tools and prompts.
     *
     * @throws IllegalArgumentException if one cannot be made or does not answer
     */
    void forEachListed(Taker taker) {
        declared.forEach((name, server) -> {
            try (Open open = open(name, server)) {
                for (final Tool tool : open.tools()) {
                    taker.take(ResourceType.TOOL, tool.getName(), tool, server.owner);
                }
                open.prompts()
                        .forEach((prompt, listed) -> taker.take(ResourceType.PROMPT, prompt, listed, server.owner));
            }
        });
    }

    private Open open(String name, Declared server) {
        final Resource made;
        try {
            final ClassLoader context = Thread.currentThread().getContextClassLoader();
            final Class<?> type =
                    Class.forName(server.descriptor.getClazz(), true, context == null ? agentsCode : context);
            made =
                    (Resource)
                            type.getConstructor(ResourceDescriptor.class, ResourceContext.class)
                                    .newInstance(server.descriptor, new Named(name));
        } catch (ClassNotFoundException | NoSuchMethodException | ClassCastException e) {
            throw new IllegalArgumentException(
                    server.owner
                            + " is of class "
                            + server.descriptor.getClazz()
                            + ", which cannot be used: "
                            + e
                            + ". Use ResourceName.MCP_SERVER, with flink-agents-integrations on the class path, or a Resource"
                            + " with a constructor (ResourceDescriptor, ResourceContext).",
                    e);
        } catch (InvocationTargetException e) {
            throw cannotBeMade(server, e.getCause());
        } catch (ReflectiveOperationException e) {
            throw cannotBeMade(server, e);
        }
        return new Open(made, server);
    }

    private static IllegalArgumentException cannotBeMade(Declared server, Throwable why) {
        return new IllegalArgumentException(server.owner + " cannot be made: " + why.getMessage(), why);
    }

    /** A server that is asked. */
    private static final class Open implements AutoCloseable {
        private final Resource server;
        private final Declared declared;

        Open(Resource server, Declared declared) {
            this.server = server;
            this.declared = declared;
        }

        List<? extends Tool> tools() {
            try {
                server.open();
                return lists().listTools();
            } catch (Exception e) {
                throw failed(e);
            }
        }

        Map<String, ? extends SerializableResource> prompts() {
            try {
                return lists().promptsByName();
            } catch (RuntimeException e) {
                throw failed(e);
            }
        }

        private ToolServer lists() {
            if (server instanceof ToolServer) {
                return (ToolServer) server;
            }
            throw new IllegalStateException(server.getClass().getName() + " is no ToolServer");
        }

        private IllegalArgumentException failed(Exception why) {
            return new IllegalArgumentException(
                    declared.owner
                            + ": its tools and prompts are asked for when the agent is applied, and that failed: "
                            + why.getMessage(),
                    why);
        }

        @Override
        public void close() {
            try {
                server.close();
            } catch (Exception e) {
                throw new IllegalArgumentException(declared.owner + " cannot be closed: " + e.getMessage(), e);
            }
        }
    }

    /** All that a server knows before it runs: its name. */
    private static final class Named implements ResourceContext {
        private final String name;

        Named(String name) {
            this.name = name;
        }

        @Override
        public String getResourceName() {
            return name;
        }

        @Override
        public Resource getResource(String other, ResourceType type) {
            throw unsupported();
        }

        @Override
        public String generateAvailableSkillsPrompt(List<String> skillNames) {
            throw unsupported();
        }

        @Override
        public List<String> getSkillDirs(List<String> skillNames) {
            throw unsupported();
        }

        private UnsupportedOperationException unsupported() {
            return new UnsupportedOperationException(
                    "The tool server '" + name + "' is asked for its tools before the agent runs: there are no other resources yet.");
        }
    }
}
