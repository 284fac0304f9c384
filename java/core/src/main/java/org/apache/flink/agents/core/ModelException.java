package org.apache.flink.agents.core;

/**
 * A model, or the way to it, did not do what was asked. The message names connection, model and attempt, what happened and how to
 * mend it; never a key.
 */
public class ModelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String kind;
    private final int status;
    private final boolean mayPass;

    /**
     * @param kind what kind of failure it is, such as {@code rate_limited}
     * @param status of the HTTP answer; 0 if there was none
     * @param mayPass whether the same call may succeed later without any change
     */
    ModelException(final String message, final String kind, final int status, final boolean mayPass) {
        super(message);
        this.kind = kind;
        this.status = status;
        this.mayPass = mayPass;
    }

    /**
     * Returns what kind of failure it is: {@code arguments}, {@code refused}, {@code authentication}, {@code rate_limited}, {@code
     * unavailable}, {@code unreachable}, {@code timeout}, {@code cut}, {@code invalid_answer}, {@code too_large} or {@code
     * circuit_open}.
     */
    public String getKind() {
        return kind;
    }

    /** Returns the status of the HTTP answer; 0 if there was none. */
    public int getStatus() {
        return status;
    }

    /** Tells whether the same call may succeed later without any change. */
    public boolean mayPass() {
        return mayPass;
    }
}
