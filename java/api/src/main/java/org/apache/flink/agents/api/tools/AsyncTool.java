package org.apache.flink.agents.api.tools;

import java.util.concurrent.CompletionStage;

/**
 * A {@link Tool} whose calls need no thread while they are under way, such as one of a server. An addition to the reference's API.
 */
public interface AsyncTool {

    /**
     * Begins a call and returns at once; called on the thread of an action, which must not be held up here. A call that nobody waits
     * for any more is cancelled by the stage's {@code toCompletableFuture()}.
     *
     * @return what brings the response; not null
     */
    CompletionStage<ToolResponse> callAsync(ToolParameters parameters);
}
