package org.apache.flink.agents.runtime.host;

import java.io.Closeable;
import java.lang.reflect.AnnotatedElement;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.locks.Lock;
import java.util.stream.BaseStream;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventAccess;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.core.value.ValueCodec;

/**
 * Notices values that can never be stored at the moment they are sent or written, where the mistake was made, not minutes
 * later in a checkpoint. One look-up by class for each value: what lies deeper is checked when it is stored.
 */
public final class StorableClasses {
    private static final Class<?>[] NEVER = {
        Thread.class, ThreadGroup.class, ThreadLocal.class, ClassLoader.class, Closeable.class, BaseStream.class, Iterator.class,
        Future.class, Executor.class, Lock.class, RunnerContext.class, MemoryObject.class, Process.class,
        AnnotatedElement.class
    };

    /** Why values of a class cannot be stored; empty when they can, as far as the class tells. */
    private static final ClassValue<String> OBJECTIONS =
            new ClassValue<String>() {
                @Override
                protected String computeValue(final Class<?> type) {
                    return objection(type);
                }
            };

    private StorableClasses() {}

    private static String objection(final Class<?> type) {
        if (ValueCodec.isPlainClass(type)) {
            return "";
        }
        if (type.getName().contains("$$Lambda")) {
            return "a lambda, which exists only in this JVM";
        }
        for (final Class<?> never : NEVER) {
            if (never.isAssignableFrom(type)) {
                return "a " + never.getSimpleName() + ", which exists only in this JVM";
            }
        }
        return "";
    }

    /**
     * Checks the attributes of an event.
     *
     * @throws IllegalArgumentException naming action, event type, attribute and class
     */
    public static void checkEvent(final String action, final Event event) {
        EventAccess.checkRestorable(event.getClass());
        if (EventAccess.isLazy(event)) {
            final Object value = EventAccess.singleValue(event);
            if (value != null && !OBJECTIONS.get(value.getClass()).isEmpty()) {
                refuse(action, value, "the payload of event " + event.getType());
            }
            return;
        }
        for (final Map.Entry<String, Object> entry : event.getAttributes().entrySet()) {
            final Object value = entry.getValue();
            if (value != null && !OBJECTIONS.get(value.getClass()).isEmpty()) {
                refuse(action, value, "attribute \"" + entry.getKey() + "\" of event " + event.getType());
            }
        }
    }

    /**
     * Checks a memory value.
     *
     * @throws IllegalArgumentException naming action, path and class
     */
    public static void checkValue(final String action, final Object value, final String where) {
        if (value != null && !OBJECTIONS.get(value.getClass()).isEmpty()) {
            refuse(action, value, where);
        }
    }

    private static void refuse(final String action, final Object value, final String where) {
        throw new IllegalArgumentException(
                "Action '"
                        + action
                        + "' put a value of "
                        + value.getClass().getName()
                        + " into "
                        + where
                        + ": it is "
                        + OBJECTIONS.get(value.getClass())
                        + " and cannot be stored. Send plain data, or what is needed to make it again");
    }
}
