package org.apache.flink.agents.plan;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.agents.api.function.Function;
import org.apache.flink.agents.api.function.JavaFunction;
import org.apache.flink.agents.api.function.PythonFunction;

/** INTERNAL: the JSON form of functions in plans: {@code func_type}, then what names the function. */
public final class FunctionJson {
    private static final String TYPE = "func_type";

    private FunctionJson() {}

    /**
     * Returns the descriptor of a function.
     *
     * @throws IllegalArgumentException if it is neither a JavaFunction nor a PythonFunction
     */
    public static ObjectNode write(Function function) {
        final ObjectNode json = JsonNodeFactory.instance.objectNode();
        if (function instanceof JavaFunction) {
            final JavaFunction java = (JavaFunction) function;
            json.put(TYPE, "JavaFunction");
            json.put("qualname", java.getQualName());
            json.put("method_name", java.getMethodName());
            final ArrayNode types = json.putArray("parameter_types");
            java.getParameterTypes().forEach(types::add);
            return json;
        }
        if (function instanceof PythonFunction) {
            final PythonFunction python = (PythonFunction) function;
            json.put(TYPE, "PythonFunction");
            json.put("module", python.getModule());
            json.put("qualname", python.getQualName());
            return json;
        }
        throw new IllegalArgumentException(
                "A function of class "
                        + (function == null ? "null" : function.getClass().getName())
                        + " cannot be part of a plan; use JavaFunction or PythonFunction.");
    }

    /**
     * Returns the function of a descriptor.
     *
     * @throws IllegalArgumentException if it is not a descriptor
     */
    public static Function read(JsonNode json) {
        final String type = json == null ? "" : json.path(TYPE).asText();
        switch (type) {
            case "JavaFunction":
                final List<String> types = new ArrayList<>();
                json.path("parameter_types").forEach(name -> types.add(name.asText()));
                return new JavaFunction(text(json, "qualname"), text(json, "method_name"), types);
            case "PythonFunction":
                return new PythonFunction(text(json, "module"), text(json, "qualname"));
            default:
                throw new IllegalArgumentException(
                        "Not a function descriptor, because '"
                                + TYPE
                                + "' is neither JavaFunction nor PythonFunction: "
                                + json);
        }
    }

    private static String text(JsonNode json, String key) {
        final JsonNode value = json.get(key);
        if (value == null || !value.isTextual() || value.textValue().isEmpty()) {
            throw new IllegalArgumentException(
                    "The function descriptor " + json + " lacks the text '" + key + "'.");
        }
        return value.textValue();
    }
}
