package org.apache.flink.agents.runtime;

/**
 * An action failed. The message names agent, action and key; the cause is what the action threw. It fails the Flink task,
 * whose restart strategy decides what follows.
 */
public class ActionTaskExecutionException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * @param message agent, action, key and what happened
     * @param cause what the action threw, or null when the core stopped the run
     */
    public ActionTaskExecutionException(final String message, final Throwable cause) {
        super(message, cause);
    }
}
