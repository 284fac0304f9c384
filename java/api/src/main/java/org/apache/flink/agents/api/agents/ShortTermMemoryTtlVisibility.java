package org.apache.flink.agents.api.agents;

/** Whether expired short-term memory can still be seen. */
public enum ShortTermMemoryTtlVisibility {
    /** Never. */
    NEVER_RETURN_EXPIRED,
    /** As long as it has not been removed. */
    RETURN_EXPIRED_IF_NOT_CLEANED_UP
}
