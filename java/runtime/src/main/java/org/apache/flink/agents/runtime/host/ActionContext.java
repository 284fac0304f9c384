package org.apache.flink.agents.runtime.host;

import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventAccess;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.memory.BaseLongTermMemory;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCore;

/**
 * What one execution of an action may do. Made anew for each, so that a context kept after its action is noticed: the core
 * refuses its task.
 */
final class ActionContext implements RunnerContext {
    private final JavaHost host;
    private final ActionDescriptor action;
    private final long task;
    private final Event trigger;
    private final Thread runner;
    private MemoryObject sensory;
    private MemoryObject shortTerm;

    ActionContext(final JavaHost host, final ActionDescriptor action, final long task, final Event trigger, final Thread runner) {
        this.host = host;
        this.action = action;
        this.task = task;
        this.trigger = trigger;
        this.runner = runner;
    }

    private AgentsCore core() {
        if (Thread.currentThread() != runner) {
            throw new IllegalStateException(
                    "The context of action '"
                            + action.name()
                            + "' was used by thread \""
                            + Thread.currentThread().getName()
                            + "\": only the thread that runs the action may send events, touch memory or get resources."
                            + " Return the data from the other thread instead, for instance as the result of a durable call");
        }
        return host.core();
    }

    @Override
    public void sendEvent(final Event event) {
        final AgentsCore core = core();
        if (event == null) {
            throw new IllegalArgumentException("Action '" + action.name() + "' sent null instead of an event");
        }
        host.send(core, action, task, trigger, event);
    }

    @Override
    public MemoryObject getSensoryMemory() {
        if (sensory == null) {
            sensory = new MemoryView(this, AgentsCore.SENSORY, "");
        }
        return sensory;
    }

    @Override
    public MemoryObject getShortTermMemory() {
        if (shortTerm == null) {
            shortTerm = new MemoryView(this, AgentsCore.SHORT_TERM, "");
        }
        return shortTerm;
    }

    Object memoryGet(final int memory, final String path) throws Exception {
        return core().memoryGet(task, memory, path, host.storedMemory());
    }

    void memorySet(final int memory, final String path, final Object value) throws Exception {
        final AgentsCore core = core();
        host.checkStorable(action, memory, value, path);
        core.memorySet(task, memory, path, value, host.storedMemory());
    }

    void memoryNewObject(final int memory, final String path, final boolean overwrite) throws Exception {
        core().memoryNewObject(task, memory, path, overwrite, host.storedMemory());
    }

    List<String> memoryChildren(final int memory, final String path) throws Exception {
        return core().memoryChildren(task, memory, path, host.storedMemory());
    }

    @Override
    public BaseLongTermMemory getLongTermMemory() {
        throw new UnsupportedOperationException(
                "Action '" + action.name() + "' asked for long-term memory, which this release does not have");
    }

    @Override
    public FlinkAgentsMetricGroup getAgentMetricGroup() {
        core();
        return host.agentMetrics();
    }

    @Override
    public FlinkAgentsMetricGroup getActionMetricGroup() {
        core();
        return host.actionMetrics(action);
    }

    @Override
    public Resource getResource(final String name, final ResourceType type) throws Exception {
        core();
        return host.resource(name, type, action);
    }

    @Override
    public ReadableConfiguration getConfig() {
        return host.config();
    }

    @Override
    public Map<String, Object> getActionConfig() {
        return host.actionConfig(action);
    }

    @Override
    public Object getActionConfigValue(final String key) {
        final Map<String, Object> config = getActionConfig();
        return config == null ? null : config.get(key);
    }

    @Override
    public <T> T durableExecute(final DurableCallable<T> callable) throws Exception {
        core();
        return callable.call();
    }

    @Override
    public <T> T durableExecuteAsync(final DurableCallable<T> callable) throws Exception {
        core();
        return callable.call();
    }

    @Override
    public void close() {
        // The core ends the context when the action returns.
    }

    @Override
    public String toString() {
        return "context of " + action + " for event " + trigger.getType() + ' ' + EventAccess.idHi(trigger);
    }
}
