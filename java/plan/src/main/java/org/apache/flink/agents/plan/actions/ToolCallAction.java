package org.apache.flink.agents.plan.actions;

import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.RunnerContext;

/** The built-in action that calls tools. */
public final class ToolCallAction {
    private ToolCallAction() {}

    /**
     * Calls the tools a model asked for.
     *
     * @throws UnsupportedOperationException always, in this release
     */
    public static void processToolRequest(Event event, RunnerContext context) {
        throw BuiltInAction.notYet(
                event,
                "tool calls",
                "call the tool in an action of your own, and do not send ToolRequestEvent");
    }
}
