package org.apache.flink.agents.plan.actions;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.chat.model.TextPart;
import org.apache.flink.agents.api.chat.model.TextParts;
import org.apache.flink.agents.api.context.AsyncDurableCallable;
import org.apache.flink.agents.api.context.DurableCallable;

/** One durable call of a chat model. It brings the message as a map, which every journal can keep. */
@SuppressWarnings("rawtypes") // the class of the result has no type arguments
class ChatCall implements DurableCallable<Map>, ReportedCall {
    final BaseChatModelSetup setup;
    final List<ChatMessage> messages;
    final Map<String, Object> promptArgs;
    @Nullable final Object outputSchema;
    /** Hears what the model says meanwhile; null if nobody does. */
    @Nullable final Consumer<TextPart> listener;
    private final JsonNode command;
    private boolean replayed;

    private ChatCall(
            BaseChatModelSetup setup, JsonNode command, @Nullable Object outputSchema, @Nullable Consumer<TextPart> listener) {
        this.setup = setup;
        this.command = command;
        this.outputSchema = outputSchema;
        this.listener = listener;
        messages = PlainJson.messages(command.get("messages"));
        promptArgs = PlainJson.map(command.get("prompt_args"));
    }

    /** A call that needs no thread, where the model can do without. */
    static ChatCall of(BaseChatModelSetup setup, JsonNode command, @Nullable Consumer<TextPart> listener) {
        final Object schema = StructuredOutput.type(command.path("output_schema"));
        return setup.isAsync()
                ? new WithoutThread(setup, command, schema, listener)
                : new ChatCall(setup, command, schema, listener);
    }

    @Override
    public void replayed() {
        replayed = true;
    }

    boolean wasReplayed() {
        return replayed;
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
        return plain(TextParts.listening(listener, () -> setup.chat(messages, promptArgs, Map.of(), outputSchema)));
    }

    private static Map plain(ChatMessage message) {
        return (Map) PlainValues.plain(message);
    }

    private static final class WithoutThread extends ChatCall implements AsyncDurableCallable<Map> {
        WithoutThread(
                BaseChatModelSetup setup,
                JsonNode command,
                @Nullable Object outputSchema,
                @Nullable Consumer<TextPart> listener) {
            super(setup, command, outputSchema, listener);
        }

        @Override
        public CompletionStage<Map> callAsync() throws Exception {
            return Derived.of(
                    TextParts.listening(listener, () -> setup.chatAsync(messages, promptArgs, Map.of(), outputSchema)),
                    ChatCall::plain);
        }

        @Override
        public Map call() throws Exception {
            return AsyncDurableCallable.super.call();
        }
    }
}
