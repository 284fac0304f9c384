package org.apache.flink.agents.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import javax.annotation.Nullable;

/**
 * What an action left that failed for good, where its failure policy is a dead letter ({@code on-failure}): everything needed to
 * see why, and to feed the input in again. A POJO of Flink, with a public field for each column of {@code deadLettersToTable()}.
 * Not safe for use by several threads at once.
 */
public final class DeadLetter {
    /** Type of the event by which a dead letter leaves an agent. Actions cannot send it. */
    public static final String EVENT_TYPE = "_dead_letter_event";

    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** Name of the agent. */
    public String agent;
    /** Name of the action that failed. */
    public String action;
    /** How often it was tried. */
    public int attempts;
    /** The key, as text. */
    public String key;
    /** What the record was that the run began with, as JSON; a text in JSON where it has no such form. Null if unknown. */
    @Nullable public String input;
    /** Id of the event that this record came as, the same in all letters of its run. Null if unknown. */
    @Nullable public String inputEventId;
    /** Id of the event that the action was to handle. */
    public String eventId;
    /** Type of that event. */
    public String eventType;
    /** Attributes of that event, a JSON object; null where it is the input's own. */
    @Nullable public String event;
    /** Id of the event whose action sent that one; null for inputs. */
    @Nullable public String upstreamEventId;
    /** The action that sent it; null for inputs. */
    @Nullable public String upstreamAction;
    /** Class of the exception; null where it is not known. */
    @Nullable public String errorType;
    /** What the exception said. */
    public String errorMessage;
    /** Where it was thrown, or the traceback of Python. */
    public String stackTrace;
    /** Event time of the record, in milliseconds since 1970; null without. */
    @Nullable public Long timestamp;
    /** When the last attempt failed, in milliseconds since 1970. */
    public long failedAt;

    /** An empty one, for Flink. */
    public DeadLetter() {}

    /** The event by which it leaves the agent. */
    public Event toEvent() {
        final Map<String, Object> attributes = new LinkedHashMap<>();
        attributes.put("agent", agent);
        attributes.put("action", action);
        attributes.put("attempts", attempts);
        attributes.put("key", key);
        attributes.put("input", input);
        attributes.put("input_event_id", inputEventId);
        attributes.put("event_id", eventId);
        attributes.put("event_type", eventType);
        attributes.put("event", event);
        attributes.put("upstream_event_id", upstreamEventId);
        attributes.put("upstream_action", upstreamAction);
        attributes.put("error_type", errorType);
        attributes.put("error_message", errorMessage);
        attributes.put("stack_trace", stackTrace);
        attributes.put("timestamp", timestamp);
        attributes.put("failed_at", failedAt);
        return new Event(EVENT_TYPE, attributes);
    }

    /** The inverse of {@link #toEvent}. */
    public static DeadLetter fromEvent(final Event event) {
        final DeadLetter letter = new DeadLetter();
        letter.agent = (String) event.getAttr("agent");
        letter.action = (String) event.getAttr("action");
        letter.attempts = ((Number) event.getAttr("attempts")).intValue();
        letter.key = (String) event.getAttr("key");
        letter.input = (String) event.getAttr("input");
        letter.inputEventId = (String) event.getAttr("input_event_id");
        letter.eventId = (String) event.getAttr("event_id");
        letter.eventType = (String) event.getAttr("event_type");
        letter.event = (String) event.getAttr("event");
        letter.upstreamEventId = (String) event.getAttr("upstream_event_id");
        letter.upstreamAction = (String) event.getAttr("upstream_action");
        letter.errorType = (String) event.getAttr("error_type");
        letter.errorMessage = (String) event.getAttr("error_message");
        letter.stackTrace = (String) event.getAttr("stack_trace");
        final Number timestamp = (Number) event.getAttr("timestamp");
        letter.timestamp = timestamp == null ? null : timestamp.longValue();
        letter.failedAt = ((Number) event.getAttr("failed_at")).longValue();
        return letter;
    }

    /** One line of JSON, as {@code flink-agents dead-letters} reads it. */
    public String toJson() {
        final ObjectNode line = MAPPER.createObjectNode();
        toEvent().getAttributes().forEach((name, value) -> {
            final boolean isJson = name.equals("event") || name.equals("input");
            line.set(name, isJson && value != null ? parsed((String) value) : MAPPER.valueToTree(value));
        });
        return line.toString();
    }

    private static JsonNode parsed(final String json) {
        try {
            return MAPPER.readTree(json);
        } catch (final JsonProcessingException e) {
            return MAPPER.getNodeFactory().textNode(json);
        }
    }

    @Override
    public boolean equals(final Object other) {
        return other instanceof DeadLetter && toEvent().getAttributes().equals(((DeadLetter) other).toEvent().getAttributes());
    }

    @Override
    public int hashCode() {
        return Objects.hash(action, key, eventId, failedAt);
    }

    @Override
    public String toString() {
        return "dead letter of action '" + action + "', agent '" + agent + "', after " + attempts + " attempts: " + errorMessage;
    }
}
