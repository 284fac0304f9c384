package org.apache.flink.agents.api.trace;

import java.io.Serializable;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.EventAccess;

/**
 * Where in the trace something happens: a run, or an execution inside of one. Immutable. Ids are
 * random UUID texts.
 */
public final class ExecutionTraceContext implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String inputRunId;
    private final String businessKey;
    private final String agentName;
    private final String executionId;
    private final String parentExecutionId;
    private final String entityType;
    private final String entityName;
    private final Map<String, Object> entityMetadata;

    private ExecutionTraceContext(
            String inputRunId,
            String businessKey,
            String agentName,
            String executionId,
            String parentExecutionId,
            String entityType,
            String entityName,
            Map<String, Object> entityMetadata) {
        this.inputRunId = inputRunId;
        this.businessKey = businessKey;
        this.agentName = agentName;
        this.executionId = executionId;
        this.parentExecutionId = parentExecutionId;
        this.entityType = entityType;
        this.entityName = entityName;
        this.entityMetadata =
                entityMetadata == null
                        ? Collections.emptyMap()
                        : Collections.unmodifiableMap(new LinkedHashMap<>(entityMetadata));
    }

    /** Returns the context of a new run, with a new run id. */
    public static ExecutionTraceContext forInputRun(@Nullable String businessKey) {
        return forInputRun(businessKey, null);
    }

    /** Returns the context of a new run of a named agent, with a new run id. */
    public static ExecutionTraceContext forInputRun(
            @Nullable String businessKey, @Nullable String agentName) {
        return new ExecutionTraceContext(
                newId(), businessKey, agentName, null, null, null, null, null);
    }

    /** Returns the context of a new execution in an existing run, with a new execution id. */
    public static ExecutionTraceContext forExecution(
            String inputRunId,
            @Nullable String businessKey,
            @Nullable String agentName,
            String entityType,
            String entityName) {
        return new ExecutionTraceContext(
                inputRunId, businessKey, agentName, newId(), null, entityType, entityName, null);
    }

    /** Returns the context of an action's execution inside {@code parent}, with a new id. */
    public static ExecutionTraceContext forAction(
            ExecutionTraceContext parent, String actionName) {
        return parent.childExecution(ExecutionReporter.EntityTypes.ACTION, actionName);
    }

    /** Returns a context made of ids that exist. */
    public static ExecutionTraceContext fromExistingIds(
            @Nullable String inputRunId,
            @Nullable String businessKey,
            @Nullable String agentName,
            @Nullable String executionId,
            @Nullable String parentExecutionId,
            @Nullable String entityType,
            @Nullable String entityName,
            @Nullable Map<String, Object> entityMetadata) {
        return new ExecutionTraceContext(
                inputRunId,
                businessKey,
                agentName,
                executionId,
                parentExecutionId,
                entityType,
                entityName,
                entityMetadata);
    }

    /** Returns the context of a new execution inside this one. */
    public ExecutionTraceContext childExecution(String entityType, String entityName) {
        return childExecution(entityType, entityName, null);
    }

    /** Returns the context of a new execution inside this one; the metadata is copied. */
    public ExecutionTraceContext childExecution(
            String entityType, String entityName, @Nullable Map<String, Object> entityMetadata) {
        return new ExecutionTraceContext(
                inputRunId,
                businessKey,
                agentName,
                newId(),
                executionId,
                entityType,
                entityName,
                entityMetadata);
    }

    private static String newId() {
        return EventAccess.newId().toString();
    }

    /** Returns the id of the run. */
    @Nullable
    public String getInputRunId() {
        return inputRunId;
    }

    /** Returns the key of the run, as text. */
    @Nullable
    public String getBusinessKey() {
        return businessKey;
    }

    /** Returns the name of the agent. */
    @Nullable
    public String getAgentName() {
        return agentName;
    }

    /** Returns the id of the execution; null for a run. */
    @Nullable
    public String getExecutionId() {
        return executionId;
    }

    /** Returns the id of the execution around this one; null if there is none. */
    @Nullable
    public String getParentExecutionId() {
        return parentExecutionId;
    }

    /** Returns the kind of entity that is executed; null for a run. */
    @Nullable
    public String getEntityType() {
        return entityType;
    }

    /** Returns the name of the entity that is executed; null for a run. */
    @Nullable
    public String getEntityName() {
        return entityName;
    }

    /** Returns what else is known of the execution, never null, unmodifiable. */
    public Map<String, Object> getEntityMetadata() {
        return entityMetadata;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (!(other instanceof ExecutionTraceContext)) {
            return false;
        }
        final ExecutionTraceContext that = (ExecutionTraceContext) other;
        return Objects.equals(inputRunId, that.inputRunId)
                && Objects.equals(businessKey, that.businessKey)
                && Objects.equals(agentName, that.agentName)
                && Objects.equals(executionId, that.executionId)
                && Objects.equals(parentExecutionId, that.parentExecutionId)
                && Objects.equals(entityType, that.entityType)
                && Objects.equals(entityName, that.entityName)
                && entityMetadata.equals(that.entityMetadata);
    }

    @Override
    public int hashCode() {
        return Objects.hash(
                inputRunId,
                businessKey,
                agentName,
                executionId,
                parentExecutionId,
                entityType,
                entityName,
                entityMetadata);
    }
}
