package org.apache.flink.agents.api.resource;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.annotation.JsonSerialize;
import com.fasterxml.jackson.databind.ser.std.NullSerializer;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;

/**
 * Something actions use by name: a model, a tool, a prompt, a store.
 *
 * <p>Life: constructor, {@link #open()}, use, {@link #close()}; one instance per operator subtask,
 * made at its first use. A resource that is created from a {@link ResourceDescriptor} needs a
 * public constructor {@code (ResourceDescriptor, ResourceContext)}.
 */
public abstract class Resource {
    /** Gives access to other resources; null while a resource is only declared. */
    @Nullable protected transient ResourceContext resourceContext;

    @Nullable private transient FlinkAgentsMetricGroup metricGroup;

    /** For resources that are serialised as a whole. */
    protected Resource() {}

    /**
     * For resources made from a descriptor.
     *
     * @param descriptor where the resource takes its arguments from
     * @param resourceContext gives access to other resources
     */
    protected Resource(ResourceDescriptor descriptor, @Nullable ResourceContext resourceContext) {
        this.resourceContext = resourceContext;
    }

    /** Returns the kind of this resource. */
    @JsonIgnore
    public abstract ResourceType getResourceType();

    /** Returns the access to other resources; null while this resource is only declared. */
    // The context belongs to the running operator; the JSON form has the key, always null.
    @Nullable
    @JsonProperty(value = "resourceContext", access = JsonProperty.Access.READ_ONLY)
    @JsonSerialize(using = NullSerializer.class)
    public ResourceContext getResourceContext() {
        return resourceContext;
    }

    /** INTERNAL: gives a resource that travels in the plan the access to other resources, where it runs. */
    public final void belongTo(ResourceContext context) {
        resourceContext = context;
    }

    /** Sets where this resource counts what it does: the group of the action that uses it. */
    @JsonIgnore
    public void setMetricGroup(@Nullable FlinkAgentsMetricGroup metricGroup) {
        this.metricGroup = metricGroup;
    }

    /** Returns the metric group of the action that uses this resource; null if none was set. */
    @Nullable
    @JsonIgnore
    protected FlinkAgentsMetricGroup getMetricGroup() {
        return metricGroup;
    }

    /** Called once before the first use. Other resources can be looked up here. */
    public void open() throws Exception {}

    /** Called once when the operator ends. */
    public void close() throws Exception {}
}
