package org.apache.flink.agents.runtime.host;

import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.StoredMemory;

/** What a {@link JavaHost} needs from where it runs: a Flink operator, or a plain JVM. */
public interface HostServices extends AutoCloseable {
    /** Class loader of the user's classes. */
    ClassLoader userCode();

    /** Short-term memory of the key whose action runs. */
    StoredMemory storedMemory();

    /** Metrics of the operator. */
    FlinkAgentsMetricGroup metrics();

    /** The plan's configuration. */
    ReadableConfiguration config();

    /** Configuration of an action, or null. */
    Map<String, Object> actionConfig(ActionDescriptor action);

    /** A resource of the plan, made on first use. */
    Resource resource(String name, ResourceType type, FlinkAgentsMetricGroup metrics) throws Exception;

    /** Refuses an event that could not be stored. Called for every event sent: has to be cheap. */
    void checkSendable(String action, Event event);

    /** Refuses a memory value that could not be stored. Called for every write: has to be cheap. */
    void checkStorable(String action, Object value, String path);

    /** A key as messages show it. */
    String describeKey(Object key);
}
