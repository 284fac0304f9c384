package org.apache.flink.agents.runtime.host;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.WeakHashMap;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.runtime.value.BlobCodec;

/**
 * Finds at once what otherwise only a checkpoint or a recovery brings to light: values that could not be stored, and events
 * that are changed after they were sent. It costs an encoding and a decoding of every event; option {@code values.verify}.
 *
 * <p>Outputs are not checked: they leave before the next checkpoint and are never stored here. Used by one thread.
 */
public final class ValueChecks {
    private static final byte[] CANNOT_BE_STORED = {};

    private final BlobCodec codec;
    // Weak, since nobody says when an event is not needed any more.
    private final Map<Event, Map<String, byte[]>> sent = new WeakHashMap<>();

    /** @param codec one that compares what it has written */
    public ValueChecks(final BlobCodec codec) {
        this.codec = codec;
    }

    /**
     * An action sends an event.
     *
     * @throws IllegalArgumentException naming type and path, if it could not be stored, or was sent before with other values
     */
    void sending(final Event event) {
        if (event.getType().equals(OutputEvent.EVENT_TYPE)) {
            return;
        }
        try {
            codec.encodeOne(event);
        } catch (final UnsupportedValueException e) {
            throw new IllegalArgumentException(
                    "An event was sent that cannot be stored: " + e.getMessage() + " (Found by values.verify.)", e);
        }
        final String changed = changedSinceSent(event);
        if (changed != null) {
            throw new IllegalArgumentException(
                    "Event "
                            + event.getType()
                            + " was sent before, and its attribute \""
                            + changed
                            + "\" was changed after it was sent: actions would get the changed one twice. Make a new event for"
                            + " each sendEvent (found by values.verify)");
        }
        sent.put(event, encoded(event));
    }

    /**
     * An action sets a value of sensory memory.
     *
     * @throws IllegalArgumentException if it could not be stored
     */
    void setting(final String path, final Object value) {
        try {
            codec.encodeOne(value);
        } catch (final UnsupportedValueException e) {
            throw new IllegalArgumentException(
                    "The value set at sensory memory path \""
                            + path
                            + "\" cannot be stored: "
                            + e.getMessage()
                            + " (Found by values.verify.)",
                    e);
        }
    }

    /** An action gets an event: an input's is known from then on. */
    void handling(final Event event) {
        sent.computeIfAbsent(event, this::encoded);
    }

    /** Name of an attribute that is not as it was when the event was sent; null if there is none, or nothing is known of the event. */
    String changedSinceSent(final Event event) {
        final Map<String, byte[]> before = sent.get(event);
        if (before == null) {
            return null;
        }
        final Map<String, byte[]> now = encoded(event);
        for (final Map.Entry<String, byte[]> attribute : before.entrySet()) {
            if (!Arrays.equals(attribute.getValue(), now.remove(attribute.getKey()))) {
                return attribute.getKey();
            }
        }
        return now.isEmpty() ? null : now.keySet().iterator().next();
    }

    /** What an action has got from memory, to be looked at again when it fails. */
    Read read(final String path, final Object value) {
        return new Read(path, value, encoded(value));
    }

    /** A value of memory as an action got it. */
    final class Read {
        private final String path;
        private final Object value;
        private final byte[] before;

        private Read(final String path, final Object value, final byte[] before) {
            this.path = path;
            this.value = value;
            this.before = before;
        }

        String path() {
            return path;
        }

        /** Whether it was changed in place. */
        boolean isChanged() {
            return !Arrays.equals(before, encoded(value));
        }
    }

    private Map<String, byte[]> encoded(final Event event) {
        final Map<String, byte[]> attributes = new LinkedHashMap<>();
        event.getAttributes().forEach((name, value) -> attributes.put(name, encoded(value)));
        return attributes;
    }

    private byte[] encoded(final Object value) {
        try {
            return codec.encodeOne(value);
        } catch (final RuntimeException e) {
            return CANNOT_BE_STORED;
        }
    }
}
