package org.apache.flink.agents.plan;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResource;

/**
 * What an agent is made of, in the form that travels to the operator: actions in the order in which
 * they are considered, resources, configuration. It is only built here; the core reads it, and decides
 * whether its trigger conditions are valid. Immutable.
 */
public final class AgentPlan {
    private final String agentName;
    private final List<PlanAction> actions;
    private final Map<ResourceType, Map<String, PlanResource>> resources;
    private final Map<String, Object> config;

    private AgentPlan(
            String agentName,
            List<PlanAction> actions,
            Map<ResourceType, Map<String, PlanResource>> resources,
            Map<String, Object> config) {
        this.agentName = agentName;
        this.actions = List.copyOf(actions);
        this.resources = resources;
        this.config = config;
    }

    /**
     * Builds the plan of an agent, which is not changed.
     *
     * @param agentName the name it is registered under; null means the simple name of its class
     * @param config copied
     * @throws IllegalArgumentException if a member of the agent cannot be part of a plan; the message
     *     names it and says how to mend it
     * @throws IllegalStateException if an {@code @Action} names half a Python function
     * @throws UnsupportedOperationException if an MCP server is to be asked by Python's client
     */
    public static AgentPlan compile(
            Agent agent, @Nullable String agentName, AgentConfiguration config) {
        return compile(agent, agentName, config, Map.of());
    }

    /**
     * Builds the plan of an agent, which is not changed, with resources of its environment.
     *
     * @param agentName the name it is registered under; null means the simple name of its class
     * @param config copied
     * @param sharedResources type to name to resource; used where the agent has none of that type and
     *     name, neither annotated nor added
     * @throws IllegalArgumentException if a member of the agent cannot be part of a plan; the message
     *     names it and says how to mend it
     * @throws IllegalStateException if an {@code @Action} names half a Python function
     * @throws UnsupportedOperationException if an MCP server is to be asked by Python's client
     */
    public static AgentPlan compile(
            Agent agent,
            @Nullable String agentName,
            AgentConfiguration config,
            Map<ResourceType, Map<String, Object>> sharedResources) {
        Objects.requireNonNull(agent, "agent");
        Objects.requireNonNull(config, "config");
        final String name =
                agentName == null || agentName.isBlank() ? simpleName(agent.getClass()) : agentName;
        return new AgentPlan(
                name,
                new ActionCompiler(agent, name).compile(),
                new ResourceCompiler(agent, name).compile(sharedResources),
                config.toMap());
    }

    private static String simpleName(Class<?> type) {
        // Anonymous classes have no simple name.
        final String simple = type.getSimpleName();
        return simple.isEmpty() ? type.getName().substring(type.getName().lastIndexOf('.') + 1) : simple;
    }

    /** Returns the name of the agent. */
    public String getAgentName() {
        return agentName;
    }

    /** Returns the actions in the order of the plan, the built-in ones first; unmodifiable. */
    public List<PlanAction> getActions() {
        return actions;
    }

    /**
     * Returns a line for each part that needs Python, such as {@code action 'x' is the Python function
     * a:b}; empty if Java alone can run this plan.
     */
    public List<String> foreignParts() {
        final List<String> lines = new ArrayList<>();
        for (final PlanAction action : actions) {
            if (action.isPython()) {
                lines.add(
                        "action '"
                                + action.getName()
                                + "' is the Python function "
                                + action.getFunction());
            }
        }
        lines.addAll(pythonResources(type -> true));
        return lines;
    }

    /** Tells whether an action of it is Python's. */
    public boolean hasPythonActions() {
        return actions.stream().anyMatch(PlanAction::isPython);
    }

    /** Tells whether a resource of it is made in Python. */
    public boolean hasPythonResources() {
        return !pythonResources(type -> true).isEmpty();
    }

    /** Returns a line for each resource of Python that Java cannot ask for anything, wherever it runs. */
    public List<String> unusableResources() {
        return pythonResources(type -> !PythonResource.isAsked(type));
    }

    private List<String> pythonResources(Predicate<ResourceType> ofType) {
        final List<String> lines = new ArrayList<>();
        resources.forEach(
                (type, byName) ->
                        byName.forEach(
                                (name, resource) -> {
                                    if (resource.python() != null && ofType.test(type)) {
                                        lines.add(
                                                "resource '"
                                                        + name
                                                        + "' of type "
                                                        + type.getValue()
                                                        + " needs the Python "
                                                        + (type == ResourceType.TOOL
                                                                ? "function "
                                                                : "class ")
                                                        + resource.python());
                                    }
                                }));
        return lines;
    }

    /** Returns the plan as JSON in UTF-8, of any length. */
    public byte[] toJson() {
        return PlanJson.bytes(toTree());
    }

    private ObjectNode toTree() {
        final ObjectNode json = PlanJson.object();
        json.put("agent_name", agentName);
        final ObjectNode actionsJson = json.putObject("actions");
        actions.forEach(action -> actionsJson.set(action.getName(), action.toJson()));
        final ObjectNode resourcesJson = json.putObject("resource_providers");
        resources.forEach(
                (type, byName) -> {
                    if (!byName.isEmpty()) {
                        final ObjectNode ofType = resourcesJson.putObject(type.getValue());
                        byName.forEach((name, resource) -> ofType.set(name, resource.toJson()));
                    }
                });
        json.putObject("config")
                .set("conf_data", PlanJson.value(config, "The configuration of agent " + agentName));
        return json;
    }

    // Not the JSON: configuration and arguments may contain secrets, and plans are logged.
    @Override
    public String toString() {
        final List<String> actionNames = new ArrayList<>();
        actions.forEach(action -> actionNames.add(action.getName()));
        final List<String> resourceNames = new ArrayList<>();
        resources.forEach(
                (type, byName) ->
                        byName.keySet()
                                .forEach(name -> resourceNames.add(type.getValue() + "/" + name)));
        return "AgentPlan{agent='"
                + agentName
                + "', actions="
                + actionNames
                + ", resources="
                + resourceNames
                + ", config="
                + config.keySet()
                + '}';
    }
}
