package org.apache.flink.agents.runtime.resource;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** Where a resource is that another one, or an action, asks for something: a function that is a tool is where its code is. */
public enum ResourceLanguage {
    JAVA,
    PYTHON;

    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** That of a provider of a plan. */
    static ResourceLanguage of(final JsonNode provider) {
        final String function = functionType(provider);
        if (!function.isEmpty()) {
            return function.equals("PythonFunction") ? PYTHON : JAVA;
        }
        return provider.path("__resource_provider_type__").asText().startsWith("Python") ? PYTHON : JAVA;
    }

    private static String functionType(final JsonNode provider) {
        if (provider.has("serialized")) {
            return provider.path("serialized").path("func").path("func_type").asText();
        }
        try {
            // Of what is no tool it has something else, or nothing.
            return MAPPER.readTree(provider.path("serializedResource").asText("{}")).path("function").path("func_type").asText();
        } catch (final JsonProcessingException e) {
            // Who makes the resource says so.
            return "";
        }
    }
}
