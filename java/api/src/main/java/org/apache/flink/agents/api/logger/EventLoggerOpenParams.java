package org.apache.flink.agents.api.logger;

import org.apache.flink.streaming.api.operators.StreamingRuntimeContext;

/** What an event logger gets to know when it is opened. */
public class EventLoggerOpenParams {
    private final StreamingRuntimeContext runtimeContext;

    /** Creates the parameters. */
    public EventLoggerOpenParams(StreamingRuntimeContext runtimeContext) {
        this.runtimeContext = runtimeContext;
    }

    /** Returns the context of the operator: job, task, subtask, metrics. */
    public StreamingRuntimeContext getRuntimeContext() {
        return runtimeContext;
    }
}
