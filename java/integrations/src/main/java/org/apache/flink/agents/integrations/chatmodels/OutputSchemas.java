package org.apache.flink.agents.integrations.chatmodels;

import com.fasterxml.jackson.core.TreeNode;
import com.fasterxml.jackson.databind.DeserializationConfig;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.introspect.BeanPropertyDefinition;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.api.agents.OutputSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.typeutils.RowTypeInfo;

/**
 * The JSON schemas that providers are told of: of what Jackson reads a class from, and of rows. All properties are required, since
 * Java does not say which may be left out.
 */
final class OutputSchemas {
    private static final Set<Class<?>> INTEGERS =
            Set.of(
                    byte.class, Byte.class, short.class, Short.class, int.class, Integer.class, long.class, Long.class,
                    BigInteger.class);
    private static final Set<Class<?>> NUMBERS =
            Set.of(float.class, Float.class, double.class, Double.class, BigDecimal.class, Number.class);
    private static final int LONGEST_NAME = 64;

    /** Has seen the user's classes, so it lives no longer than one schema. */
    private final DeserializationConfig jackson =
            UserJson.newMapper(Thread.currentThread().getContextClassLoader()).getDeserializationConfig();

    private final Map<JavaType, String> names = new LinkedHashMap<>();
    private final Map<String, Map<String, Object>> definitions = new LinkedHashMap<>();
    private final Map<String, Integer> references = new LinkedHashMap<>();

    private OutputSchemas() {}

    /**
     * Returns a name that every provider takes.
     *
     * @param schema a class or {@link OutputSchema}
     */
    static String nameOf(final Object schema) {
        return schema instanceof Class ? plainName((Class<?>) schema) : "row";
    }

    private static String plainName(final Class<?> type) {
        final String name = type.getSimpleName().replaceAll("[^A-Za-z0-9_-]", "_");
        return name.substring(0, Math.min(name.length(), LONGEST_NAME));
    }

    /**
     * Returns the JSON schema.
     *
     * @param schema a class or {@link OutputSchema}
     * @throws IllegalArgumentException if it is anything else
     */
    static Map<String, Object> jsonSchemaOf(final Object schema) {
        if (schema instanceof OutputSchema) {
            return ofRow(((OutputSchema) schema).getSchema());
        }
        if (!(schema instanceof Class)) {
            throw new IllegalArgumentException(
                    "The output schema of a chat must be a class or an OutputSchema, not a " + schema.getClass().getName() + ".");
        }
        final OutputSchemas schemas = new OutputSchemas();
        return schemas.whole(schemas.jackson.constructType((Class<?>) schema));
    }

    private static Map<String, Object> ofRow(final RowTypeInfo row) {
        final Map<String, Object> properties = new LinkedHashMap<>();
        final TypeInformation<?>[] types = row.getFieldTypes();
        for (int i = 0; i < types.length; i++) {
            final String plain = plainType(types[i].getTypeClass());
            properties.put(row.getFieldNames()[i], type(plain == null ? "string" : plain));
        }
        return object(properties);
    }

    private static String plainType(final Class<?> type) {
        if (type == boolean.class || type == Boolean.class) {
            return "boolean";
        }
        return INTEGERS.contains(type) ? "integer" : NUMBERS.contains(type) ? "number" : null;
    }

    private static Map<String, Object> type(final String name) {
        final Map<String, Object> schema = new LinkedHashMap<>();
        schema.put("type", name);
        return schema;
    }

    private static Map<String, Object> object(final Map<String, Object> properties) {
        final Map<String, Object> schema = type("object");
        schema.put("properties", properties);
        schema.put("required", new ArrayList<>(properties.keySet()));
        schema.put("additionalProperties", false);
        return schema;
    }

    private Map<String, Object> whole(final JavaType type) {
        Map<String, Object> whole = of(type);
        final String own = names.get(type);
        if (own != null) {
            whole = new LinkedHashMap<>(definitions.get(own));
            if (references.get(own) == 1) {
                definitions.remove(own);
            }
        }
        if (!definitions.isEmpty()) {
            whole.put("$defs", definitions);
        }
        return whole;
    }

    private Map<String, Object> of(final JavaType type) {
        final Class<?> raw = type.getRawClass();
        final String plain = plainType(raw);
        if (plain != null) {
            return type(plain);
        }
        if (type.isEnumType()) {
            final Map<String, Object> schema = type("string");
            final List<Object> constants = new ArrayList<>();
            for (final Object constant : raw.getEnumConstants()) {
                constants.add(UserJson.newMapper().convertValue(constant, String.class));
            }
            schema.put("enum", constants);
            return schema;
        }
        if (type.isMapLikeType()) {
            final Map<String, Object> schema = type("object");
            schema.put("additionalProperties", of(type.getContentType()));
            return schema;
        }
        if (type.isContainerType() && raw != byte[].class) {
            final Map<String, Object> schema = type("array");
            schema.put("items", of(type.getContentType()));
            return schema;
        }
        if (raw == Object.class || TreeNode.class.isAssignableFrom(raw)) {
            return new LinkedHashMap<>();
        }
        // What the JDK has besides are days, addresses and the like, which are texts; bytes are, too.
        return raw.getClassLoader() == null || raw == byte[].class ? type("string") : reference(type);
    }

    private Map<String, Object> reference(final JavaType type) {
        String name = names.get(type);
        if (name == null) {
            name = plainName(type.getRawClass());
            for (int i = 2; definitions.containsKey(name); i++) {
                name = plainName(type.getRawClass()) + i;
            }
            names.put(type, name);
            // Its place, for what is inside and comes back to it.
            definitions.put(name, Map.of());
            definitions.put(name, bean(type));
        }
        references.merge(name, 1, Integer::sum);
        final Map<String, Object> schema = new LinkedHashMap<>();
        schema.put("$ref", "#/$defs/" + name);
        return schema;
    }

    private Map<String, Object> bean(final JavaType type) {
        final Map<String, Object> properties = new LinkedHashMap<>();
        for (final BeanPropertyDefinition property : jackson.introspect(type).findProperties()) {
            if (property.couldDeserialize()) {
                final Map<String, Object> schema = of(property.getPrimaryType());
                final String description = property.getMetadata().getDescription();
                if (description != null && !schema.containsKey("$ref")) {
                    schema.put("description", description);
                }
                properties.put(property.getName(), schema);
            }
        }
        return object(properties);
    }
}
