package org.apache.flink.agents.runtime.env;

import javax.annotation.Nullable;
import org.apache.flink.agents.api.AgentBuilder;
import org.apache.flink.agents.api.agents.Agent;

/** An input that takes one agent. */
abstract class OneAgentBuilder implements AgentBuilder {
    private final AgentCompiler compiler;
    private AgentCompiler.Compiled agent;

    OneAgentBuilder(final AgentCompiler compiler) {
        this.compiler = compiler;
    }

    /** What to say when a second agent is applied: that there is one of this name, and what to do instead. */
    abstract String taken(String agentName);

    @Override
    public final AgentBuilder apply(final Agent applied) {
        checkFree();
        agent = compiler.compile(applied, null);
        return this;
    }

    @Override
    public final AgentBuilder apply(final String agentName) {
        checkFree();
        agent = compiler.compile(agentName);
        return this;
    }

    private void checkFree() {
        if (agent != null) {
            throw new IllegalStateException(taken(agent.agentName()));
        }
    }

    /** Null until one is applied. */
    @Nullable
    final AgentCompiler.Compiled agent() {
        return agent;
    }
}
