package org.apache.flink.agents.api.resource.python;

import javax.annotation.Nullable;

/** A resource that is made in Python has failed. An addition to the reference's API. */
public class PythonResourceException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String pythonClass;
    @Nullable private final String pythonMessage;
    @Nullable private final String pythonTraceback;

    /**
     * What Python threw.
     *
     * @param pythonClass the class of Python's exception
     * @param pythonMessage its text
     * @param pythonTraceback where it came from, as Python prints it
     */
    public PythonResourceException(
            String pythonClass, @Nullable String pythonMessage, @Nullable String pythonTraceback) {
        super(describe(pythonClass, pythonMessage));
        this.pythonClass = pythonClass;
        this.pythonMessage = pythonMessage;
        this.pythonTraceback = pythonTraceback;
    }

    private PythonResourceException(String resource, PythonResourceException cause) {
        super(resource + " failed: " + describe(cause.pythonClass, cause.pythonMessage), cause);
        this.pythonClass = cause.pythonClass;
        this.pythonMessage = cause.pythonMessage;
        this.pythonTraceback = cause.pythonTraceback;
    }

    private static String describe(String pythonClass, @Nullable String pythonMessage) {
        return pythonMessage == null || pythonMessage.isEmpty() ? pythonClass : pythonClass + ": " + pythonMessage;
    }

    /** The same, whose message says which resource it was. */
    PythonResourceException of(String resource) {
        return new PythonResourceException(resource, this);
    }

    /** Returns the class of Python's exception. */
    public String getPythonClass() {
        return pythonClass;
    }

    /** Returns the text of Python's exception; null if it has none. */
    @Nullable
    public String getPythonMessage() {
        return pythonMessage;
    }

    /** Returns where Python's exception came from, as Python prints it; null if that is not known. */
    @Nullable
    public String getPythonTraceback() {
        return pythonTraceback;
    }

    // Logs show a cause by this: once, below what names the resource.
    @Override
    public String toString() {
        return getCause() == null && pythonTraceback != null ? super.toString() + "\n" + pythonTraceback : super.toString();
    }
}
