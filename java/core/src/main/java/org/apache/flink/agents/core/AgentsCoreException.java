package org.apache.flink.agents.core;

/**
 * The core cannot go on: a snapshot that cannot be read, a run that causes events without end, or a defect of the core itself. The message says what happened,
 * where, and what to do.
 */
public class AgentsCoreException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param message what happened, where, why, how to mend it */
    public AgentsCoreException(final String message) {
        super(message);
    }
}
