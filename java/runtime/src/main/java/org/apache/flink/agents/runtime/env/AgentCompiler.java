package org.apache.flink.agents.runtime.env;

import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.plan.AgentPlan;
import org.apache.flink.agents.runtime.host.PythonNames;

/** Turns the agents of one environment into plans that the core has accepted. */
final class AgentCompiler {
    private final EnvironmentConfiguration config;
    private final Map<ResourceType, Map<String, Object>> resources;
    private final Map<String, Agent> agents;
    private final boolean python;

    /** @param python whether Python actions can run where the plans will */
    AgentCompiler(
            final EnvironmentConfiguration config,
            final Map<ResourceType, Map<String, Object>> resources,
            final Map<String, Agent> agents,
            final boolean python) {
        this.config = config;
        this.resources = resources;
        this.agents = agents;
        this.python = python;
    }

    /** A plan and the name of its agent. */
    static final class Compiled {
        private final String agentName;
        private final byte[] json;

        private final boolean python;

        private Compiled(final String agentName, final byte[] json, final boolean python) {
            this.agentName = agentName;
            this.json = json;
            this.python = python;
        }

        String agentName() {
            return agentName;
        }

        byte[] json() {
            return json;
        }

        /** Whether it has actions, resources, listeners or an event logger of Python. */
        boolean needsPython() {
            return python;
        }
    }

    /**
     * Compiles an agent, which is not changed, with the environment's resources and configuration as of now.
     *
     * @param name name it is registered under; null means that of its class
     * @throws RuntimeException whose cause says what is wrong with the agent, its conditions or the configuration
     */
    Compiled compile(final Agent agent, final String name) {
        if (agent == null) {
            throw new IllegalArgumentException("apply(null): give an agent, or the name of one");
        }
        try {
            final AgentConfiguration merged = config.merged();
            final AgentPlan plan = AgentPlan.compile(agent, name, merged, resources);
            final List<String> foreign = python ? plan.unusableResources() : plan.foreignParts();
            if (!foreign.isEmpty()) {
                throw new UnsupportedOperationException(
                        "Agent '"
                                + plan.getAgentName()
                                + (python
                                        ? "' cannot run here, because resources of these types are not used from the other language: "
                                        : "' cannot run here, because without Flink only Java runs in a Java program: ")
                                + String.join("; ", foreign)
                                + ". Remove these parts, or replace them by Java ones");
            }
            return new Compiled(
                    plan.getAgentName(),
                    AgentsCore.validatePlan(plan.toJson()),
                    plan.hasPythonActions() || plan.hasPythonResources() || PythonNames.areIn(merged));
        } catch (final RuntimeException e) {
            throw new RuntimeException("Failed to create agent plan from agent", e);
        }
    }

    /**
     * Compiles the agent that is registered under a name.
     *
     * @throws IllegalArgumentException if there is none; the message lists the names
     */
    Compiled compile(final String name) {
        final Agent agent = name == null ? null : agents.get(name);
        if (agent == null) {
            throw new IllegalArgumentException(
                    "There is no agent named '"
                            + name
                            + "' in this environment; "
                            + (agents.isEmpty() ? "it has none: put one into getAgents()" : "it has " + new TreeSet<>(agents.keySet())));
        }
        return compile(agent, name);
    }
}
