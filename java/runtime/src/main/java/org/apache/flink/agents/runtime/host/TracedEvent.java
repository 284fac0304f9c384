package org.apache.flink.agents.runtime.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.trace.ExecutionTraceContext;
import org.apache.flink.agents.core.CoreEventLog;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.ValueReader;

/** An event, or a record of an execution, with its place in the execution trace, as the user's own event loggers get it. */
final class TracedEvent {
    private final Event event;
    private final ExecutionTraceContext context;

    TracedEvent(final Event event, @Nullable final ExecutionTraceContext context) {
        this.event = event;
        this.context = context;
    }

    Event event() {
        return event;
    }

    /** Null without a trace. */
    @Nullable
    ExecutionTraceContext context() {
        return context;
    }

    /**
     * What the core knows since the last time.
     *
     * @param event the one that is processed now, which comes last; null if there is none
     */
    @SuppressWarnings("unchecked")
    static List<TracedEvent> taken(final CoreEventLog log, @Nullable final Event event) {
        final byte[] entries = log.takeEntries();
        final ValueReader reader = new ValueReader(ForeignValues.REFUSE);
        reader.reset(entries, 0, entries.length);
        final List<TracedEvent> traced = new ArrayList<>();
        for (final Map<String, Object> entry : (List<Map<String, Object>>) reader.readValue()) {
            final String upstream = (String) entry.get("upstreamEventId");
            final Event shown =
                    entry.containsKey("attributes")
                            ? new Event(
                                    UUID.fromString((String) entry.get("eventId")),
                                    (String) entry.get("eventType"),
                                    (Map<String, Object>) entry.get("attributes"),
                                    upstream == null ? null : UUID.fromString(upstream),
                                    null)
                            : event;
            traced.add(new TracedEvent(shown, contextOf(entry)));
        }
        return traced;
    }

    @SuppressWarnings("unchecked")
    private static ExecutionTraceContext contextOf(final Map<String, Object> entry) {
        return ExecutionTraceContext.fromExistingIds(
                (String) entry.get("inputRunId"),
                (String) entry.get("businessKey"),
                (String) entry.get("agentName"),
                (String) entry.get("executionId"),
                (String) entry.get("parentExecutionId"),
                (String) entry.get("entityType"),
                (String) entry.get("entityName"),
                (Map<String, Object>) entry.get("entityMetadata"));
    }
}
