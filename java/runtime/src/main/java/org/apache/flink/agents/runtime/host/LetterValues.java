package org.apache.flink.agents.runtime.host;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import java.io.IOException;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.types.Row;

/** The values of dead letters as JSON. Used by one thread. */
final class LetterValues {
    private final ObjectMapper mapper = UserJson.newMapper();

    LetterValues() {
        mapper.registerModule(new SimpleModule().addSerializer(new RowAsMap()));
    }

    /** As JSON; where a value has no such form, what it says of itself. */
    String json(final Object value) {
        try {
            return mapper.writeValueAsString(value);
        } catch (final JsonProcessingException | RuntimeException | Error e) {
            Problem.rethrowOfTheJvm(e);
            final String text = Problem.text(() -> String.valueOf(value), "of class " + value.getClass().getName());
            return mapper.getNodeFactory().textNode(text).toString();
        }
    }

    private static final class RowAsMap extends StdSerializer<Row> {
        private static final long serialVersionUID = 1;

        RowAsMap() {
            super(Row.class);
        }

        @Override
        public void serialize(final Row row, final JsonGenerator out, final SerializerProvider provider) throws IOException {
            out.writeObject(PlainValues.mapOf(row));
        }
    }
}
