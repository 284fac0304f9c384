package org.apache.flink.agents.runtime.host;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.types.Row;

/**
 * The texts of dead letters: values as JSON, and all of them cut where a store could not take the letter otherwise; a poisoned input
 * would stop the job by its letter. Used by one thread.
 */
final class LetterTexts {
    /** Bytes of UTF-8 in a character of Java, at most. */
    private static final int MOST_BYTES = 3;
    /** A quotation mark or backslash in JSON takes twice the room in a text of JSON. */
    private static final int QUOTED = 2;

    private final ObjectMapper mapper = UserJson.newMapper();
    private final long limit;

    /** @param limit what the store takes at most, in bytes */
    LetterTexts(final long limit) {
        this.limit = limit;
        mapper.registerModule(new SimpleModule().addSerializer(new RowAsMap()));
    }

    /** As JSON; where a value has no such form, what it says of itself. {@code share}: its part of the letter is one by that. */
    String json(final Object value, final int share) {
        String json;
        try {
            json = mapper.writeValueAsString(value);
        } catch (final JsonProcessingException | RuntimeException | Error e) {
            Problem.rethrowOfTheJvm(e);
            json = quoted(Problem.text(() -> String.valueOf(value), "of class " + value.getClass().getName()));
        }
        final int most = bytes(share);
        return fits(json, most) ? json : quoted(cut(json, most / QUOTED));
    }

    /** {@code share}: its part of the letter is one by that. */
    String text(final String text, final int share) {
        final int most = bytes(share);
        return text == null || fits(text, most) ? text : cut(text, most);
    }

    private int bytes(final int share) {
        return (int) Math.min(Integer.MAX_VALUE, limit / share);
    }

    private static boolean fits(final String text, final int bytes) {
        return text.length() <= bytes / MOST_BYTES || text.getBytes(StandardCharsets.UTF_8).length <= bytes;
    }

    private static String cut(final String text, final int bytes) {
        final int end = Math.min(text.length(), bytes / MOST_BYTES);
        // Not between the halves of a character.
        final int whole = end > 0 && Character.isHighSurrogate(text.charAt(end - 1)) ? end - 1 : end;
        return text.substring(0, whole)
                + "… cut by the dead letter, which action-state.max-record-size limits: "
                + text.length()
                + " characters in all";
    }

    private String quoted(final String text) {
        return mapper.getNodeFactory().textNode(text).toString();
    }

    private static final class RowAsMap extends StdSerializer<Row> {
        private static final long serialVersionUID = 1;

        RowAsMap() {
            super(Row.class);
        }

        @Override
        public void serialize(final Row row, final JsonGenerator out, final SerializerProvider provider) throws IOException {
            out.writeObject(PlainData.mapOf(row));
        }
    }
}
