package org.apache.flink.agents.plan.actions;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.api.agents.OutputSchema;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.api.java.typeutils.RowTypeInfo;
import org.apache.flink.types.Row;

/** Makes an object of the user's type of what a model has said. */
final class StructuredOutput {
    private StructuredOutput() {}

    /**
     * Makes the object.
     *
     * @param schema a class name or the JSON of an {@link OutputSchema}
     * @throws IllegalArgumentException if the value does not fit; the message is for the model
     * @throws IllegalStateException if there is no such class
     */
    static Object parse(JsonNode schema, JsonNode value) {
        final Object type = type(schema);
        final ObjectMapper mapper = UserJson.newMapper(Thread.currentThread().getContextClassLoader());
        if (type instanceof Class) {
            final Object made = mapper.convertValue(value, (Class<?>) type);
            if (made == null) {
                throw new IllegalArgumentException("it is null, not a " + ((Class<?>) type).getSimpleName());
            }
            return made;
        }
        return row(mapper, ((OutputSchema) type).getSchema(), value);
    }

    /**
     * Returns the class or {@link OutputSchema}; null for a text.
     *
     * @throws IllegalStateException if there is no such class
     */
    @Nullable
    static Object type(JsonNode schema) {
        if (schema.isMissingNode() || schema.isNull()) {
            return null;
        }
        final Map<String, Object> attributes = new LinkedHashMap<>();
        attributes.put("output_schema", PlainJson.value(schema));
        final Object type = new ChatRequestEvent(null, attributes).getOutputSchema();
        if (type instanceof Class || type instanceof OutputSchema) {
            return type;
        }
        throw new IllegalStateException("The output schema " + schema + " is neither a class nor a row type of Java.");
    }

    private static Row row(ObjectMapper mapper, RowTypeInfo type, JsonNode value) {
        if (!value.isObject()) {
            throw new IllegalArgumentException("it is no JSON object");
        }
        final Row row = Row.withNames();
        for (final String field : type.getFieldNames()) {
            final JsonNode found = value.path(field);
            if (found.isMissingNode()) {
                throw new IllegalArgumentException("field '" + field + "' is missing");
            }
            try {
                row.setField(field, mapper.convertValue(found, type.getTypeAt(field).getTypeClass()));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("field '" + field + "': " + e.getMessage(), e);
            }
        }
        return row;
    }
}
