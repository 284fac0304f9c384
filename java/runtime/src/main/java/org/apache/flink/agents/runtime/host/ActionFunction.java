package org.apache.flink.agents.runtime.host;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.core.ActionDescriptor;

/** The Java method of one action, resolved once. */
final class ActionFunction {
    private static final MethodType CALL = MethodType.methodType(void.class, Event.class, RunnerContext.class);

    private final ActionDescriptor descriptor;
    private final MethodHandle handle;
    private final Method method;

    private ActionFunction(final ActionDescriptor descriptor, final MethodHandle handle, final Method method) {
        this.descriptor = descriptor;
        this.handle = handle;
        this.method = method;
    }

    /**
     * Finds the method of a Java action.
     *
     * @throws IllegalArgumentException naming the action, if class or method is missing or not public static
     */
    static ActionFunction resolve(final ActionDescriptor descriptor, final ClassLoader userCode) {
        final Method method;
        try {
            final Class<?> owner = Class.forName(descriptor.owner(), true, userCode);
            method = owner.getDeclaredMethod(descriptor.function(), Event.class, RunnerContext.class);
        } catch (final ClassNotFoundException e) {
            throw new IllegalArgumentException(
                    "The class of " + descriptor + " is not on the class path of the job; put it into the job's jar", e);
        } catch (final NoSuchMethodException e) {
            throw new IllegalArgumentException(
                    "The class of "
                            + descriptor
                            + " has no method "
                            + descriptor.function()
                            + "(Event, RunnerContext); was it renamed after the plan was made?",
                    e);
        }
        if (!Modifier.isStatic(method.getModifiers()) || !Modifier.isPublic(method.getModifiers())) {
            throw new IllegalArgumentException("The method of " + descriptor + " must be public and static");
        }
        return new ActionFunction(descriptor, toHandle(method), method);
    }

    private static MethodHandle toHandle(final Method method) {
        try {
            // Classes nested in a user's class need not be public.
            method.setAccessible(true);
            return MethodHandles.lookup().unreflect(method).asType(CALL);
        } catch (final IllegalAccessException | RuntimeException e) {
            return null;
        }
    }

    ActionDescriptor descriptor() {
        return descriptor;
    }

    /** Runs the action's code. What it throws comes out as it is. */
    void call(final Event event, final RunnerContext context) throws Throwable {
        if (handle != null) {
            handle.invokeExact(event, context);
            return;
        }
        try {
            method.invoke(null, event, context);
        } catch (final InvocationTargetException e) {
            throw e.getCause();
        }
    }
}
