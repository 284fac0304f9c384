package org.apache.flink.agents.plan.actions;

import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.RunnerContext;

/** The built-in action that queries vector stores. */
public final class ContextRetrievalAction {
    private ContextRetrievalAction() {}

    /** Finds the documents nearest to a text. */
    public static void processContextRetrievalRequest(Event event, RunnerContext context) throws Exception {
        BuiltInAction.CONTEXT_RETRIEVAL.run(event, context).toItsEnd();
    }
}
