package org.apache.flink.agents.api;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The types of the built-in events, as constants for {@code @Action} and, by the same names, as
 * {@code EventType.<name>} in trigger conditions.
 */
public final class EventType {
    public static final String InputEvent = "_input_event";
    public static final String OutputEvent = "_output_event";
    public static final String ChatRequestEvent = "_chat_request_event";
    public static final String ChatResponseEvent = "_chat_response_event";
    public static final String ToolRequestEvent = "_tool_request_event";
    public static final String ToolResponseEvent = "_tool_response_event";
    public static final String ContextRetrievalRequestEvent = "_context_retrieval_request_event";
    public static final String ContextRetrievalResponseEvent = "_context_retrieval_response_event";
    public static final String ShortTermWriteEvent = "_short_term_write_event";
    public static final String ShortTermReadEvent = "_short_term_read_event";
    public static final String SensoryWriteEvent = "_sensory_write_event";
    public static final String SensoryReadEvent = "_sensory_read_event";
    public static final String LongTermUpdateEvent = "_long_term_update_event";
    public static final String LongTermGetEvent = "_long_term_get_event";
    public static final String LongTermSearchEvent = "_long_term_search_event";
    public static final String AgentRunBeginEvent = "_agent_run_begin_event";

    private static final Map<String, String> ALL = all();

    private EventType() {}

    private static Map<String, String> all() {
        final Map<String, String> result = new LinkedHashMap<>();
        result.put("InputEvent", InputEvent);
        result.put("OutputEvent", OutputEvent);
        result.put("ChatRequestEvent", ChatRequestEvent);
        result.put("ChatResponseEvent", ChatResponseEvent);
        result.put("ToolRequestEvent", ToolRequestEvent);
        result.put("ToolResponseEvent", ToolResponseEvent);
        result.put("ContextRetrievalRequestEvent", ContextRetrievalRequestEvent);
        result.put("ContextRetrievalResponseEvent", ContextRetrievalResponseEvent);
        result.put("ShortTermWriteEvent", ShortTermWriteEvent);
        result.put("ShortTermReadEvent", ShortTermReadEvent);
        result.put("SensoryWriteEvent", SensoryWriteEvent);
        result.put("SensoryReadEvent", SensoryReadEvent);
        result.put("LongTermUpdateEvent", LongTermUpdateEvent);
        result.put("LongTermGetEvent", LongTermGetEvent);
        result.put("LongTermSearchEvent", LongTermSearchEvent);
        result.put("AgentRunBeginEvent", AgentRunBeginEvent);
        return Collections.unmodifiableMap(result);
    }

    /** Returns every constant of this class: name to event type, unmodifiable. */
    public static Map<String, String> allConstants() {
        return ALL;
    }
}
