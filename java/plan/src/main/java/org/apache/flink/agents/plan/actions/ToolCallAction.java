package org.apache.flink.agents.plan.actions;

import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.RunnerContext;

/** The built-in action that calls tools. */
public final class ToolCallAction {
    private ToolCallAction() {}

    /** Calls the tools a model asked for. */
    public static void processToolRequest(Event event, RunnerContext context) throws Exception {
        BuiltInAction.TOOL_CALL.run(event, context).toItsEnd();
    }
}
