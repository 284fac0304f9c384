package org.apache.flink.agents.plan;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.agents.api.UserJson;

/** Trees of JSON, and values as such. */
final class PlanJson {
    /** For trees alone: it must not see a class of the user's, which it would keep. */
    private static final ObjectMapper TREES = new ObjectMapper();

    private PlanJson() {}

    static ObjectNode object() {
        return TREES.createObjectNode();
    }

    /** Returns a tree as text in UTF-8. */
    static byte[] bytes(JsonNode tree) {
        try {
            return TREES.writeValueAsBytes(tree);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("A tree of JSON could not be written.", e);
        }
    }

    /**
     * Returns a value as JSON.
     *
     * @param what names the value in the message
     * @throws IllegalArgumentException if Jackson cannot write it
     */
    static JsonNode value(Object value, String what) {
        try {
            return UserJson.mapperFor(value).valueToTree(value);
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
