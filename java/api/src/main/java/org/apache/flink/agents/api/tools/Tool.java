package org.apache.flink.agents.api.tools;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.lang.reflect.Method;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.SerializableResource;

/** Something a model can call. */
public abstract class Tool extends SerializableResource {
    private static final long serialVersionUID = 1L;

    /** What the model gets to know of this tool. */
    protected ToolMetadata metadata;

    protected Tool(ToolMetadata metadata) {
        this.metadata = metadata;
    }

    /** Returns what the model gets to know of this tool. */
    @JsonProperty("metadata")
    public final ToolMetadata getMetadata() {
        ToolMetadata known = metadata;
        if (known == null) {
            known = findMetadata();
            metadata = known;
        }
        return known;
    }

    /**
     * Finds out what the model gets to know of this tool, for one that was made without; called when that is first asked for, by any
     * thread. An addition to the reference's API.
     */
    @Nullable
    protected ToolMetadata findMetadata() {
        return null;
    }

    /** Replaces what the model gets to know of this tool. */
    @JsonIgnore
    protected void setMetadata(ToolMetadata metadata) {
        this.metadata = metadata;
    }

    @Override
    @JsonIgnore
    public final ResourceType getResourceType() {
        return ResourceType.TOOL;
    }

    /** Returns where this tool is run. */
    @JsonIgnore
    public abstract ToolType getToolType();

    /** Calls this tool. A failure is a failed response, or an exception, which the caller handles. */
    public abstract ToolResponse call(ToolParameters parameters);

    /** Returns the name the model calls this tool by. */
    @JsonIgnore
    public final String getName() {
        return getMetadata().getName();
    }

    /** Returns what this tool does. */
    @JsonIgnore
    public final String getDescription() {
        return getMetadata().getDescription();
    }

    /**
     * Makes a static method a tool that can be added to an agent.
     *
     * @throws IllegalArgumentException if the method is not static
     */
    public static FunctionTool fromMethod(Method method) {
        return FunctionTool.fromMethod(method);
    }
}
