package org.apache.flink.agents.api.trace;

import java.util.Collections;
import java.util.Map;
import java.util.concurrent.CancellationException;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.context.RunnerContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports executions of one's own entities to the trace. Reporting never fails: without a trace it
 * does nothing, and what the trace throws is logged, but for the end of the subtask.
 */
public final class ExecutionReporters {
    private static final Logger LOG = LoggerFactory.getLogger(ExecutionReporters.class);

    private ExecutionReporters() {}

    /** An execution begins. */
    public static void started(RunnerContext context, String entityType, String entityName) {
        started(context, entityType, entityName, Collections.emptyMap());
    }

    /** An execution begins; metadata tells it from others of the same name. */
    public static void started(
            RunnerContext context,
            String entityType,
            String entityName,
            @Nullable Map<String, Object> entityMetadata) {
        report(
                context,
                reporter -> reporter.reportExecutionStarted(entityType, entityName, entityMetadata));
    }

    /** An execution has succeeded. */
    public static void succeeded(RunnerContext context, String entityType, String entityName) {
        succeeded(context, entityType, entityName, Collections.emptyMap());
    }

    /** An execution has succeeded; metadata as at its start. */
    public static void succeeded(
            RunnerContext context,
            String entityType,
            String entityName,
            @Nullable Map<String, Object> entityMetadata) {
        report(
                context,
                reporter -> reporter.reportExecutionSucceeded(entityType, entityName, entityMetadata));
    }

    /** An execution has failed. */
    public static void failed(
            RunnerContext context,
            String entityType,
            String entityName,
            Throwable error,
            @Nullable String problemCategory) {
        failed(context, entityType, entityName, Collections.emptyMap(), error, problemCategory);
    }

    /** An execution has failed; metadata as at its start. */
    public static void failed(
            RunnerContext context,
            String entityType,
            String entityName,
            @Nullable Map<String, Object> entityMetadata,
            Throwable error,
            @Nullable String problemCategory) {
        report(
                context,
                reporter ->
                        reporter.reportExecutionFailed(
                                entityType, entityName, entityMetadata, error, problemCategory));
    }

    private static void report(RunnerContext context, ReporterCall call) {
        if (!(context instanceof ExecutionReporter)) {
            return;
        }
        try {
            call.report((ExecutionReporter) context);
        } catch (CancellationException e) {
            // The subtask ends, and so should the action.
            throw e;
        } catch (Exception e) {
            LOG.warn("An execution could not be reported to the trace.", e);
        }
    }

    @FunctionalInterface
    interface ReporterCall {
        void report(ExecutionReporter reporter) throws Exception;
    }
}
