package org.apache.flink.agents.runtime.host;

import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventAccess;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.MalformedValueException;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.core.value.ValueReader;
import org.apache.flink.agents.core.value.ValueWriter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Events among stored values, under tag {@value #EVENT}: class name, id, type, attributes, lineage, timestamp.
 *
 * <p>An event comes back as an object of its class where that has a constructor {@code (UUID, Map)} or {@code (UUID, String,
 * Map)}. Where it has none it comes back as a plain {@link Event} with the same id, type and attributes, which is what its
 * class is a view of; a warning says so when it is stored.
 */
public final class EventValues implements ForeignValues {
    /** For ever the tag of events. */
    static final int EVENT = 35;

    /** For ever the tag of events whose attributes are plain data that nobody has opened: as {@link #EVENT}, without a class. */
    static final int ENCODED_EVENT = 38;

    /** For ever the tag of memory values that are plain data that nobody has opened. */
    static final int ENCODED_VALUE = 39;

    private static final Logger LOG = LoggerFactory.getLogger(EventValues.class);
    private static final int UPSTREAM = 1;
    private static final int ACTION = 2;
    private static final int TIMESTAMP = 4;

    /** Class name to store for a class of events. */
    private static final ClassValue<String> STORED_AS =
            new ClassValue<String>() {
                @Override
                protected String computeValue(final Class<?> type) {
                    try {
                        EventAccess.checkRestorable(type);
                        return type.getName();
                    } catch (final IllegalArgumentException e) {
                        LOG.warn("{} After a recovery, actions get it as a plain Event.", e.getMessage());
                        return Event.class.getName();
                    }
                }
            };

    private final ClassLoader userCode;

    /** @param userCode finds the classes of events */
    public EventValues(final ClassLoader userCode) {
        this.userCode = userCode;
    }

    @Override
    public boolean tryWrite(final Object value, final ValueWriter out) {
        if (value instanceof EncodedEvent) {
            write((EncodedEvent) value, out);
            return true;
        }
        if (value instanceof EncodedValue) {
            final byte[] bytes = ((EncodedValue) value).bytes();
            out.writeHost(ENCODED_VALUE, bytes, 0, bytes.length);
            return true;
        }
        if (!(value instanceof Event)) {
            return false;
        }
        final Event event = (Event) value;
        final int begun = out.beginHost(EVENT);
        out.writeValue(STORED_AS.get(event.getClass()));
        out.writeLong(EventAccess.idHi(event));
        out.writeLong(EventAccess.idLo(event));
        out.writeValue(event.getType());
        final boolean upstream = EventAccess.hasUpstream(event);
        final String action = event.getUpstreamActionName();
        final boolean timestamp = event.hasSourceTimestamp();
        out.writeByte((upstream ? UPSTREAM : 0) | (action != null ? ACTION : 0) | (timestamp ? TIMESTAMP : 0));
        if (upstream) {
            out.writeLong(EventAccess.upstreamHi(event));
            out.writeLong(EventAccess.upstreamLo(event));
        }
        if (action != null) {
            out.writeValue(action);
        }
        if (timestamp) {
            out.writeLong(event.getSourceTimestamp());
        }
        try {
            out.writeValue(event.getAttributes());
        } catch (final UnsupportedValueException e) {
            throw e.under("event " + event.getType() + ".attributes");
        }
        out.endHost(begun);
        return true;
    }

    private static void write(final EncodedEvent event, final ValueWriter out) {
        final int begun = out.beginHost(ENCODED_EVENT);
        out.writeLong(event.idHigh());
        out.writeLong(event.idLow());
        out.writeValue(event.type());
        final boolean action = event.upstreamAction() != null;
        out.writeByte((event.hasUpstream() ? UPSTREAM : 0) | (action ? ACTION : 0) | (event.hasTimestamp() ? TIMESTAMP : 0));
        if (event.hasUpstream()) {
            out.writeLong(event.upstreamHigh());
            out.writeLong(event.upstreamLow());
        }
        if (action) {
            out.writeValue(event.upstreamAction());
        }
        if (event.hasTimestamp()) {
            out.writeLong(event.timestamp());
        }
        out.writeRaw(event.attributes(), 0, event.attributes().length);
        out.endHost(begun);
    }

    private static EncodedEvent readEncoded(final ValueReader in) {
        final long high = in.readLong();
        final long low = in.readLong();
        final String type = text(in);
        final int flags = in.readByte();
        final boolean upstream = (flags & UPSTREAM) != 0;
        final long upstreamHigh = upstream ? in.readLong() : 0;
        final long upstreamLow = upstream ? in.readLong() : 0;
        final String action = (flags & ACTION) != 0 ? text(in) : null;
        final boolean hasTimestamp = (flags & TIMESTAMP) != 0;
        final long timestamp = hasTimestamp ? in.readLong() : 0;
        return new EncodedEvent(
                high, low, type, in.readRaw(in.remaining()), upstream, upstreamHigh, upstreamLow, action, hasTimestamp, timestamp);
    }

    @Override
    public Object read(final int tag, final ValueReader in) {
        if (tag == ENCODED_EVENT) {
            return readEncoded(in);
        }
        if (tag == ENCODED_VALUE) {
            return new EncodedValue(in.readRaw(in.remaining()));
        }
        if (tag != EVENT) {
            throw new MalformedValueException(in.position(), "a host value with tag " + tag + ", which no release has written");
        }
        final String className = text(in);
        final long high = in.readLong();
        final long low = in.readLong();
        final String type = text(in);
        final int flags = in.readByte();
        final boolean upstream = (flags & UPSTREAM) != 0;
        final long upstreamHigh = upstream ? in.readLong() : 0;
        final long upstreamLow = upstream ? in.readLong() : 0;
        final String action = (flags & ACTION) != 0 ? text(in) : null;
        final boolean hasTimestamp = (flags & TIMESTAMP) != 0;
        final long timestamp = hasTimestamp ? in.readLong() : 0;
        final Map<String, Object> attributes = attributes(in);
        final Class<?> eventClass;
        try {
            eventClass = Class.forName(className, true, userCode);
        } catch (final ClassNotFoundException e) {
            throw new MalformedValueException(
                    in.position(),
                    "an event of class " + className + ", which the job does not have any more; put it back, or drain the job before removing it");
        }
        return EventAccess.restore(
                eventClass, high, low, type, attributes, upstream, upstreamHigh, upstreamLow, action, hasTimestamp, timestamp);
    }

    private static String text(final ValueReader in) {
        final int at = in.position();
        final Object value = in.readValue();
        if (!(value instanceof String)) {
            throw new MalformedValueException(at, "no text where an event has one");
        }
        return (String) value;
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> attributes(final ValueReader in) {
        final int at = in.position();
        final Object value = in.readValue();
        if (!(value instanceof Map) || !((Map<?, ?>) value).keySet().stream().allMatch(String.class::isInstance)) {
            throw new MalformedValueException(at, "no map with text keys where an event has its attributes");
        }
        return (Map<String, Object>) value;
    }
}
