package org.apache.flink.agents.api.resource.python;

import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.function.Function;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;

/**
 * INTERNAL: a resource that is made in Python, as what stands for it in Java asks it. Not for users; it may change with any release. For
 * use by any thread.
 */
public final class PythonResource {
    /** The argument of a descriptor that names the Python class. */
    public static final String PYTHON_CLASS = "pythonClazz";

    private static final Set<ResourceType> ASKED =
            EnumSet.of(
                    ResourceType.CHAT_MODEL,
                    ResourceType.CHAT_MODEL_CONNECTION,
                    ResourceType.EMBEDDING_MODEL,
                    ResourceType.EMBEDDING_MODEL_CONNECTION,
                    ResourceType.VECTOR_STORE,
                    ResourceType.TOOL);

    private final ResourceType type;
    private final String name;
    @Nullable private final String pythonClass;
    @Nullable private final ResourceContext context;

    /** @param pythonClass its class or function in Python; null if that is not known */
    public PythonResource(
            ResourceType type, String name, @Nullable String pythonClass, @Nullable ResourceContext context) {
        this.type = type;
        this.name = name;
        this.pythonClass = pythonClass;
        this.context = context;
    }

    /** Tells whether resources of a type are asked by the other language; prompts, tool servers and skills are not. */
    public static boolean isAsked(ResourceType type) {
        return ASKED.contains(type);
    }

    /** The resource that a descriptor is of. */
    public static PythonResource of(
            ResourceType type, ResourceDescriptor descriptor, @Nullable ResourceContext context) {
        final Object pythonClass = descriptor.getArgument(PYTHON_CLASS);
        return new PythonResource(
                type,
                context == null ? "" : context.getResourceName(),
                pythonClass == null ? null : pythonClass.toString(),
                context);
    }

    /**
     * Asks for something, and waits for it.
     *
     * @param arguments by name; objects are sent as plain data
     * @param reading makes of the answer what the caller wants; throws IllegalArgumentException if it is something else
     * @throws PythonResourceException if it fails; the message says which resource and why
     * @throws IllegalArgumentException if an argument has no plain form
     * @throws IllegalStateException if it cannot be asked, or gives something else
     * @throws CancellationException if the thread is interrupted
     * @throws UnsupportedOperationException if there is no Python here
     */
    @SuppressWarnings("unchecked") // of a map
    public <T> T ask(String method, Map<String, Object> arguments, Function<Object, T> reading) {
        if (context == null) {
            throw new IllegalStateException(this + " is only declared; get it by RunnerContext.getResource.");
        }
        final PythonResources python = context.getPythonResources();
        final Map<String, Object> sent;
        try {
            sent = (Map<String, Object>) PlainValues.data(arguments);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(this + " cannot be asked to " + method + ": " + e.getMessage(), e);
        }
        final Object answer;
        try {
            answer = python.ask(type, name, method, sent);
        } catch (PythonResourceException e) {
            throw e.of(toString());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (CancellationException) new CancellationException("Interrupted while waiting for " + this).initCause(e);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(this + " cannot be asked: " + e.getMessage(), e);
        }
        try {
            return reading.apply(answer);
        } catch (IllegalArgumentException e) {
            throw new IllegalStateException(this + " gave something else than '" + method + "' gives: " + e.getMessage(), e);
        }
    }

    /** Asks for something that has no answer, and waits until it is done. */
    public void tell(String method, Map<String, Object> arguments) {
        ask(method, arguments, answer -> null);
    }

    @Override
    public String toString() {
        return "Resource '"
                + name
                + "' of type "
                + type.getValue()
                + (pythonClass == null ? "" : " (" + pythonClass + " in Python)");
    }
}
