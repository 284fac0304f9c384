package org.apache.flink.agents.core.value;

/** A value cannot be written, or bytes cannot be read as a value. */
public class ValueException extends RuntimeException {

    ValueException(final String message, final Throwable cause) {
        super(message, cause);
    }
}
