package org.apache.flink.agents.runtime.operator;

import org.apache.flink.agents.api.agents.AgentExecutionOptions;
import org.apache.flink.agents.api.agents.ShortTermMemoryTtlUpdate;
import org.apache.flink.agents.api.agents.ShortTermMemoryTtlVisibility;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;
import org.apache.flink.api.common.state.StateTtlConfig;

/** The options the operator itself obeys, read once. */
final class AgentOptions {
    private final long shortTermMemoryTtlMs;
    private final StateTtlConfig.UpdateType ttlUpdateType;
    private final StateTtlConfig.StateVisibility ttlVisibility;

    AgentOptions(final ReadableConfiguration config) {
        final Long ttl = config.get(AgentExecutionOptions.SHORT_TERM_MEMORY_STATE_TTL_MS);
        shortTermMemoryTtlMs = ttl == null ? 0 : ttl;
        ttlUpdateType =
                config.get(AgentExecutionOptions.SHORT_TERM_MEMORY_STATE_TTL_UPDATE_TYPE)
                                == ShortTermMemoryTtlUpdate.ON_CREATE_AND_WRITE
                        ? StateTtlConfig.UpdateType.OnCreateAndWrite
                        : StateTtlConfig.UpdateType.OnReadAndWrite;
        ttlVisibility =
                config.get(AgentExecutionOptions.SHORT_TERM_MEMORY_STATE_TTL_VISIBILITY)
                                == ShortTermMemoryTtlVisibility.RETURN_EXPIRED_IF_NOT_CLEANED_UP
                        ? StateTtlConfig.StateVisibility.ReturnExpiredIfNotCleanedUp
                        : StateTtlConfig.StateVisibility.NeverReturnExpired;
    }

    long shortTermMemoryTtlMs() {
        return shortTermMemoryTtlMs;
    }

    StateTtlConfig.UpdateType ttlUpdateType() {
        return ttlUpdateType;
    }

    StateTtlConfig.StateVisibility ttlVisibility() {
        return ttlVisibility;
    }
}
