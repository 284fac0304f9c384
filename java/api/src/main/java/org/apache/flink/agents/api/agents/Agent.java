package org.apache.flink.agents.api.agents;

import java.lang.reflect.Method;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.function.Function;
import org.apache.flink.agents.api.function.JavaFunction;
import org.apache.flink.agents.api.resource.ResourceDeclarations;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.api.java.tuple.Tuple3;

/**
 * An agent: actions, started by events, and the resources they use. Actions and resources are
 * annotated members of a subclass, or added here. Used on the client, from one thread.
 */
public class Agent {
    /** Key of a parsed response in {@code ChatMessage.getExtraArgs()}. */
    public static final String STRUCTURED_OUTPUT = "structured_output";

    private final Map<String, Tuple3<String[], Function, Map<String, Object>>> actions =
            new LinkedHashMap<>();
    private final Map<ResourceType, Map<String, Object>> resources =
            new EnumMap<>(ResourceType.class);

    public Agent() {
        for (final ResourceType type : ResourceType.values()) {
            resources.put(type, new LinkedHashMap<>());
        }
    }

    /** Returns the added actions: name to triggers, function and configuration (may be null). */
    public Map<String, Tuple3<String[], Function, Map<String, Object>>> getActions() {
        return actions;
    }

    /** Returns the added resources: type to name to resource or descriptor. */
    public Map<ResourceType, Map<String, Object>> getResources() {
        return resources;
    }

    /**
     * Adds an action named like its method.
     *
     * @param triggerConditions event types or conditions, at least one
     * @param method public static, with parameters {@code (Event, RunnerContext)}
     * @param config what the action gets by {@code getActionConfig()}; null means none
     * @return this agent
     * @throws IllegalArgumentException if the name is taken or there are no triggers
     */
    public Agent addAction(
            String[] triggerConditions, Method method, @Nullable Map<String, Object> config) {
        if (method == null) {
            throw new IllegalArgumentException(
                    "An action added to agent " + describe() + " needs a method, not null.");
        }
        return addAction(
                method.getName(), triggerConditions, JavaFunction.fromMethod(method), config);
    }

    /**
     * Adds an action named like its method, without configuration.
     *
     * @return this agent
     * @throws IllegalArgumentException if the name is taken or there are no triggers
     */
    public Agent addAction(String[] triggerConditions, Method method) {
        return addAction(triggerConditions, method, null);
    }

    /**
     * Adds an action.
     *
     * @param name the name of the action
     * @param triggerConditions event types or conditions, at least one
     * @param function what to run, in Java or Python
     * @param config what the action gets by {@code getActionConfig()}; null means none
     * @return this agent
     * @throws IllegalArgumentException if the name is taken or blank, or there are no triggers
     */
    public Agent addAction(
            String name,
            String[] triggerConditions,
            Function function,
            @Nullable Map<String, Object> config) {
        if (name == null || name.trim().isEmpty()) {
            throw new IllegalArgumentException(
                    "An action added to agent " + describe() + " needs a name that is not blank.");
        }
        if (function == null) {
            throw new IllegalArgumentException(
                    "Action '" + name + "' of agent " + describe() + " needs a function, not null.");
        }
        if (triggerConditions == null || triggerConditions.length == 0) {
            throw new IllegalArgumentException(
                    "Action '"
                            + name
                            + "' of agent "
                            + describe()
                            + " listens to nothing; give at least one event type or condition.");
        }
        if (actions.containsKey(name)) {
            throw new IllegalArgumentException(
                    "Action '" + name + "' of agent " + describe() + " already defined.");
        }
        actions.put(name, Tuple3.of(triggerConditions.clone(), function, config));
        return this;
    }

    /** Adds those resources whose type and name this agent does not have yet. */
    public void addResourcesIfAbsent(Map<ResourceType, Map<String, Object>> additional) {
        additional.forEach(
                (type, byName) -> {
                    final Map<String, Object> own =
                            resources.computeIfAbsent(type, t -> new LinkedHashMap<>());
                    byName.forEach(own::putIfAbsent);
                });
    }

    /**
     * Adds a resource.
     *
     * @param instance a {@code SerializableResource} or a {@code ResourceDescriptor}
     * @return this agent
     * @throws IllegalArgumentException if the name is taken or the instance is of another class
     */
    public Agent addResource(String name, ResourceType type, Object instance) {
        ResourceDeclarations.add(resources, "agent " + describe(), name, type, instance);
        return this;
    }

    private String describe() {
        final String simple = getClass().getSimpleName();
        return simple.isEmpty() ? getClass().getName() : simple;
    }

    /** What the chat action does when the model fails. */
    public enum ErrorHandlingStrategy {
        /** The task fails. */
        FAIL("fail"),
        /** The model is asked again, as often as {@code max-retries} says; then the task fails. */
        RETRY("retry"),
        /** A warning is logged; there is no response. */
        IGNORE("ignore");

        private final String value;

        ErrorHandlingStrategy(String value) {
            this.value = value;
        }

        /** Returns the name in lower case. */
        public String getValue() {
            return value;
        }
    }
}
