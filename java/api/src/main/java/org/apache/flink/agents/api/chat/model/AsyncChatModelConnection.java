package org.apache.flink.agents.api.chat.model;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.tools.Tool;

/**
 * A {@link BaseChatModelConnection} whose calls need no thread while they are under way: thousands of chats can be in flight.
 * Those that come with the framework are of this kind. An addition to the reference's API.
 */
public interface AsyncChatModelConnection {

    /**
     * Asks a model and returns at once; called on the thread of an action, which must not be held up here. A chat that nobody
     * waits for any more is cancelled by the stage's {@code toCompletableFuture()}.
     *
     * @param messages what is said to it
     * @param tools what it may call
     * @param modelParams arguments of the model, such as {@code model} and {@code temperature}
     * @param outputSchema a class or {@code OutputSchema} that the service itself makes the answer fit; null means a text
     * @return what brings its answer; not null
     * @throws UnsupportedOperationException if there is a schema and the connection has no means of its own for it
     */
    CompletionStage<ChatMessage> chatAsync(
            List<ChatMessage> messages,
            List<Tool> tools,
            Map<String, Object> modelParams,
            @Nullable Object outputSchema);
}
