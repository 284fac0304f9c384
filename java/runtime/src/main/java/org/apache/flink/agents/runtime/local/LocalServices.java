package org.apache.flink.agents.runtime.local;

import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.configuration.AgentConfigOptions;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;
import org.apache.flink.agents.api.logger.EventLogLevel;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.runtime.host.EventListeners;
import org.apache.flink.agents.runtime.host.EventValues;
import org.apache.flink.agents.runtime.host.HostServices;
import org.apache.flink.agents.runtime.host.PlanView;
import org.apache.flink.agents.runtime.resource.ResourceCache;
import org.apache.flink.agents.runtime.value.BlobCodec;
import org.apache.flink.agents.runtime.host.StorableClasses;
import org.apache.flink.api.common.ExecutionConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a host of a run without Flink gives its actions. */
final class LocalServices implements HostServices {
    private static final Logger LOG = LoggerFactory.getLogger(LocalServices.class);
    private static final int DEFAULT_MAX_IN_FLIGHT = 10_000;

    private final ClassLoader userCode;
    private final PlanView plan;
    private final AgentConfiguration config;
    private final int maxInFlight;
    private final LocalMemory memory;
    private final LocalMetrics metrics = new LocalMetrics();
    private final EventListeners listeners;
    private final ResourceCache resources;

    LocalServices(final String agentName, final byte[] planJson, final ClassLoader userCode) {
        this.userCode = userCode;
        plan = new PlanView(planJson, userCode);
        config = new AgentConfiguration(plan.config());
        maxInFlight = config.getInt("max-in-flight", DEFAULT_MAX_IN_FLIGHT);
        // Every value is checked unless it is switched off: this is where agents are tried out.
        final boolean verify = config.getBool("values.verify", true);
        memory = new LocalMemory(new BlobCodec(new ExecutionConfig(), userCode, List.of(), new EventValues(userCode), verify));
        final List<String> names = config.get(AgentConfigOptions.EVENT_LISTENERS);
        listeners =
                new EventListeners(names == null ? List.of() : names, userCode, metrics.getCounter("eventListenerFailures"));
        resources = new ResourceCache(planJson, userCode);
        if (config.get(AgentConfigOptions.EVENT_LOG_LEVEL) != EventLogLevel.OFF) {
            LOG.info("Agent '{}': this release writes no event log; event-log options have no effect", agentName);
        }
    }

    int maxInFlight() {
        return maxInFlight;
    }

    LocalMemory memory() {
        return memory;
    }

    EventListeners listeners() {
        return listeners;
    }

    @Override
    public ClassLoader userCode() {
        return userCode;
    }

    @Override
    public StoredMemory storedMemory() {
        return memory;
    }

    @Override
    public FlinkAgentsMetricGroup metrics() {
        return metrics;
    }

    @Override
    public ReadableConfiguration config() {
        return config;
    }

    @Override
    public Map<String, Object> actionConfig(final ActionDescriptor action) {
        return plan.actionConfig(action);
    }

    @Override
    public Resource resource(final String name, final ResourceType type, final FlinkAgentsMetricGroup group)
            throws Exception {
        final Resource resource = resources.get(name, type);
        resource.setMetricGroup(group);
        return resource;
    }

    @Override
    public void checkSendable(final String action, final Event event) {
        StorableClasses.checkEvent(action, event);
    }

    @Override
    public void checkStorable(final String action, final Object value, final String path) {
        StorableClasses.checkValue(action, value, path);
    }

    // Keys are hidden in a cluster's logs; here they are the developer's own, and wanted.
    @Override
    public String describeKey(final Object key) {
        return "\"" + key + "\"";
    }

    @Override
    public void close() throws Exception {
        resources.close();
    }
}
