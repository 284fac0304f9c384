package org.apache.flink.agents.runtime.host;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.channels.ClosedByInterruptException;
import java.util.function.Supplier;

/** What an action threw, as messages and dead letters have it. */
final class Problem {
    /** Causes may form a circle. */
    private static final int MOST_CAUSES = 100;

    private final String type;
    private final String message;
    private final String trace;

    private Problem(final String type, final String message, final String trace) {
        this.type = type;
        this.message = message;
        this.trace = trace;
    }

    /** An exception of Python. */
    static Problem ofPython(final String type, final String message, final String trace) {
        return new Problem(type, message, trace);
    }

    static Problem of(final Throwable thrown) {
        final String type = thrown.getClass().getName();
        final StringWriter trace = new StringWriter();
        return new Problem(
                type,
                text(() -> String.valueOf(thrown.getMessage()), type),
                text(() -> {
                    thrown.printStackTrace(new PrintWriter(trace));
                    return trace.toString();
                }, type));
    }

    /** Class of the exception; null where it is not known. */
    String type() {
        return type;
    }

    String message() {
        return message;
    }

    /** Where it was thrown. */
    String trace() {
        return trace;
    }

    /**
     * Whether what was thrown is the action's own doing, and neither the end of its thread or of the JVM, nor a class that is missing
     * or does not fit: those fail the job, and are over, if at all, when it starts again.
     */
    static boolean isOwn(final Throwable thrown) {
        Throwable at = thrown;
        for (int i = 0; at != null && i < MOST_CAUSES; i++) {
            final boolean ofTheJvm = at instanceof VirtualMachineError && !(at instanceof StackOverflowError);
            if (ofTheJvm
                    || at instanceof LinkageError
                    || at instanceof InterruptedException
                    || at instanceof ClosedByInterruptException) {
                return false;
            }
            at = causeOf(at);
        }
        return true;
    }

    private static Throwable causeOf(final Throwable thrown) {
        try {
            return thrown.getCause();
        } catch (final RuntimeException | StackOverflowError e) {
            return null;
        }
    }

    /** Throws on what is not the user's code's own doing, wherever that runs. */
    static void rethrowOfTheJvm(final Throwable thrown) {
        if (thrown instanceof VirtualMachineError && !(thrown instanceof StackOverflowError)) {
            throw (VirtualMachineError) thrown;
        }
    }

    /** A text that the user's code makes; another one if it throws. */
    static String text(final Supplier<String> made, final String otherwise) {
        try {
            return String.valueOf(made.get());
        } catch (final RuntimeException | Error e) {
            rethrowOfTheJvm(e);
            return otherwise;
        }
    }
}
