package org.apache.flink.agents.api.agents;

/** What starts the time to live of short-term memory again. */
public enum ShortTermMemoryTtlUpdate {
    /** Making and writing. */
    ON_CREATE_AND_WRITE,
    /** Reading, too. */
    ON_READ_AND_WRITE
}
