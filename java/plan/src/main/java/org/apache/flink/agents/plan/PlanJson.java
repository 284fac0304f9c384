package org.apache.flink.agents.plan;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.agents.api.function.Function;
import org.apache.flink.agents.api.function.JavaFunction;
import org.apache.flink.agents.api.function.PythonFunction;

/** The one mapper of this module, and the JSON form of function descriptors. */
final class PlanJson {
    static final ObjectMapper MAPPER = new ObjectMapper();

    private PlanJson() {}

    static ObjectNode object() {
        return MAPPER.createObjectNode();
    }

    /** Returns the descriptor of a function: {@code func_type} first, then what names it. */
    static ObjectNode function(Function function) {
        final ObjectNode json = object();
        if (function instanceof JavaFunction) {
            final JavaFunction java = (JavaFunction) function;
            json.put("func_type", "JavaFunction");
            json.put("qualname", java.getQualName());
            json.put("method_name", java.getMethodName());
            final ArrayNode types = json.putArray("parameter_types");
            java.getParameterTypes().forEach(types::add);
            return json;
        }
        if (function instanceof PythonFunction) {
            final PythonFunction python = (PythonFunction) function;
            json.put("func_type", "PythonFunction");
            json.put("module", python.getModule());
            json.put("qualname", python.getQualName());
            return json;
        }
        throw new IllegalArgumentException(
                "A function of class "
                        + function.getClass().getName()
                        + " cannot be part of a plan; use JavaFunction or PythonFunction.");
    }

    /**
     * Returns a value as JSON.
     *
     * @param what names the value in the message
     * @throws IllegalArgumentException if Jackson cannot write it
     */
    static JsonNode value(Object value, String what) {
        try {
            return MAPPER.valueToTree(value);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    what
                            + " cannot be written as JSON: "
                            + e.getMessage()
                            + " Use plain values, or annotate the class for Jackson.",
                    e);
        }
    }
}
