package org.apache.flink.agents.api.context;

import java.util.concurrent.TimeoutException;

/** A durable call took longer than it may. Whatever it brings later is dropped. */
public final class DurableCallTimeoutException extends TimeoutException {
    private static final long serialVersionUID = 1L;

    /** @param message names the call, its action and the limit */
    public DurableCallTimeoutException(final String message) {
        super(message);
    }
}
