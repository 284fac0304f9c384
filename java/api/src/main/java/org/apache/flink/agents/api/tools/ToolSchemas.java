package org.apache.flink.agents.api.tools;

import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.api.annotation.Tool;
import org.apache.flink.agents.api.annotation.ToolParam;

/** INTERNAL: derives what a model gets to know of a tool from its Java method. */
public final class ToolSchemas {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private ToolSchemas() {}

    /** Returns the name of a tool parameter: that of {@code @ToolParam}, else the Java name. */
    public static String nameOf(Parameter parameter) {
        final ToolParam annotation = parameter.getAnnotation(ToolParam.class);
        return annotation == null || annotation.name().isEmpty()
                ? parameter.getName()
                : annotation.name();
    }

    /** Returns the injections that the {@code @ToolParam}s of a method ask for, keys filled in. */
    public static Map<String, ToolParameterInjection> injectionsOf(Method method) {
        final Map<String, ToolParameterInjection> result = new LinkedHashMap<>();
        for (final Parameter parameter : method.getParameters()) {
            final ToolParam annotation = parameter.getAnnotation(ToolParam.class);
            if (annotation != null && annotation.injected()) {
                final String name = nameOf(parameter);
                result.put(
                        name,
                        new ToolParameterInjection(annotation.source(), annotation.key())
                                .withDefaultKey(name));
            }
        }
        return result;
    }

    /**
     * Returns the metadata of a tool: the method's name, the description of its {@code @Tool} (empty
     * without one), and the schema of the parameters that are not injected.
     *
     * @param injected names of further parameters that the model is not to see
     */
    public static ToolMetadata metadataOf(Method method, Set<String> injected) {
        final Tool tool = method.getAnnotation(Tool.class);
        return new ToolMetadata(
                method.getName(),
                tool == null ? "" : tool.description(),
                inputSchemaOf(method, injected));
    }

    /**
     * Returns the JSON schema of a method's parameters, as text. A parameter is required only if it
     * has a {@code @ToolParam} that says so.
     *
     * @param injected names of further parameters that the model is not to see
     */
    public static String inputSchemaOf(Method method, Set<String> injected) {
        final ObjectNode schema = MAPPER.createObjectNode();
        schema.put("type", "object");
        final ObjectNode properties = schema.putObject("properties");
        final ArrayNode required = MAPPER.createArrayNode();
        for (final Parameter parameter : method.getParameters()) {
            final ToolParam annotation = parameter.getAnnotation(ToolParam.class);
            final String name = nameOf(parameter);
            if (injected.contains(name) || (annotation != null && annotation.injected())) {
                continue;
            }
            final ObjectNode property = properties.putObject(name);
            if (annotation != null && !annotation.description().isEmpty()) {
                property.put("description", annotation.description());
            }
            property.setAll(schemaOf(parameter.getType(), parameter.getParameterizedType()));
            if (annotation != null && annotation.required()) {
                required.add(name);
            }
        }
        schema.set("required", required);
        return schema.toString();
    }

    /** Says of classes and lists what is in them: a model cannot know it otherwise. */
    private static ObjectNode schemaOf(Class<?> type, Type exact) {
        final ObjectNode schema = MAPPER.createObjectNode();
        if (type.isEnum()) {
            schema.put("type", "string");
            final ArrayNode names = schema.putArray("enum");
            for (final Object constant : type.getEnumConstants()) {
                names.add(((Enum<?>) constant).name());
            }
            return schema;
        }
        if (type.isArray() || Collection.class.isAssignableFrom(type)) {
            schema.put("type", "array");
            final Type element =
                    type.isArray()
                            ? type.getComponentType()
                            : exact instanceof ParameterizedType
                                    ? ((ParameterizedType) exact).getActualTypeArguments()[0]
                                    : Object.class;
            if (element instanceof Class && element != Object.class) {
                schema.set("items", schemaOf((Class<?>) element, element));
            }
            return schema;
        }
        schema.put("type", jsonTypeOf(type));
        final JsonNode properties = isUsers(type) ? propertiesOf(type) : null;
        if (properties != null) {
            schema.set("properties", properties);
        }
        return schema;
    }

    private static boolean isUsers(Class<?> type) {
        return !type.isPrimitive() && type.getClassLoader() != null && !type.isInterface();
    }

    // Deprecated for want of newer schema drafts; those come with another library, for this one use.
    @SuppressWarnings("deprecation")
    private static JsonNode propertiesOf(Class<?> type) {
        try {
            return UserJson.newMapper().generateJsonSchema(type).getSchemaNode().get("properties");
        } catch (JsonMappingException | IllegalArgumentException e) {
            // Jackson cannot write it, and says so again when a model gives such an argument.
            return null;
        }
    }

    /** Returns the JSON schema type of a Java type that has no parts. */
    public static String jsonTypeOf(Class<?> type) {
        if (type == String.class) {
            return "string";
        }
        if (type == int.class
                || type == Integer.class
                || type == long.class
                || type == Long.class
                || type == short.class
                || type == Short.class
                || type == byte.class
                || type == Byte.class) {
            return "integer";
        }
        if (type == float.class
                || type == Float.class
                || type == double.class
                || type == Double.class) {
            return "number";
        }
        if (type == boolean.class || type == Boolean.class) {
            return "boolean";
        }
        return "object";
    }
}
