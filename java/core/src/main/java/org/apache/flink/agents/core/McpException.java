package org.apache.flink.agents.core;

/**
 * A tool server (MCP), or the way to it, did not do what was asked. The message names the server and what it was asked, what happened
 * and how to mend it; never a key.
 */
public class McpException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String kind;
    private final String server;

    /**
     * @param kind what kind of failure it is, such as {@code gone}
     * @param server the name of the resource
     */
    McpException(final String message, final String kind, final String server) {
        super(message);
        this.kind = kind;
        this.server = server;
    }

    /**
     * Returns what kind of failure it is: {@code arguments}, {@code unreachable}, {@code gone}, {@code timeout}, {@code refused} or
     * {@code invalid_answer}.
     */
    public String getKind() {
        return kind;
    }

    /** Returns the name of the server's resource. */
    public String getServer() {
        return server;
    }
}
