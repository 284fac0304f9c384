package org.apache.flink.agents.plan.actions;

import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.RunnerContext;

/** The built-in action that queries vector stores. */
public final class ContextRetrievalAction {
    private ContextRetrievalAction() {}

    /**
     * Finds the documents nearest to a text.
     *
     * @throws UnsupportedOperationException always, in this release
     */
    public static void processContextRetrievalRequest(Event event, RunnerContext context) {
        throw BuiltInAction.notYet(
                event,
                "a query of a vector store",
                "query the store in an action of your own, and do not send"
                        + " ContextRetrievalRequestEvent");
    }
}
