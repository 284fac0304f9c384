package org.apache.flink.agents.plan.actions;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.vectorstores.Document;

/**
 * Attributes of events, messages and documents as maps, lists, texts and numbers, and those as JSON. What is plain is written by
 * one mapper for all, which costs a tenth of one that has to learn classes anew.
 */
final class PlainJson {
    /** Sees classes of the JDK and of this project only; see {@link UserJson}. */
    static final ObjectMapper MAPPER = new ObjectMapper();

    /**
     * Reads what the core says. It does not keep names for the next time: those of a tool's results are ids of calls, of which none
     * comes again.
     */
    private static final ObjectMapper CORES =
            new ObjectMapper(JsonFactory.builder().disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES).build());

    private PlainJson() {}

    /**
     * Writes a plain value.
     *
     * @throws IllegalArgumentException if something of the user's in it cannot be written
     */
    static byte[] write(Object plain) {
        try {
            return UserJson.mapperFor(plain).writeValueAsBytes(plain);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("It cannot be written as JSON: " + e.getOriginalMessage(), e);
        }
    }

    /** What a tool gave, as a model can be told of it: as JSON, or else as its text. */
    @Nullable
    static Object tellable(@Nullable Object result) {
        final Object plain = PlainValues.plain(result);
        try {
            return UserJson.mapperFor(plain).convertValue(plain, Object.class);
        } catch (IllegalArgumentException e) {
            return String.valueOf(result);
        }
    }

    /** The map of a tool's response, with a result that a model can be told of; or a raw result as Python has it. */
    @Nullable
    static Object tellableResponse(@Nullable Object response) {
        if (!(response instanceof Map)) {
            return tellable(response);
        }
        final Map<String, Object> told = new LinkedHashMap<>();
        ((Map<?, ?>) response).forEach((name, value) -> told.put(String.valueOf(name), tellable(value)));
        return told;
    }

    static JsonNode read(byte[] json) {
        try {
            return CORES.readTree(json);
        } catch (IOException e) {
            throw new IllegalStateException("The core wrote what is no JSON: " + e.getMessage(), e);
        }
    }

    /** JSON as maps, lists, texts and numbers. */
    @Nullable
    static Object value(JsonNode json) {
        return MAPPER.convertValue(json, Object.class);
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> map(JsonNode json) {
        return MAPPER.convertValue(json, Map.class);
    }

    static ChatMessage message(JsonNode json) {
        return MAPPER.convertValue(json, ChatMessage.class);
    }

    static ToolResponse toolResponse(JsonNode json) {
        return MAPPER.convertValue(json, ToolResponse.class);
    }

    static Document document(JsonNode json) {
        return MAPPER.convertValue(json, Document.class);
    }

    static List<ChatMessage> messages(JsonNode json) {
        final List<ChatMessage> messages = new ArrayList<>();
        json.forEach(message -> messages.add(message(message)));
        return messages;
    }
}
