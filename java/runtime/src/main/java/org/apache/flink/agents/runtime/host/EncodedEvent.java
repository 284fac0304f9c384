package org.apache.flink.agents.runtime.host;

import java.util.Arrays;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventAccess;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.core.value.EncodedMap;
import org.apache.flink.agents.core.value.ValueWriter;

/**
 * An event whose attributes are plain data that nobody has opened: an input from Python, or what a Python action sent. It
 * becomes an {@link Event} when a Java action or listener wants to see it.
 */
public final class EncodedEvent {
    private static final byte[] OUTPUT = {'o', 'u', 't', 'p', 'u', 't'};
    /** A map with one entry, {@code input}, up to its value. */
    private static final byte[] INPUT_HEAD = {12, 1, 5, 'i', 'n', 'p', 'u', 't'};

    private final long idHigh;
    private final long idLow;
    private final String type;
    private final byte[] attributes;
    private final boolean hasUpstream;
    private final long upstreamHigh;
    private final long upstreamLow;
    private final String upstreamAction;
    private final boolean hasTimestamp;
    private final long timestamp;
    private Event decoded;

    EncodedEvent(
            final long idHigh,
            final long idLow,
            final String type,
            final byte[] attributes,
            final boolean hasUpstream,
            final long upstreamHigh,
            final long upstreamLow,
            final String upstreamAction,
            final boolean hasTimestamp,
            final long timestamp) {
        this.idHigh = idHigh;
        this.idLow = idLow;
        this.type = type;
        this.attributes = attributes;
        this.hasUpstream = hasUpstream;
        this.upstreamHigh = upstreamHigh;
        this.upstreamLow = upstreamLow;
        this.upstreamAction = upstreamAction;
        this.hasTimestamp = hasTimestamp;
        this.timestamp = timestamp;
    }

    /**
     * The input event of a record that comes from Python.
     *
     * @throws IllegalArgumentException if it is no such record
     */
    public static EncodedEvent input(final byte[] record, final boolean hasTimestamp, final long timestamp) {
        final int payload = EncodedRecord.payload(record);
        final byte[] attributes = Arrays.copyOf(INPUT_HEAD, INPUT_HEAD.length + record.length - payload);
        System.arraycopy(record, payload, attributes, INPUT_HEAD.length, record.length - payload);
        final Event header = new InputEvent(null);
        return new EncodedEvent(
                EventAccess.idHi(header), EventAccess.idLo(header), InputEvent.EVENT_TYPE, attributes,
                false, 0, 0, null, hasTimestamp, timestamp);
    }

    long idHigh() {
        return idHigh;
    }

    long idLow() {
        return idLow;
    }

    String type() {
        return type;
    }

    /** The attributes, a map of plain data without a version byte; not to be changed. */
    public byte[] attributes() {
        return attributes;
    }

    boolean hasUpstream() {
        return hasUpstream;
    }

    long upstreamHigh() {
        return upstreamHigh;
    }

    long upstreamLow() {
        return upstreamLow;
    }

    String upstreamAction() {
        return upstreamAction;
    }

    boolean hasTimestamp() {
        return hasTimestamp;
    }

    long timestamp() {
        return timestamp;
    }

    /** The value of attribute {@code output}, still encoded; plain null if there is none. */
    byte[] output() {
        final EncodedMap map = new EncodedMap(attributes);
        while (map.next()) {
            if (map.keyIs(OUTPUT)) {
                return map.value();
            }
        }
        return new byte[] {0};
    }

    /** Writes the attributes of these names, as a map. */
    void writeAttributes(final byte[][] names, final ValueWriter out) {
        final EncodedMap map = new EncodedMap(attributes);
        int found = 0;
        while (map.next()) {
            found += isOneOf(names, map) ? 1 : 0;
        }
        out.writeByte(INPUT_HEAD[0]);
        out.writeLength(found);
        map.rewind();
        while (map.next()) {
            if (isOneOf(names, map)) {
                map.copyTo(out);
            }
        }
    }

    private static boolean isOneOf(final byte[][] names, final EncodedMap map) {
        for (final byte[] name : names) {
            if (map.keyIs(name)) {
                return true;
            }
        }
        return false;
    }

    /** The event as Java's actions see it: the same object each time. */
    @SuppressWarnings("unchecked")
    Event toEvent() {
        if (decoded == null) {
            final Class<?> eventClass =
                    type.equals(InputEvent.EVENT_TYPE)
                            ? InputEvent.class
                            : type.equals(OutputEvent.EVENT_TYPE) ? OutputEvent.class : Event.class;
            decoded =
                    EventAccess.restore(
                            eventClass, idHigh, idLow, type, (Map<String, Object>) PlainData.decode(attributes, 0),
                            hasUpstream, upstreamHigh, upstreamLow, upstreamAction, hasTimestamp, timestamp);
        }
        return decoded;
    }

    // Two are the same when they would be stored the same: for the check of option values.verify.
    @Override
    public boolean equals(final Object other) {
        return other instanceof EncodedEvent
                && ((EncodedEvent) other).idHigh == idHigh
                && ((EncodedEvent) other).idLow == idLow
                && ((EncodedEvent) other).type.equals(type)
                && Arrays.equals(((EncodedEvent) other).attributes, attributes);
    }

    @Override
    public int hashCode() {
        return Long.hashCode(idHigh ^ idLow);
    }

    @Override
    public String toString() {
        return "event " + type + " with " + attributes.length + " bytes of attributes";
    }
}
