package org.apache.flink.agents.api.logger;

import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventContext;
import org.apache.flink.agents.api.trace.ExecutionTraceContext;

/** Writes events somewhere. Used by one thread; failures are logged and counted, not fatal. */
// Implementations close with whatever exception they like, as AutoCloseable has it.
@SuppressWarnings("try")
public interface EventLogger extends AutoCloseable {

    /** Called once before the first event; a failure fails the task. */
    void open(EventLoggerOpenParams params) throws Exception;

    /** Writes an event. */
    void append(EventContext context, Event event) throws Exception;

    /**
     * Writes an event that belongs to an execution.
     *
     * @param traceContext the execution; by default it is left out
     */
    default void append(EventContext context, Event event, ExecutionTraceContext traceContext)
            throws Exception {
        append(context, event);
    }

    /** Makes sure that what was written can be read. */
    void flush() throws Exception;

    /** Called once after the last event. */
    @Override
    void close() throws Exception;
}
