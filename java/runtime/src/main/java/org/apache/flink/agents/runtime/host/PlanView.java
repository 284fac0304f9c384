package org.apache.flink.agents.runtime.host;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCoreException;
import org.apache.flink.agents.plan.ActionConfig;

/** The parts of a plan that only a Java host can read: values that carry Java classes. */
public final class PlanView {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Map<String, Object> config;
    private final Map<String, Map<String, Object>> actionConfigs = new LinkedHashMap<>();

    /**
     * @param planJson the plan, JSON in UTF-8, accepted by the core before
     * @param userCode class loader of the user's classes
     */
    public PlanView(final byte[] planJson, final ClassLoader userCode) {
        final JsonNode plan;
        try {
            plan = JSON.readTree(planJson);
        } catch (final IOException e) {
            throw new AgentsCoreException("The plan cannot be read: " + e.getMessage());
        }
        final JsonNode data = plan.path("config").path("conf_data");
        config = data.isObject() ? JSON.convertValue(data, new TypeReference<Map<String, Object>>() {}) : Map.of();
        plan.path("actions")
                .fields()
                .forEachRemaining(
                        entry ->
                                actionConfigs.put(
                                        entry.getKey(), ActionConfig.decode(
                                                entry.getValue().get("config"), entry.getKey(), userCode)));
    }

    /** The flat configuration. */
    public Map<String, Object> config() {
        return config;
    }

    /** Configuration of an action, or null. */
    public Map<String, Object> actionConfig(final ActionDescriptor action) {
        return actionConfigs.get(action.name());
    }
}
