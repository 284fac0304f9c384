package org.apache.flink.agents.api.trace;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;

/**
 * The events that tell begin and end of executions in the event log. They are never routed to
 * actions.
 */
public final class ExecutionLifecycleEvents {
    public static final String EXECUTION_STARTED_EVENT_TYPE = "_execution_started_event";
    public static final String EXECUTION_FINISHED_EVENT_TYPE = "_execution_finished_event";
    public static final String EXECUTION_FAILED_EVENT_TYPE = "_execution_failed_event";
    public static final String EXECUTION_REUSED_EVENT_TYPE = "_execution_reused_event";

    public static final String STATUS_STARTED = "started";
    public static final String STATUS_SUCCESS = "success";
    public static final String STATUS_FAILED = "failed";
    public static final String STATUS_REUSED = "reused";

    /** Attribute with one of the {@code STATUS_} constants. */
    public static final String STATUS_ATTRIBUTE = "status";

    /** Attribute of failures with the kind of failure. */
    public static final String PROBLEM_CATEGORY_ATTRIBUTE = "problemCategory";

    private static final String ERROR_TYPE_ATTRIBUTE = "errorType";
    private static final String ERROR_MESSAGE_ATTRIBUTE = "errorMessage";

    private ExecutionLifecycleEvents() {}

    /** An execution begins. */
    public static Event executionStarted() {
        return event(EXECUTION_STARTED_EVENT_TYPE, STATUS_STARTED);
    }

    /** An execution has succeeded. */
    public static Event executionFinished() {
        return event(EXECUTION_FINISHED_EVENT_TYPE, STATUS_SUCCESS);
    }

    /** An execution was not made, because its recorded result could be used. */
    public static Event executionReused() {
        return event(EXECUTION_REUSED_EVENT_TYPE, STATUS_REUSED);
    }

    /** Tells whether an event type is one of these. */
    public static boolean isExecutionLifecycleEvent(@Nullable String eventType) {
        return EXECUTION_STARTED_EVENT_TYPE.equals(eventType)
                || EXECUTION_FINISHED_EVENT_TYPE.equals(eventType)
                || EXECUTION_FAILED_EVENT_TYPE.equals(eventType)
                || EXECUTION_REUSED_EVENT_TYPE.equals(eventType);
    }

    /** An action has failed; type and message are those of the innermost cause. */
    public static Event executionFailed(Throwable error) {
        return executionFailed(
                error, ExecutionReporter.ProblemCategories.ACTION_EXECUTION_FAILED);
    }

    /** An execution has failed; type and message are those of the innermost cause. */
    public static Event executionFailed(Throwable error, @Nullable String problemCategory) {
        final Throwable root = rootCause(error);
        return executionFailed(root.getClass().getName(), root.getMessage(), problemCategory);
    }

    /** An execution has failed. */
    public static Event executionFailed(
            String errorType, @Nullable String errorMessage, @Nullable String problemCategory) {
        final Event event = event(EXECUTION_FAILED_EVENT_TYPE, STATUS_FAILED);
        if (problemCategory != null) {
            event.setAttr(PROBLEM_CATEGORY_ATTRIBUTE, problemCategory);
        }
        event.setAttr(ERROR_TYPE_ATTRIBUTE, errorType);
        event.setAttr(ERROR_MESSAGE_ATTRIBUTE, errorMessage);
        return event;
    }

    private static Event event(String type, String status) {
        final Event event = new Event(type);
        event.setAttr(STATUS_ATTRIBUTE, status);
        return event;
    }

    private static Throwable rootCause(Throwable error) {
        // Causes may form a circle.
        final Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        Throwable root = error;
        while (seen.add(root) && root.getCause() != null && !seen.contains(root.getCause())) {
            root = root.getCause();
        }
        return root;
    }
}
