package org.apache.flink.agents.plan.actions;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.context.AsyncDurableCallable;
import org.apache.flink.agents.api.context.DurableCallable;

/** One durable call of a chat model. It brings the message as a map, which every journal can keep. */
@SuppressWarnings("rawtypes") // the class of the result has no type arguments
class ChatCall implements DurableCallable<Map> {
    final BaseChatModelSetup setup;
    final List<ChatMessage> messages;
    final Map<String, Object> promptArgs;
    private final JsonNode command;

    private ChatCall(BaseChatModelSetup setup, JsonNode command) {
        this.setup = setup;
        this.command = command;
        messages = PlainJson.messages(command.get("messages"));
        promptArgs = PlainJson.map(command.get("prompt_args"));
    }

    /** A call that needs no thread, where the model can do without. */
    static ChatCall of(BaseChatModelSetup setup, JsonNode command) {
        return setup.isAsync() ? new WithoutThread(setup, command) : new ChatCall(setup, command);
    }

    @Override
    public String getId() {
        return "chat";
    }

    @Override
    public Class<Map> getResultClass() {
        return Map.class;
    }

    @Override
    public Object arguments() {
        return List.of(
                command.get("model").textValue(), command.get("messages").toString(), command.get("prompt_args").toString());
    }

    @Override
    public Duration delay() {
        return Duration.ofMillis(command.get("delay_ms").longValue());
    }

    @Override
    public Map call() throws Exception {
        return plain(setup.chat(messages, promptArgs, Map.of()));
    }

    private static Map plain(ChatMessage message) {
        return (Map) PlainJson.plain(message);
    }

    private static final class WithoutThread extends ChatCall implements AsyncDurableCallable<Map> {
        WithoutThread(BaseChatModelSetup setup, JsonNode command) {
            super(setup, command);
        }

        @Override
        public CompletionStage<Map> callAsync() {
            final CompletableFuture<ChatMessage> asked = setup.chatAsync(messages, promptArgs, Map.of()).toCompletableFuture();
            final CompletableFuture<Map> answer = new CompletableFuture<>() {
                @Override
                public boolean cancel(boolean mayInterrupt) {
                    asked.cancel(mayInterrupt);
                    return super.cancel(mayInterrupt);
                }
            };
            asked.whenComplete((message, thrown) -> {
                if (thrown != null) {
                    answer.completeExceptionally(thrown);
                    return;
                }
                try {
                    answer.complete(plain(message));
                } catch (RuntimeException | Error e) {
                    // Nobody would be told of it here.
                    answer.completeExceptionally(e);
                }
            });
            return answer;
        }

        @Override
        public Map call() throws Exception {
            return AsyncDurableCallable.super.call();
        }
    }
}
