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

    /** Tells whether a class has the method of one of them. */
    public static boolean isMethodOf(Class<?> owner) {
        return owner == ChatModelAction.class || owner == ToolCallAction.class || owner == ContextRetrievalAction.class;
    }
}
