package org.apache.flink.agents.api;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.types.Row;

/**
 * INTERNAL: messages, documents and what else goes to another language, as maps, lists, texts and numbers, and back. Not for users; it
 * may change with any release.
 */
public final class PlainValues {
    /** What every language has. */
    private static final Set<Class<?>> DATA =
            Set.of(
                    String.class,
                    Boolean.class,
                    Integer.class,
                    Long.class,
                    Double.class,
                    BigInteger.class,
                    BigDecimal.class,
                    byte[].class);

    private PlainValues() {}

    /** The value with this project's own objects as maps; what is the user's stays as it is. */
    @Nullable
    public static Object plain(@Nullable Object value) {
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

    private static List<Float> numbers(@Nullable float[] vector) {
        if (vector == null) {
            return null;
        }
        final List<Float> list = new ArrayList<>(vector.length);
        for (final float number : vector) {
            list.add(number);
        }
        return list;
    }

    /** A row as a map of its type, values and, if they have names, fields. */
    public static Map<String, Object> mapOf(Row row) {
        final List<Object> values = new ArrayList<>();
        final Set<String> names = row.getFieldNames(true);
        final Map<String, Object> map = new LinkedHashMap<>();
        map.put("type", "Row");
        map.put("values", values);
        if (names == null) {
            for (int i = 0; i < row.getArity(); i++) {
                values.add(row.getField(i));
            }
        } else {
            names.forEach(name -> values.add(row.getField(name)));
            map.put("fields", new ArrayList<>(names));
        }
        return map;
    }

    /**
     * The value as plain data throughout: null, booleans, texts, numbers, bytes, lists and maps with text keys. What is the user's is what
     * Jackson shows of it.
     *
     * @throws IllegalArgumentException if Jackson cannot show it
     */
    @Nullable
    public static Object data(@Nullable Object value) {
        if (value == null || DATA.contains(value.getClass())) {
            return value;
        }
        if (value instanceof Float) {
            return ((Float) value).doubleValue();
        }
        if (value instanceof Short || value instanceof Byte) {
            return ((Number) value).intValue();
        }
        if (value instanceof float[]) {
            return data(numbers((float[]) value));
        }
        if (value instanceof Map) {
            final Map<String, Object> map = new LinkedHashMap<>();
            ((Map<?, ?>) value).forEach((name, element) -> map.put(String.valueOf(name), data(element)));
            return map;
        }
        if (value instanceof List) {
            final List<Object> list = new ArrayList<>();
            ((List<?>) value).forEach(element -> list.add(data(element)));
            return list;
        }
        final Object plain = value instanceof Row ? mapOf((Row) value) : plain(value);
        if (plain != value) {
            return data(plain);
        }
        final Object shown = UserJson.newMapper().convertValue(value, Object.class);
        if (shown != null && shown.getClass() == value.getClass()) {
            throw new IllegalArgumentException("A " + value.getClass().getName() + " cannot be shown as JSON.");
        }
        return data(shown);
    }

    /**
     * The message of a map.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static ChatMessage message(@Nullable Object map) {
        return object(map, ChatMessage.class);
    }

    /**
     * The messages of a list of maps.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static List<ChatMessage> messages(@Nullable Object list) {
        final List<ChatMessage> messages = new ArrayList<>();
        list(list).forEach(message -> messages.add(message(message)));
        return messages;
    }

    /**
     * The documents of a list of maps.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static List<Document> documents(@Nullable Object list) {
        final List<Document> documents = new ArrayList<>();
        list(list).forEach(document -> documents.add(object(document, Document.class)));
        return documents;
    }

    /**
     * The vectors of a list of lists of numbers.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static List<float[]> vectors(@Nullable Object list) {
        final List<float[]> vectors = new ArrayList<>();
        for (final Object numbers : list(list)) {
            final List<?> given = list(numbers);
            final float[] vector = new float[given.size()];
            for (int i = 0; i < vector.length; i++) {
                vector[i] = number(given.get(i)).floatValue();
            }
            vectors.add(vector);
        }
        return vectors;
    }

    /**
     * The texts of a list.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static List<String> texts(@Nullable Object list) {
        final List<String> texts = new ArrayList<>();
        list(list).forEach(text -> texts.add(text(text)));
        return texts;
    }

    /**
     * The value as a text.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static String text(@Nullable Object value) {
        return as(value, String.class, "a text");
    }

    /**
     * The value as a number.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static Number number(@Nullable Object value) {
        return as(value, Number.class, "a number");
    }

    /**
     * The value as a list.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static List<?> list(@Nullable Object value) {
        return as(value, List.class, "a list");
    }

    /**
     * The value as a map with text keys.
     *
     * @throws IllegalArgumentException if it is none
     */
    @SuppressWarnings("unchecked") // plain data has no other keys
    public static Map<String, Object> map(@Nullable Object value) {
        return as(value, Map.class, "a map");
    }

    private static <T> T object(@Nullable Object map, Class<T> type) {
        return UserJson.mapperFor(map).convertValue(map(map), type);
    }

    private static <T> T as(@Nullable Object value, Class<T> type, String what) {
        if (!type.isInstance(value)) {
            // Not the value: it may be long, or a secret.
            throw new IllegalArgumentException(
                    "not " + what + ", but " + (value == null ? "null" : "a " + value.getClass().getName()));
        }
        return type.cast(value);
    }
}
