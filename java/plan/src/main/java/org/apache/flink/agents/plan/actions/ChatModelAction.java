package org.apache.flink.agents.plan.actions;

import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.RunnerContext;

/** The built-in action that calls chat models. */
public final class ChatModelAction {
    private ChatModelAction() {}

    /** Answers a chat request, or goes on with it after tools were called. */
    public static void processChatRequestOrToolResponse(Event event, RunnerContext context) throws Exception {
        BuiltInAction.CHAT_MODEL.run(event, context).toItsEnd();
    }
}
