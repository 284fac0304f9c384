package org.apache.flink.agents.api;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.BiFunction;
import javax.annotation.Nullable;

/**
 * Something that happened in an agent: what actions listen to and what they send.
 *
 * <p>An event has an id, a type (the name actions are triggered by) and attributes (named values).
 * Attributes must be serialisable by Jackson, because conditions, the event log and actions of other
 * languages see them as JSON.
 *
 * <p>Events are not safe for use by several threads at once. Do not change an event after it was
 * sent, nor the objects in its attributes: an action may get it before or after the change. Runs
 * without Flink notice it, on a cluster with {@code values.verify}.
 *
 * <p>A subclass gives its type to this constructor and should have a constructor {@code (UUID id,
 * Map<String, Object> attributes)}, so that the framework can rebuild it after a recovery, and a
 * static {@code fromEvent(Event)} made with {@link #reconstructFrom}.
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonPropertyOrder({"id", "type", "attributes", "upstreamEventId", "upstreamActionName"})
public class Event {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** Up to here searching an array is faster than a map. */
    private static final int MAX_PAIRS = 8;

    private static final Object[] NO_PAIRS = {};

    // Ids are kept as two longs: most events live and die without anybody asking for a UUID object.
    private final long idHi;
    private final long idLo;
    private UUID id;
    private final String type;
    // Null while nobody has asked for the map: the attributes are in `pairs` then, or a single value of a subclass.
    private Map<String, Object> attributes;
    // Names and values in turns, in the order of the map they were copied from. Most events are sent, read by one
    // action and forgotten: for few attributes an array costs a quarter of a map. Null once the map is there.
    private Object[] pairs;

    private boolean hasUpstream;
    private long upstreamHi;
    private long upstreamLo;
    private String upstreamActionName;

    private boolean hasSourceTimestamp;
    private long sourceTimestamp;

    /**
     * Creates an event with a new random id and no attributes.
     *
     * @param type the event type, neither null nor empty
     * @throws IllegalArgumentException if the type is null or empty
     */
    public Event(String type) {
        this(null, type, null, null, null);
    }

    /**
     * Creates an event with a new random id.
     *
     * @param type the event type, neither null nor empty
     * @param attributes copied; null means none
     * @throws IllegalArgumentException if the type is null or empty
     */
    public Event(String type, @Nullable Map<String, Object> attributes) {
        this(null, type, attributes, null, null);
    }

    /**
     * Creates an event with a given id.
     *
     * @param id the id; null means a new random one
     * @param type the event type, neither null nor empty
     * @param attributes copied; null means none
     * @throws IllegalArgumentException if the type is null or empty
     */
    public Event(@Nullable UUID id, String type, @Nullable Map<String, Object> attributes) {
        this(id, type, attributes, null, null);
    }

    /**
     * Creates an event with a given id and lineage.
     *
     * @param id the id; null means a new random one
     * @param type the event type, neither null nor empty
     * @param attributes copied; null means none
     * @param upstreamEventId id of the event whose action sent this one, or null
     * @param upstreamActionName name of the action that sent this event, or null
     * @throws IllegalArgumentException if the type is null or empty
     */
    @JsonCreator
    public Event(
            @JsonProperty("id") @Nullable UUID id,
            @JsonProperty("type") String type,
            @JsonProperty("attributes") @Nullable Map<String, Object> attributes,
            @JsonProperty("upstreamEventId") @Nullable UUID upstreamEventId,
            @JsonProperty("upstreamActionName") @Nullable String upstreamActionName) {
        if (id == null) {
            final long[] state = EventIds.state();
            this.idHi = EventIds.nextHi(state);
            this.idLo = EventIds.nextLo(state);
        } else {
            this.idHi = id.getMostSignificantBits();
            this.idLo = id.getLeastSignificantBits();
            this.id = id;
        }
        this.type = checkType(type);
        if (attributes == null || attributes.size() <= MAX_PAIRS) {
            this.pairs = toPairs(attributes);
        } else {
            this.attributes = new LinkedHashMap<>(attributes);
        }
        this.upstreamActionName = upstreamActionName;
        if (upstreamEventId != null) {
            setUpstreamEventId(upstreamEventId);
        }
    }

    /** A new event without an attribute map yet; the subclass overrides {@link #buildAttributes()}. */
    Event(SingleValue marker, String type) {
        final long[] state = EventIds.state();
        this.idHi = EventIds.nextHi(state);
        this.idLo = EventIds.nextLo(state);
        this.type = type;
    }

    /** A view of {@code source} without an attribute map yet. */
    Event(SingleValue marker, String type, Event source) {
        this.idHi = source.idHi;
        this.idLo = source.idLo;
        this.id = source.id;
        this.type = type;
        copyHeaderFrom(source);
    }

    /** Tells the constructors for events with a single value from the public ones. */
    enum SingleValue {
        LAZY
    }

    private static String checkType(String type) {
        if (type == null || type.isEmpty()) {
            throw new IllegalArgumentException(
                    "Event type must not be null or empty: give the constructor (or the JSON field 'type')"
                            + " the name that actions listen to.");
        }
        return type;
    }

    private static Object[] toPairs(@Nullable Map<String, Object> attributes) {
        if (attributes == null || attributes.isEmpty()) {
            return NO_PAIRS;
        }
        Object[] pairs = new Object[attributes.size() * 2];
        int at = 0;
        for (Map.Entry<String, Object> entry : attributes.entrySet()) {
            if (at == pairs.length) {
                // A concurrent map may have grown since it told its size.
                pairs = Arrays.copyOf(pairs, at + 2);
            }
            pairs[at++] = entry.getKey();
            pairs[at++] = entry.getValue();
        }
        return at == pairs.length ? pairs : Arrays.copyOf(pairs, at);
    }

    /** Builds the attribute map of an event that was made from a single value. */
    Map<String, Object> buildAttributes() {
        throw new IllegalStateException("Event " + getClass().getName() + " has no single value");
    }

    /** Whether a subclass keeps a single value in place of attributes. */
    final boolean isLazy() {
        return attributes == null && pairs == null;
    }

    /** Names and values of the attributes in turns; null if they are in the map, or a single value. */
    @Nullable
    final Object[] pairs() {
        return pairs;
    }

    final long idHi() {
        return idHi;
    }

    final long idLo() {
        return idLo;
    }

    final void setLineage(Event upstream, String actionName) {
        hasUpstream = true;
        upstreamHi = upstream.idHi;
        upstreamLo = upstream.idLo;
        upstreamActionName = actionName;
    }

    final void setUpstream(long hi, long lo) {
        hasUpstream = true;
        upstreamHi = hi;
        upstreamLo = lo;
    }

    final boolean hasUpstream() {
        return hasUpstream;
    }

    final long upstreamHi() {
        return upstreamHi;
    }

    final long upstreamLo() {
        return upstreamLo;
    }

    final long sourceTimestampOr(long other) {
        return hasSourceTimestamp ? sourceTimestamp : other;
    }

    private void copyHeaderFrom(Event source) {
        hasUpstream = source.hasUpstream;
        upstreamHi = source.upstreamHi;
        upstreamLo = source.upstreamLo;
        upstreamActionName = source.upstreamActionName;
        hasSourceTimestamp = source.hasSourceTimestamp;
        sourceTimestamp = source.sourceTimestamp;
    }

    /** Returns the id of this event, never null. */
    @JsonProperty("id")
    public UUID getId() {
        UUID result = id;
        if (result == null) {
            result = new UUID(idHi, idLo);
            id = result;
        }
        return result;
    }

    /** Returns the event type, never null or empty. */
    @JsonProperty("type")
    public String getType() {
        return type;
    }

    /** Returns the attributes: the live, mutable map of this event. */
    @JsonProperty("attributes")
    public Map<String, Object> getAttributes() {
        Map<String, Object> result = attributes;
        if (result == null) {
            if (pairs == null) {
                result = buildAttributes();
            } else {
                result = new LinkedHashMap<>(Math.max(4, pairs.length));
                for (int i = 0; i < pairs.length; i += 2) {
                    result.put((String) pairs[i], pairs[i + 1]);
                }
                pairs = null;
            }
            attributes = result;
        }
        return result;
    }

    /** Returns the id of the event whose action sent this one; null if unknown (input events). */
    @Nullable
    @JsonProperty("upstreamEventId")
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public UUID getUpstreamEventId() {
        return hasUpstream ? new UUID(upstreamHi, upstreamLo) : null;
    }

    /**
     * Sets the id of the event whose action sent this one. The framework overwrites it when the
     * event is sent.
     */
    public void setUpstreamEventId(@Nullable UUID upstreamEventId) {
        hasUpstream = upstreamEventId != null;
        upstreamHi = hasUpstream ? upstreamEventId.getMostSignificantBits() : 0L;
        upstreamLo = hasUpstream ? upstreamEventId.getLeastSignificantBits() : 0L;
    }

    /** Returns the name of the action that sent this event; null if unknown (input events). */
    @Nullable
    @JsonProperty("upstreamActionName")
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public String getUpstreamActionName() {
        return upstreamActionName;
    }

    /**
     * Sets the name of the action that sent this event. The framework overwrites it when the event
     * is sent.
     */
    public void setUpstreamActionName(@Nullable String upstreamActionName) {
        this.upstreamActionName = upstreamActionName;
    }

    /** Returns the attribute of that name, or null if there is none. */
    @Nullable
    public Object getAttr(String name) {
        if (pairs == null) {
            return getAttributes().get(name);
        }
        for (int i = 0; i < pairs.length; i += 2) {
            if (Objects.equals(pairs[i], name)) {
                return pairs[i + 1];
            }
        }
        return null;
    }

    /** Sets the attribute of that name; the value must be serialisable by Jackson. */
    public void setAttr(String name, @Nullable Object value) {
        getAttributes().put(name, value);
    }

    /** Tells whether the record this event stems from had an event-time timestamp. */
    public boolean hasSourceTimestamp() {
        return hasSourceTimestamp;
    }

    /**
     * Returns the event-time timestamp of the record this event stems from, in milliseconds since
     * the epoch; null if it had none. Not part of the JSON form.
     */
    @Nullable
    @JsonIgnore
    public Long getSourceTimestamp() {
        return hasSourceTimestamp ? sourceTimestamp : null;
    }

    /** Sets the event-time timestamp, in milliseconds since the epoch. */
    @JsonIgnore
    public void setSourceTimestamp(long timestamp) {
        this.hasSourceTimestamp = true;
        this.sourceTimestamp = timestamp;
    }

    /**
     * Returns a copy of an event as a plain {@link Event}: same id, type, lineage and timestamp, a
     * copy of the attribute map.
     */
    public static Event fromEvent(Event event) {
        final String type = event.getType();
        return reconstructFrom(event, (id, attrs) -> new Event(id, type, attrs));
    }

    /**
     * Reads an event from its JSON form {@code {"id", "type", "attributes"}}. Unknown fields are
     * ignored; without an id the event gets a new random one.
     *
     * @throws IOException if the text is not such a JSON object
     */
    public static Event fromJson(String json) throws IOException {
        return MAPPER.readValue(json, Event.class);
    }

    /**
     * Rebuilds an event as another event class: the building block of {@code fromEvent} in
     * subclasses.
     *
     * @param source the event to take id, attributes, lineage and timestamp from
     * @param constructor makes the new event from the id and a copy of the attributes
     * @throws IllegalStateException if the constructor does not keep the id
     */
    protected static <T extends Event> T reconstructFrom(
            Event source, BiFunction<UUID, Map<String, Object>, T> constructor) {
        final T result =
                constructor.apply(source.getId(), new LinkedHashMap<>(source.getAttributes()));
        final Event header = result;
        if (header == null || header.idHi != source.idHi || header.idLo != source.idLo) {
            throw new IllegalStateException(
                    "Reconstructing event "
                            + source.getId()
                            + " of type '"
                            + source.getType()
                            + "' did not keep its id (got "
                            + (header == null ? "null" : header.getId())
                            + "): pass the given id on to super(id, type, attributes).");
        }
        header.copyHeaderFrom(source);
        return result;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (other == null || getClass() != other.getClass()) {
            return false;
        }
        final Event that = (Event) other;
        return idHi == that.idHi
                && idLo == that.idLo
                && type.equals(that.type)
                && Objects.equals(getAttributes(), that.getAttributes());
    }

    @Override
    public int hashCode() {
        // Equal events have equal ids, and mutable attributes have no place in a hash.
        return Long.hashCode(idHi ^ idLo) * 31 + type.hashCode();
    }

    @Override
    public String toString() {
        return getClass().getSimpleName()
                + "{id="
                + getId()
                + ", type='"
                + type
                + "', attributes="
                + getAttributes()
                + '}';
    }
}
