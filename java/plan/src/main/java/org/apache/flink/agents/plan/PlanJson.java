package org.apache.flink.agents.plan;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** The one mapper of this module. */
final class PlanJson {
    static final ObjectMapper MAPPER = new ObjectMapper();

    private PlanJson() {}

    static ObjectNode object() {
        return MAPPER.createObjectNode();
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
