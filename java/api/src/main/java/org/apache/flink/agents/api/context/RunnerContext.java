package org.apache.flink.agents.api.context;

import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;
import org.apache.flink.agents.api.memory.BaseLongTermMemory;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceType;

/** What an action can do. Use it only on the thread the action runs on. */
public interface RunnerContext {

    /**
     * Sends an event to the actions that listen to it, after this action has finished.
     *
     * @throws IllegalArgumentException if the event cannot be written as JSON, or has the id of the
     *     event that started this action
     */
    void sendEvent(Event event);

    /** Returns the memory of this run; it is cleared when the run ends. */
    MemoryObject getSensoryMemory() throws Exception;

    /** Returns the memory of the current key; it outlives runs. */
    MemoryObject getShortTermMemory() throws Exception;

    /** Returns the long-term memory; it fails if none is configured. */
    BaseLongTermMemory getLongTermMemory() throws Exception;

    /** Returns the metric group of the operator. */
    FlinkAgentsMetricGroup getAgentMetricGroup();

    /** Returns the metric group of this action. */
    FlinkAgentsMetricGroup getActionMetricGroup();

    /**
     * Returns a resource, made and opened at its first use, one per operator subtask.
     *
     * @throws IllegalArgumentException if there is no such resource
     */
    Resource getResource(String name, ResourceType type) throws Exception;

    /** Returns the configuration of the agent. */
    ReadableConfiguration getConfig();

    /** Returns the configuration of this action; null if it has none. */
    @Nullable
    Map<String, Object> getActionConfig();

    /** Returns a value of this action's configuration; null if it is absent. */
    @Nullable
    Object getActionConfigValue(String key);

    /** Makes a call and records its result; blocks until it is done. */
    <T> T durableExecute(DurableCallable<T> callable) throws Exception;

    /** Makes a call on another thread and records its result; lets other keys run meanwhile. */
    <T> T durableExecuteAsync(DurableCallable<T> callable) throws Exception;

    /** Called by the runtime. */
    void close() throws Exception;
}
