package org.apache.flink.agents.runtime.host;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.plan.actions.BuiltInAction;
import org.apache.flink.agents.plan.actions.BuiltInRun;

/** The Java method of one action, resolved once. */
final class ActionFunction {
    private static final MethodType CALL = MethodType.methodType(void.class, Event.class, RunnerContext.class);

    /** Enough that an action that waits only now and then is known; few enough that their cost, microseconds each, is nothing. */
    private static final int TRIALS = 1000;

    private static final int MOST_TRIALS = 1_000_000;

    private static final byte[] WAITING = "durableExecute".getBytes(StandardCharsets.US_ASCII);

    private final ActionDescriptor descriptor;
    private final MethodHandle handle;
    private final Method method;
    /** Null for the user's. */
    private final BuiltInAction builtIn;
    /** How often it has to end without waiting before it may run where it cannot be suspended. */
    private int trials;
    /** What that begins with when it has waited for the journal. */
    private int patience = TRIALS;

    private boolean hasWaited;

    private ActionFunction(final ActionDescriptor descriptor, final MethodHandle handle, final Method method) {
        this.descriptor = descriptor;
        this.handle = handle;
        this.method = method;
        builtIn = BuiltInAction.of(method.getDeclaringClass());
        trials = builtIn == null && mentionsWaiting(method.getDeclaringClass()) ? TRIALS : 0;
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

    /** Whether it is one that goes in pieces, and waits between them without a thread. */
    boolean isBuiltIn() {
        return builtIn != null;
    }

    /** A run of a built-in one. */
    BuiltInRun run(final Event event, final RunnerContext context) {
        return builtIn.run(event, context);
    }

    /** Whether the names of a class's compiled code contain that of a durable call. */
    private static boolean mentionsWaiting(final Class<?> type) {
        final String file = type.getName().substring(type.getName().lastIndexOf('.') + 1) + ".class";
        try (InputStream in = type.getResourceAsStream(file)) {
            if (in == null) {
                return false;
            }
            final byte[] code = in.readAllBytes();
            for (int at = 0; at + WAITING.length <= code.length; at++) {
                if (Arrays.equals(code, at, at + WAITING.length, WAITING, 0, WAITING.length)) {
                    return true;
                }
            }
            return false;
        } catch (final IOException e) {
            return false;
        }
    }

    /**
     * Whether it has to run where it can be suspended, which on JVMs without virtual threads costs a change of threads. At first
     * these are the actions whose class makes durable calls; one that does not wait in many runs needs it no more. An action
     * that is not known to wait and does holds up the whole subtask, once; for the journal, each time after twice as many runs.
     */
    boolean isCoroutine() {
        return !isBuiltIn() && (hasWaited || trials > 0);
    }

    /** It waits for a call. */
    void waits() {
        hasWaited = true;
    }

    /**
     * It waits for the journal before it may make a call. One that makes a single call in a run hardly ever does: the core
     * has it begin when the call may be made.
     *
     * @param holdsUp whether it holds up the subtask
     */
    void waitsForJournal(final boolean holdsUp) {
        if (holdsUp) {
            patience = Math.min(2 * patience, MOST_TRIALS);
        }
        trials = patience;
    }

    /** It has ended. */
    void ended() {
        if (trials > 0) {
            trials--;
        }
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
