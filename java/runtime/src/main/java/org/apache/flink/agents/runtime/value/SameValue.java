package org.apache.flink.agents.runtime.value;

import java.lang.reflect.Array;
import java.util.Collection;
import java.util.Iterator;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.core.value.ValueCodec;

/**
 * Whether a value that came back is the one that was written. Containers of plain data are compared part by part; other
 * objects by {@code equals} where their class has one, else by class only, because their identity never comes back.
 */
final class SameValue {

    private static final ClassValue<Boolean> HAS_EQUALS =
            new ClassValue<>() {
                @Override
                protected Boolean computeValue(final Class<?> type) {
                    try {
                        return type.getMethod("equals", Object.class).getDeclaringClass() != Object.class;
                    } catch (final NoSuchMethodException e) {
                        return false;
                    }
                }
            };

    private SameValue() {}

    static boolean same(final Object one, final Object other) {
        if (one == null || other == null || one == other) {
            return one == other;
        }
        if (one instanceof Map && other instanceof Map && ValueCodec.isPlainClass(one.getClass())) {
            return sameMap((Map<?, ?>) one, (Map<?, ?>) other);
        }
        if (one instanceof Collection && other instanceof Collection && ValueCodec.isPlainClass(one.getClass())) {
            return sameItems((Collection<?>) one, (Collection<?>) other);
        }
        if (one instanceof Event && other instanceof Event) {
            return sameEvent((Event) one, (Event) other);
        }
        if (one.getClass() != other.getClass()) {
            return false;
        }
        if (one.getClass() == ChatMessage.class) {
            return sameMessage((ChatMessage) one, (ChatMessage) other);
        }
        if (one.getClass() == ToolResponse.class) {
            return sameResponse((ToolResponse) one, (ToolResponse) other);
        }
        if (one.getClass().isArray()) {
            final int length = Array.getLength(one);
            if (length != Array.getLength(other)) {
                return false;
            }
            if (one.getClass().getComponentType().isPrimitive()) {
                return Objects.deepEquals(one, other);
            }
            for (int i = 0; i < length; i++) {
                if (!same(Array.get(one, i), Array.get(other, i))) {
                    return false;
                }
            }
            return true;
        }
        if (!HAS_EQUALS.get(one.getClass())) {
            return true;
        }
        try {
            return one.equals(other);
        } catch (final StackOverflowError e) {
            // A graph that refers to itself, whose equals() cannot compare it; that it came back at all must do.
            return true;
        }
    }

    /** Not by its equals(), which asks those of its attributes; and a class that cannot be rebuilt comes back as a plain event. */
    private static boolean sameEvent(final Event one, final Event other) {
        return one.getId().equals(other.getId())
                && one.getType().equals(other.getType())
                && sameMap(one.getAttributes(), other.getAttributes());
    }

    /** Not by its equals(), which asks that of an answer that was parsed as the user's type. */
    private static boolean sameMessage(final ChatMessage one, final ChatMessage other) {
        return one.getRole() == other.getRole()
                && one.getContent().equals(other.getContent())
                && same(one.getToolCalls(), other.getToolCalls())
                && same(one.getExtraArgs(), other.getExtraArgs());
    }

    /** Not by its equals(), which asks that of what a tool has returned. */
    private static boolean sameResponse(final ToolResponse one, final ToolResponse other) {
        return one.isSuccess() == other.isSuccess()
                && one.getExecutionTimeMs() == other.getExecutionTimeMs()
                && Objects.equals(one.getError(), other.getError())
                && Objects.equals(one.getToolName(), other.getToolName())
                && same(one.getResult(), other.getResult());
    }

    private static boolean sameMap(final Map<?, ?> one, final Map<?, ?> other) {
        if (one.size() != other.size()) {
            return false;
        }
        for (final Map.Entry<?, ?> entry : one.entrySet()) {
            final Object key = entry.getKey();
            // A key that is found by identity only cannot be looked up in the copy.
            if (key != null && !HAS_EQUALS.get(key.getClass())) {
                continue;
            }
            if (!other.containsKey(key) || !same(entry.getValue(), other.get(key))) {
                return false;
            }
        }
        return true;
    }

    private static boolean sameItems(final Collection<?> one, final Collection<?> other) {
        if (one.size() != other.size()) {
            return false;
        }
        if (one instanceof Set) {
            for (final Object item : one) {
                if ((item == null || HAS_EQUALS.get(item.getClass())) && !other.contains(item)) {
                    return false;
                }
            }
            return true;
        }
        final Iterator<?> others = other.iterator();
        for (final Object item : one) {
            if (!same(item, others.next())) {
                return false;
            }
        }
        return true;
    }
}
