package org.apache.flink.agents.plan.actions;

import java.util.Map;
import javax.annotation.Nullable;

/** A context whose reports may have details that live spans show, and the event log does not. */
public interface SpanDetails {
    /** Whether live spans are sent, so that details are of use. */
    boolean sendsSpans();

    /**
     * Goes with the reports that follow.
     *
     * @param besides {@code replayed} (Boolean), {@code provider} (String), {@code inputTokens} and {@code outputTokens} (whole
     *     numbers), as far as they are known; null for nothing any more
     */
    void details(@Nullable Map<String, Object> besides);
}
