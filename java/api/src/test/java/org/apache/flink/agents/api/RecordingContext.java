package org.apache.flink.agents.api;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.memory.BaseLongTermMemory;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceType;

/** A context that remembers what is sent and serves the resources of an agent. */
public class RecordingContext implements RunnerContext {
    public final List<Event> sent = new ArrayList<>();
    public Map<String, Object> actionConfig;
    public MemoryObject sensory;
    public MemoryObject shortTerm;
    private final Agent agent;

    public RecordingContext(Agent agent) {
        this.agent = agent;
    }

    @Override
    public void sendEvent(Event event) {
        sent.add(event);
    }

    @Override
    public MemoryObject getSensoryMemory() {
        return sensory;
    }

    @Override
    public MemoryObject getShortTermMemory() {
        return shortTerm;
    }

    @Override
    public BaseLongTermMemory getLongTermMemory() {
        throw new IllegalStateException("no long-term memory");
    }

    @Override
    public FlinkAgentsMetricGroup getAgentMetricGroup() {
        throw new IllegalStateException("no metrics");
    }

    @Override
    public FlinkAgentsMetricGroup getActionMetricGroup() {
        throw new IllegalStateException("no metrics");
    }

    @Override
    public Resource getResource(String name, ResourceType type) {
        final Object resource = agent.getResources().get(type).get(name);
        if (resource == null) {
            throw new IllegalArgumentException("Resource not found: " + name);
        }
        return (Resource) resource;
    }

    @Override
    public ReadableConfiguration getConfig() {
        throw new IllegalStateException("no configuration");
    }

    @Override
    public Map<String, Object> getActionConfig() {
        return actionConfig;
    }

    @Override
    public Object getActionConfigValue(String key) {
        return actionConfig == null ? null : actionConfig.get(key);
    }

    @Override
    public <T> T durableExecute(DurableCallable<T> callable) throws Exception {
        return callable.call();
    }

    @Override
    public <T> T durableExecuteAsync(DurableCallable<T> callable) throws Exception {
        return callable.call();
    }

    @Override
    public void close() {}
}
