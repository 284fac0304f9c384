package org.apache.flink.agents.runtime.host;

import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventAccess;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.core.value.ValueCodec;
import org.apache.flink.agents.runtime.value.Refusals;

/**
 * Notices values that can never be stored at the moment they are sent or written, where the mistake was made, not minutes
 * later in a checkpoint. One look-up by class for each value: what lies deeper is checked when it is stored.
 */
public final class StorableClasses {
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
        if (RunnerContext.class.isAssignableFrom(type) || MemoryObject.class.isAssignableFrom(type)) {
            return "it belongs to one execution of an action. Send the data read from it instead.";
        }
        final String reason = Refusals.reason(type);
        return reason == null ? "" : reason;
    }

    /**
     * Checks the attributes of an event.
     *
     * @throws IllegalArgumentException naming action, event type, attribute and class
     */
    public static void checkEvent(final String action, final Event event) {
        if (EventAccess.isLazy(event)) {
            final Object value = EventAccess.singleValue(event);
            if (isRefused(value)) {
                refuse(action, value, "the payload of event " + event.getType());
            }
            return;
        }
        final Object[] pairs = EventAccess.pairs(event);
        if (pairs != null) {
            for (int i = 0; i < pairs.length; i += 2) {
                if (isRefused(pairs[i + 1])) {
                    refuseAttribute(action, pairs[i + 1], (String) pairs[i], event);
                }
            }
            return;
        }
        for (final Map.Entry<String, Object> entry : event.getAttributes().entrySet()) {
            final Object value = entry.getValue();
            if (isRefused(value)) {
                refuseAttribute(action, value, entry.getKey(), event);
            }
        }
    }

    /**
     * Checks a memory value.
     *
     * @throws IllegalArgumentException naming action, path and class
     */
    public static void checkValue(final String action, final Object value, final String path) {
        if (isRefused(value)) {
            refuse(action, value, "memory path \"" + path + "\"");
        }
    }

    private static boolean isRefused(final Object value) {
        if (value == null) {
            return false;
        }
        final Class<?> type = value.getClass();
        // The commonest first: comparing costs less than looking up.
        return type != String.class
                && type != Long.class
                && type != Integer.class
                && type != Double.class
                && type != Boolean.class
                && !OBJECTIONS.get(type).isEmpty();
    }

    private static void refuseAttribute(final String action, final Object value, final String name, final Event event) {
        refuse(action, value, "attribute \"" + name + "\" of event " + event.getType());
    }

    private static void refuse(final String action, final Object value, final String where) {
        throw new IllegalArgumentException(
                "Action '"
                        + action
                        + "' put a value of "
                        + value.getClass().getName()
                        + " into "
                        + where
                        + ", which cannot be stored: "
                        + OBJECTIONS.get(value.getClass()));
    }
}
