package org.apache.flink.agents.plan;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.annotation.Identity;
import org.apache.flink.agents.api.function.Function;
import org.apache.flink.agents.api.function.PythonFunction;

/** An action of a plan. Immutable. */
public final class PlanAction {
    private final String name;
    private final Function function;
    private final List<String> triggerConditions;
    @Nullable private final ObjectNode config;
    @Nullable private final Identity identity;

    PlanAction(
            String name,
            Function function,
            List<String> triggerConditions,
            @Nullable ObjectNode config,
            @Nullable Identity identity) {
        this.name = name;
        this.function = function;
        this.triggerConditions = List.copyOf(triggerConditions);
        this.config = config;
        this.identity = identity;
    }

    /** Returns the name, unique in the plan. */
    public String getName() {
        return name;
    }

    /** Returns what runs: a {@code JavaFunction} or a {@code PythonFunction}. */
    public Function getFunction() {
        return function;
    }

    /** Returns the event types and conditions that start the action; at least one, unmodifiable. */
    public List<String> getTriggerConditions() {
        return triggerConditions;
    }

    boolean isPython() {
        return function instanceof PythonFunction;
    }

    ObjectNode toJson() {
        final ObjectNode json = PlanJson.object();
        json.put("name", name);
        if (identity != null && !identity.value().isEmpty()) {
            json.put("id", identity.value());
        }
        if (identity != null && identity.formerNames().length > 0) {
            final ArrayNode names = json.putArray("former_names");
            List.of(identity.formerNames()).forEach(names::add);
        }
        json.set("exec", FunctionJson.write(function));
        final ArrayNode triggers = json.putArray("trigger_conditions");
        triggerConditions.forEach(triggers::add);
        json.set("config", config == null ? null : config.deepCopy());
        return json;
    }
}
