package org.apache.flink.agents.runtime.operator;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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
import org.apache.flink.agents.core.KeySnapshot;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.runtime.host.EventListeners;
import org.apache.flink.agents.runtime.host.EventValues;
import org.apache.flink.agents.runtime.host.HostServices;
import org.apache.flink.agents.runtime.host.JavaHost;
import org.apache.flink.agents.runtime.host.PlanView;
import org.apache.flink.agents.runtime.host.StorableClasses;
import org.apache.flink.agents.runtime.metrics.MetricGroupAdapter;
import org.apache.flink.agents.runtime.resource.ResourceCache;
import org.apache.flink.agents.runtime.value.BlobCodec;
import org.apache.flink.agents.runtime.value.KnownType;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the operator gives its host: state, metrics, configuration, resources, of one subtask. */
final class OperatorServices implements HostServices {
    private static final Logger LOG = LoggerFactory.getLogger(OperatorServices.class);

    private final AgentOperator<?> operator;
    private final String agentName;
    private final AgentConfiguration config;
    private final AgentOptions options;
    private final PlanView plan;
    private final KeyedStates states;
    private final MetricGroupAdapter metrics;
    private final EventListeners listeners;
    private final ResourceCache resources;

    OperatorServices(
            final String agentName,
            final byte[] planJson,
            final TypeInformation<?> inputType,
            final AgentOperator<?> operator) {
        this.operator = operator;
        this.agentName = agentName;
        plan = new PlanView(planJson, operator.getUserCodeClassloader());
        config = new AgentConfiguration(plan.config());
        options = new AgentOptions(config);
        final BlobCodec codec =
                new BlobCodec(
                        operator.getExecutionConfig(),
                        operator.getUserCodeClassloader(),
                        inputType.getTypeClass() == Object.class
                                ? List.of()
                                : List.of(KnownType.of(inputType, operator.getExecutionConfig())),
                        new EventValues(operator.getUserCodeClassloader()),
                        config.getBool("values.verify", false));
        states = new KeyedStates(operator.getRuntimeContext(), operator.getKeyedStateBackend(), codec, options);
        metrics = new MetricGroupAdapter(operator.getMetricGroup());
        final List<String> names = config.get(AgentConfigOptions.EVENT_LISTENERS);
        listeners =
                new EventListeners(
                        names == null ? List.of() : names,
                        operator.getUserCodeClassloader(),
                        metrics.getCounter("eventListenerFailures"));
        resources = new ResourceCache(planJson, operator.getUserCodeClassloader());
        if (config.get(AgentConfigOptions.EVENT_LOG_LEVEL) != EventLogLevel.OFF) {
            LOG.info("Agent '{}': this release writes no event log; event-log options have no effect", agentName);
        }
    }

    String agentName() {
        return agentName;
    }

    KeyedStates states() {
        return states;
    }

    AgentOptions options() {
        return options;
    }

    EventListeners listeners() {
        return listeners;
    }

    /** Attributes of a restored key's events, in the form {@link org.apache.flink.agents.core.AgentsCore#restoreKey} takes. */
    byte[] attributesOf(final KeySnapshot snapshot, final JavaHost host) {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        final ByteBuffer length = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
        for (final Object value : snapshot.values()) {
            // Events come first.
            if (!(value instanceof Event)) {
                break;
            }
            final byte[] attributes = host.conditionAttributes((Event) value);
            if (attributes == null) {
                return null;
            }
            out.write(length.putInt(0, attributes.length).array(), 0, 4);
            out.write(attributes, 0, attributes.length);
        }
        return out.toByteArray();
    }

    @Override
    public ClassLoader userCode() {
        return operator.getUserCodeClassloader();
    }

    @Override
    public StoredMemory storedMemory() {
        return states;
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

    @Override
    public String describeKey(final Object key) {
        return KeyText.of(key, config);
    }

    @Override
    public void close() throws Exception {
        resources.close();
    }
}
