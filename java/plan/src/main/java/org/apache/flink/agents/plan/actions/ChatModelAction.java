package org.apache.flink.agents.plan.actions;

import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.RunnerContext;

/** The built-in action that calls chat models. */
public final class ChatModelAction {
    private ChatModelAction() {}

    /**
     * Answers a chat request, or goes on with it after tools were called.
     *
     * @throws UnsupportedOperationException always, in this release
     */
    public static void processChatRequestOrToolResponse(Event event, RunnerContext context) {
        throw BuiltInAction.notYet(
                event,
                "a chat model",
                "call the model in an action of your own, and do not send ChatRequestEvent or"
                        + " ToolResponseEvent");
    }
}
