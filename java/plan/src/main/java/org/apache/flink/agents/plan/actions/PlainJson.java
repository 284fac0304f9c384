package org.apache.flink.agents.plan.actions;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;
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

    private PlainJson() {}

    /** The value with this project's own objects as maps; what is the user's stays as it is. */
    @Nullable
    static Object plain(@Nullable Object value) {
        if (value instanceof ChatMessage) {
            final ChatMessage message = (ChatMessage) value;
            final Map<String, Object> map = new LinkedHashMap<>();
            map.put("role", message.getRole() == null ? null : message.getRole().getValue());
            map.put("content", message.getContent());
            map.put("tool_calls", plain(message.getToolCalls()));
            map.put("extra_args", plain(message.getExtraArgs()));
            return map;
        }
        if (value instanceof ToolResponse) {
            final ToolResponse response = (ToolResponse) value;
            final Map<String, Object> map = new LinkedHashMap<>();
            map.put("result", plain(response.getResult()));
            map.put("success", response.isSuccess());
            map.put("error", response.getError());
            map.put("execution_time_ms", response.getExecutionTimeMs());
            map.put("tool_name", response.getToolName());
            return map;
        }
        if (value instanceof Document) {
            final Document document = (Document) value;
            final Map<String, Object> map = new LinkedHashMap<>();
            map.put("content", document.getContent());
            map.put("metadata", plain(document.getMetadata()));
            map.put("id", document.getId());
            map.put("embedding", numbers(document.getEmbedding()));
            map.put("score", document.getScore());
            return map;
        }
        if (value instanceof Map) {
            final Map<String, Object> map = new LinkedHashMap<>();
            ((Map<?, ?>) value).forEach((name, element) -> map.put(String.valueOf(name), plain(element)));
            return map;
        }
        if (value instanceof List) {
            final List<Object> list = new ArrayList<>();
            ((List<?>) value).forEach(element -> list.add(plain(element)));
            return list;
        }
        if (value instanceof Class) {
            return ((Class<?>) value).getName();
        }
        return value instanceof UUID ? value.toString() : value;
    }

    private static List<Float> numbers(@Nullable final float[] vector) {
        if (vector == null) {
            return null;
        }
        final List<Float> list = new ArrayList<>(vector.length);
        for (final float number : vector) {
            list.add(number);
        }
        return list;
    }

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
        final Object plain = plain(result);
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
            return MAPPER.readTree(json);
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
