package org.apache.flink.agents.api.agents;

import org.apache.flink.agents.api.configuration.ConfigOption;

/** Options of how agents are run. */
public class AgentExecutionOptions {
    /** What the chat action does when the model fails. */
    public static final ConfigOption<Agent.ErrorHandlingStrategy> ERROR_HANDLING_STRATEGY =
            new ConfigOption<>("error-handling-strategy", Agent.ErrorHandlingStrategy.class, Agent.ErrorHandlingStrategy.FAIL);

    /** How often the chat action tries again with RETRY, after the first try. */
    public static final ConfigOption<Integer> MAX_RETRIES =
            new ConfigOption<>("max-retries", Integer.class, 3);

    /** Seconds before the first of these retries; each further wait is twice as long. */
    public static final ConfigOption<Integer> RETRY_WAIT_INTERVAL =
            new ConfigOption<>("retry-wait-interval", Integer.class, 1);

    /** How often in a chat the model may ask for tools. An addition to the reference's API. */
    public static final ConfigOption<Integer> CHAT_MAX_TOOL_ROUNDS =
            new ConfigOption<>("chat.max-tool-rounds", Integer.class, 50);

    /** How often a model is shown what is wrong with an answer that does not fit its schema. An addition to the reference's API. */
    public static final ConfigOption<Integer> CHAT_STRUCTURED_OUTPUT_REPAIRS =
            new ConfigOption<>("chat.structured-output-repairs", Integer.class, 1);

    /** Most threads that make calls at the same time, per operator subtask. */
    public static final ConfigOption<Integer> NUM_ASYNC_THREADS =
            new ConfigOption<>("num-async-threads", Integer.class, 1000);

    /** Whether the chat action calls the model on another thread. */
    public static final ConfigOption<Boolean> CHAT_ASYNC =
            new ConfigOption<>("chat.async", Boolean.class, true);

    /** Whether the tool action calls tools on another thread. */
    public static final ConfigOption<Boolean> TOOL_CALL_ASYNC =
            new ConfigOption<>("tool-call.async", Boolean.class, true);

    /** Whether the context retrieval action queries the store on another thread. */
    public static final ConfigOption<Boolean> RAG_ASYNC =
            new ConfigOption<>("rag.async", Boolean.class, true);

    /** Whether a run starts with an AgentRunBeginEvent. */
    public static final ConfigOption<Boolean> AGENT_RUN_BEGIN_EVENT =
            new ConfigOption<>("agent-run.begin-event", Boolean.class, false);

    /** Milliseconds until short-term memory expires; 0 means never. */
    public static final ConfigOption<Long> SHORT_TERM_MEMORY_STATE_TTL_MS =
            new ConfigOption<>("short-term-memory.state-ttl.ms", Long.class, 0L);

    /** What starts that time again. */
    public static final ConfigOption<ShortTermMemoryTtlUpdate> SHORT_TERM_MEMORY_STATE_TTL_UPDATE_TYPE =
            new ConfigOption<>("short-term-memory.state-ttl.update-type", ShortTermMemoryTtlUpdate.class, ShortTermMemoryTtlUpdate.ON_READ_AND_WRITE);

    /** Whether expired values can still be seen. */
    public static final ConfigOption<ShortTermMemoryTtlVisibility> SHORT_TERM_MEMORY_STATE_TTL_VISIBILITY =
            new ConfigOption<>("short-term-memory.state-ttl.visibility", ShortTermMemoryTtlVisibility.class, ShortTermMemoryTtlVisibility.NEVER_RETURN_EXPIRED);

}
