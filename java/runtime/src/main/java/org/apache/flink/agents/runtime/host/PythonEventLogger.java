package org.apache.flink.agents.runtime.host;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventContext;
import org.apache.flink.agents.api.logger.EventLogger;
import org.apache.flink.agents.api.logger.EventLoggerOpenParams;
import org.apache.flink.agents.api.trace.ExecutionTraceContext;

/** The user's own event logger in a Python worker: hands over what it gets. The worker opens, flushes and closes the real one. */
final class PythonEventLogger implements EventLogger {
    private PythonHost host;

    /** Says where it is. */
    void attach(final PythonHost worker) {
        host = worker;
    }

    @Override
    public void open(final EventLoggerOpenParams params) {
        // The worker does so when it starts.
    }

    @Override
    public void append(final EventContext context, final Event event) {
        host.log(event, null);
    }

    @Override
    public void append(final EventContext context, final Event event, final ExecutionTraceContext trace) {
        final Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("inputRunId", trace.getInputRunId());
        fields.put("businessKey", trace.getBusinessKey());
        fields.put("agentName", trace.getAgentName());
        fields.put("executionId", trace.getExecutionId());
        fields.put("parentExecutionId", trace.getParentExecutionId());
        fields.put("entityType", trace.getEntityType());
        fields.put("entityName", trace.getEntityName());
        fields.put("entityMetadata", trace.getEntityMetadata());
        host.log(event, fields);
    }

    @Override
    public void flush() {
        // The worker does so whenever it has nothing else to do.
    }

    @Override
    public void close() {
        // The worker does so when it ends.
    }
}
