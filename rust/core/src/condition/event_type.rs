//! Names of the built-in event types: the `EventType` of conditions.

/// Constant name and type string of each built-in event type, in the order of the public documentation.
pub const EVENT_TYPES: &[(&str, &str)] = &[
    ("InputEvent", "_input_event"),
    ("OutputEvent", "_output_event"),
    ("ChatRequestEvent", "_chat_request_event"),
    ("ChatResponseEvent", "_chat_response_event"),
    ("ToolRequestEvent", "_tool_request_event"),
    ("ToolResponseEvent", "_tool_response_event"),
    ("ContextRetrievalRequestEvent", "_context_retrieval_request_event"),
    ("ContextRetrievalResponseEvent", "_context_retrieval_response_event"),
    ("ShortTermWriteEvent", "_short_term_write_event"),
    ("ShortTermReadEvent", "_short_term_read_event"),
    ("SensoryWriteEvent", "_sensory_write_event"),
    ("SensoryReadEvent", "_sensory_read_event"),
    ("LongTermUpdateEvent", "_long_term_update_event"),
    ("LongTermGetEvent", "_long_term_get_event"),
    ("LongTermSearchEvent", "_long_term_search_event"),
    ("AgentRunBeginEvent", "_agent_run_begin_event"),
];

/// Type string of the constant `name`.
pub fn event_type(name: &str) -> Option<&'static str> {
    EVENT_TYPES
        .iter()
        .find(|(constant, _)| *constant == name)
        .map(|(_, event_type)| *event_type)
}
