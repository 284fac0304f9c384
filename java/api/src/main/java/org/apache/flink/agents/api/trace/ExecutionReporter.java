package org.apache.flink.agents.api.trace;

import java.util.Map;
import javax.annotation.Nullable;

/**
 * Takes note of executions of entities (models, tools and the like) inside an action. Success and
 * failure belong to the start with the same type, name and metadata. User code reports by way of
 * {@link ExecutionReporters}.
 */
public interface ExecutionReporter {

    /** An execution begins. */
    void reportExecutionStarted(
            String entityType, String entityName, @Nullable Map<String, Object> entityMetadata)
            throws Exception;

    /** An execution has succeeded. */
    void reportExecutionSucceeded(
            String entityType, String entityName, @Nullable Map<String, Object> entityMetadata)
            throws Exception;

    /**
     * An execution has failed.
     *
     * @param problemCategory one of {@link ProblemCategories}, or one's own
     */
    void reportExecutionFailed(
            String entityType,
            String entityName,
            @Nullable Map<String, Object> entityMetadata,
            Throwable error,
            @Nullable String problemCategory)
            throws Exception;

    /** The kinds of entities the framework reports. */
    final class EntityTypes {
        public static final String ACTION = "action";
        public static final String LLM = "llm";
        public static final String PARSER = "parser";
        public static final String TOOL = "tool";

        private EntityTypes() {}
    }

    /** The kinds of failures the framework reports. */
    final class ProblemCategories {
        public static final String ACTION_EXECUTION_FAILED = "action_execution_failed";
        public static final String MODEL_CALL_FAILED = "model_call_failed";
        public static final String MODEL_OUTPUT_PARSE_ERROR = "model_output_parse_error";
        public static final String TOOL_CALL_FAILED = "tool_call_failed";

        private ProblemCategories() {}
    }
}
