package org.apache.flink.agents.plan.actions;

import java.util.HashMap;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.context.RunnerContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the report of the end of a call says to live spans besides: set before the report, taken back by {@link #over} after it. Nothing
 * is made where there are none.
 */
final class Reports {
    private static final Logger LOG = LoggerFactory.getLogger(Reports.class);

    private Reports() {}

    /** The next report is of a call of a tool. */
    static void ofTool(RunnerContext context, boolean replayed) {
        final SpanDetails spans = spansOf(context);
        if (spans != null && replayed) {
            spans.details(Map.of("replayed", true));
        }
    }

    /**
     * The next report is of a call of a model.
     *
     * @param brought its message, as a map; null if it has failed
     */
    static void ofModel(RunnerContext context, boolean replayed, BaseChatModelSetup setup, @Nullable Object brought) {
        final SpanDetails spans = spansOf(context);
        if (spans == null) {
            return;
        }
        final Map<String, Object> details = new HashMap<>();
        if (replayed) {
            details.put("replayed", true);
        }
        final String provider = providerOf(setup);
        if (provider != null) {
            details.put("provider", provider);
        }
        final Object extra = brought instanceof Map ? ((Map<?, ?>) brought).get("extra_args") : null;
        if (extra instanceof Map) {
            tokens((Map<?, ?>) extra, "promptTokens", "inputTokens", details);
            tokens((Map<?, ?>) extra, "completionTokens", "outputTokens", details);
        }
        spans.details(details);
    }

    /** The report was made. */
    static void over(RunnerContext context) {
        final SpanDetails spans = spansOf(context);
        if (spans != null) {
            spans.details(null);
        }
    }

    @Nullable
    private static String providerOf(BaseChatModelSetup setup) {
        try {
            return setup.getProviderName();
        } catch (RuntimeException e) {
            LOG.warn("The provider of a chat model is not shown in spans.", e);
            return null;
        }
    }

    @Nullable
    private static SpanDetails spansOf(RunnerContext context) {
        return context instanceof SpanDetails && ((SpanDetails) context).sendsSpans() ? (SpanDetails) context : null;
    }

    private static void tokens(Map<?, ?> extra, String from, String to, Map<String, Object> details) {
        final Object count = extra.get(from);
        if (count instanceof Integer || count instanceof Long) {
            details.put(to, ((Number) count).longValue());
        }
    }
}
