package org.apache.flink.agents.plan.actions;

import java.util.List;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.function.JavaFunction;

/** The actions every plan has, in the order of the plan. */
public enum BuiltInAction {
    CHAT_MODEL(
            "chat_model_action",
            "chat",
            ChatModelAction.class,
            "processChatRequestOrToolResponse",
            List.of(EventType.ChatRequestEvent, EventType.ToolResponseEvent)),
    TOOL_CALL(
            "tool_call_action",
            "tool",
            ToolCallAction.class,
            "processToolRequest",
            List.of(EventType.ToolRequestEvent)),
    CONTEXT_RETRIEVAL(
            "context_retrieval_action",
            "retrieval",
            ContextRetrievalAction.class,
            "processContextRetrievalRequest",
            List.of(EventType.ContextRetrievalRequestEvent));

    private final String actionName;
    /** What the core calls it. */
    private final String kind;
    private final Class<?> owner;
    private final JavaFunction function;
    private final List<String> triggerConditions;

    BuiltInAction(String actionName, String kind, Class<?> owner, String method, List<String> triggers) {
        this.actionName = actionName;
        this.kind = kind;
        this.owner = owner;
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

    /** Returns the one whose method a class has; null if there is none. */
    @Nullable
    public static BuiltInAction of(Class<?> owner) {
        for (final BuiltInAction action : values()) {
            if (action.owner == owner) {
                return action;
            }
        }
        return null;
    }

    /** Returns a run of it, which its host takes from one piece to the next, instead of calling the method. */
    public BuiltInRun run(Event event, RunnerContext context) {
        return new BuiltInRun(kind, event, context);
    }
}
