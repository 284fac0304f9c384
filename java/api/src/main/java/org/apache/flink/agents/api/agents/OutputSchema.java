package org.apache.flink.agents.api.agents;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.annotation.JsonDeserialize;
import com.fasterxml.jackson.databind.annotation.JsonSerialize;
import com.fasterxml.jackson.databind.deser.std.StdDeserializer;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import java.io.IOException;
import org.apache.flink.api.common.typeinfo.BasicTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.typeutils.RowTypeInfo;

/**
 * The shape of a model's answer as a row of basic fields. Its JSON form is {@code {"fieldNames":
 * […], "types": ["java.lang.Integer", …]}}.
 */
@JsonSerialize(using = OutputSchema.OutputSchemaJsonSerializer.class)
@JsonDeserialize(using = OutputSchema.OutputSchemaJsonDeserializer.class)
public class OutputSchema {
    private final RowTypeInfo schema;

    /**
     * Creates a schema.
     *
     * @throws IllegalArgumentException if a field is not of a basic type (number, string, boolean,
     *     date and the like)
     */
    public OutputSchema(RowTypeInfo schema) {
        final TypeInformation<?>[] types = schema.getFieldTypes();
        for (int i = 0; i < types.length; i++) {
            if (!(types[i] instanceof BasicTypeInfo)) {
                throw new IllegalArgumentException(
                        "Field '"
                                + schema.getFieldNames()[i]
                                + "' of the output schema has type "
                                + types[i]
                                + "; only basic types (Types.INT, Types.STRING, …) are supported. Use a"
                                + " POJO class as output schema for nested values.");
            }
        }
        this.schema = schema;
    }

    /** Returns the row type. */
    public RowTypeInfo getSchema() {
        return schema;
    }

    @Override
    public boolean equals(Object other) {
        // RowTypeInfo leaves names out of its equality.
        return this == other
                || (other instanceof OutputSchema
                        && schema.schemaEquals(((OutputSchema) other).schema));
    }

    @Override
    public int hashCode() {
        return schema.hashCode();
    }

    @Override
    public String toString() {
        return "OutputSchema{" + schema + '}';
    }

    /** Writes the JSON form. */
    public static class OutputSchemaJsonSerializer extends StdSerializer<OutputSchema> {
        private static final long serialVersionUID = 1L;

        protected OutputSchemaJsonSerializer() {
            super(OutputSchema.class);
        }

        @Override
        public void serialize(
                OutputSchema value, JsonGenerator generator, SerializerProvider provider)
                throws IOException {
            generator.writeStartObject();
            generator.writeArrayFieldStart("fieldNames");
            for (final String name : value.schema.getFieldNames()) {
                generator.writeString(name);
            }
            generator.writeEndArray();
            generator.writeArrayFieldStart("types");
            for (final TypeInformation<?> type : value.schema.getFieldTypes()) {
                generator.writeString(type.getTypeClass().getName());
            }
            generator.writeEndArray();
            generator.writeEndObject();
        }
    }

    /** Reads the JSON form. */
    public static class OutputSchemaJsonDeserializer extends StdDeserializer<OutputSchema> {
        private static final long serialVersionUID = 1L;

        protected OutputSchemaJsonDeserializer() {
            super(OutputSchema.class);
        }

        @Override
        public OutputSchema deserialize(JsonParser parser, DeserializationContext context)
                throws IOException, JacksonException {
            final JsonNode node = parser.readValueAsTree();
            final JsonNode names = node.path("fieldNames");
            final JsonNode types = node.path("types");
            if (!names.isArray() || !types.isArray() || names.size() != types.size()) {
                throw context.weirdStringException(
                        node.toString(),
                        OutputSchema.class,
                        "expected {\"fieldNames\": […], \"types\": […]} of equal length");
            }
            final String[] fieldNames = new String[names.size()];
            final TypeInformation<?>[] fieldTypes = new TypeInformation<?>[names.size()];
            for (int i = 0; i < fieldNames.length; i++) {
                fieldNames[i] = names.get(i).asText();
                fieldTypes[i] = basicType(fieldNames[i], types.get(i).asText(), context);
            }
            return new OutputSchema(new RowTypeInfo(fieldTypes, fieldNames));
        }

        private static TypeInformation<?> basicType(
                String field, String className, DeserializationContext context)
                throws IOException {
            try {
                final TypeInformation<?> type =
                        BasicTypeInfo.getInfoFor(
                                Class.forName(
                                        className, false, OutputSchema.class.getClassLoader()));
                if (type != null) {
                    return type;
                }
            } catch (ClassNotFoundException e) {
                // Reported below like any other class that is not a basic type.
            }
            throw context.weirdStringException(
                    className, OutputSchema.class, "field '" + field + "' has no basic type");
        }
    }
}
