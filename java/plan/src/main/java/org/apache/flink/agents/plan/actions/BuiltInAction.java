package org.apache.flink.agents.plan.actions;

import java.util.List;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.function.JavaFunction;

/** The actions every plan has, in the order of the plan. */
public enum BuiltInAction {
    CHAT_MODEL(
            "chat_model_action",
            ChatModelAction.class,
            "processChatRequestOrToolResponse",
            List.of(EventType.ChatRequestEvent, EventType.ToolResponseEvent)),
    TOOL_CALL(
            "tool_call_action",
            ToolCallAction.class,
            "processToolRequest",
            List.of(EventType.ToolRequestEvent)),
    CONTEXT_RETRIEVAL(
            "context_retrieval_action",
            ContextRetrievalAction.class,
            "processContextRetrievalRequest",
            List.of(EventType.ContextRetrievalRequestEvent));

    private final String actionName;
    private final JavaFunction function;
    private final List<String> triggerConditions;

    BuiltInAction(String actionName, Class<?> owner, String method, List<String> triggers) {
        this.actionName = actionName;
        // The core recognises these actions by this descriptor.
        this.function =
                new JavaFunction(
                        owner.getName(),
                        method,
                        List.of(Event.class.getName(), RunnerContext.class.getName()));
        this.triggerConditions = triggers;
    }

    /** Returns the name of the action in every plan. */
    public String getActionName() {
        return actionName;
    }

    /** Returns the method that runs. */
    public JavaFunction getFunction() {
        return function;
    }

    /** Returns the event types it listens to. */
    public List<String> getTriggerConditions() {
        return triggerConditions;
    }

    /** Says that this release cannot yet do what an event asks for. */
    static UnsupportedOperationException notYet(Event event, String what, String instead) {
        return new UnsupportedOperationException(
                "Event "
                        + event.getId()
                        + " of type '"
                        + event.getType()
                        + "' asks for "
                        + what
                        + ", which this release of flink-agents-rs cannot do yet; a later release"
                        + " will. Until then "
                        + instead
                        + ".");
    }
}
