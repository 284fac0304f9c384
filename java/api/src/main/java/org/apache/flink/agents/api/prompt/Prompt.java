package org.apache.flink.agents.api.prompt;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.SerializableResource;

/**
 * A text or a list of messages with placeholders {@code {name}}. Placeholders without a value stay
 * as they are; values are not searched for placeholders again.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.CLASS, property = "@class")
public abstract class Prompt extends SerializableResource {
    private static final long serialVersionUID = 1L;

    public Prompt() {}

    /** Creates a prompt of a text. */
    public static Prompt fromText(String text) {
        return new LocalPrompt(text);
    }

    /** Creates a prompt of messages. */
    public static Prompt fromMessages(List<ChatMessage> messages) {
        return new LocalPrompt(messages);
    }

    /**
     * Returns this prompt as one text, placeholders filled in; messages become lines {@code role:
     * content}.
     *
     * @param args placeholder to value; a null value counts as empty
     */
    public abstract String formatString(Map<String, String> args);

    /**
     * Returns this prompt as messages, placeholders filled in.
     *
     * @param defaultRole the role of a prompt that is only a text
     * @param args placeholder to value; a null value counts as empty
     */
    public abstract List<ChatMessage> formatMessages(
            MessageRole defaultRole, Map<String, String> args);

    /**
     * Tells whether this prompt is filled in elsewhere, so that whoever wants it has to wait. An addition to the reference's API.
     */
    @JsonIgnore
    public boolean isRemote() {
        return false;
    }

    @Override
    @JsonIgnore
    public ResourceType getResourceType() {
        return ResourceType.PROMPT;
    }

    /** A prompt that is kept in the plan. */
    @JsonPropertyOrder({"template", "resourceContext"})
    public static class LocalPrompt extends Prompt {
        private static final long serialVersionUID = 1L;
        private static final Pattern PLACEHOLDER = Pattern.compile("\\{([^{}]+)\\}");

        @JsonProperty("template")
        private final PromptTemplate template;

        /** Creates a prompt of a text. */
        public LocalPrompt(String text) {
            this(PromptTemplate.fromString(text));
        }

        /** Creates a prompt of messages, which are copied. */
        public LocalPrompt(List<ChatMessage> messages) {
            this(PromptTemplate.fromMessages(messages));
        }

        @JsonCreator
        private LocalPrompt(@JsonProperty("template") PromptTemplate template) {
            this.template = Objects.requireNonNull(template, "template");
        }

        @Override
        public String formatString(Map<String, String> args) {
            return template.match(
                    text -> format(text, args),
                    messages ->
                            messages.stream()
                                    .map(m -> m.getRole().getValue() + ": " + format(m.getContent(), args))
                                    .collect(Collectors.joining("\n")));
        }

        @Override
        public List<ChatMessage> formatMessages(
                MessageRole defaultRole, Map<String, String> args) {
            return template.match(
                    text -> {
                        final List<ChatMessage> result = new ArrayList<>();
                        result.add(new ChatMessage(defaultRole, format(text, args)));
                        return result;
                    },
                    messages -> {
                        final List<ChatMessage> result = new ArrayList<>();
                        for (final ChatMessage message : messages) {
                            result.add(
                                    new ChatMessage(
                                            message.getRole(),
                                            format(message.getContent(), args),
                                            message.getToolCalls(),
                                            message.getExtraArgs()));
                        }
                        return result;
                    });
        }

        private static String format(String text, @Nullable Map<String, ?> args) {
            if (args == null || args.isEmpty()) {
                return text;
            }
            final Matcher matcher = PLACEHOLDER.matcher(text);
            final StringBuilder result = new StringBuilder();
            while (matcher.find()) {
                final String name = matcher.group(1);
                final String replacement;
                if (args.containsKey(name)) {
                    // Maps that come by way of JSON may hold more than strings.
                    final Object value = args.get(name);
                    replacement = value == null ? "" : value.toString();
                } else {
                    replacement = matcher.group();
                }
                matcher.appendReplacement(result, Matcher.quoteReplacement(replacement));
            }
            return matcher.appendTail(result).toString();
        }

        @Override
        public boolean equals(Object other) {
            return this == other
                    || (other != null
                            && getClass() == other.getClass()
                            && template.equals(((LocalPrompt) other).template));
        }

        @Override
        public int hashCode() {
            return template.hashCode();
        }

        @Override
        public String toString() {
            return "LocalPrompt{" + template + '}';
        }

        /** The content of a prompt: either a text or messages. */
        @JsonTypeInfo(use = JsonTypeInfo.Id.CLASS, property = "@class")
        abstract static class PromptTemplate implements Serializable {
            private static final long serialVersionUID = 1L;

            public static PromptTemplate fromString(String text) {
                return new StringTemplate(text);
            }

            public static PromptTemplate fromMessages(List<ChatMessage> messages) {
                return new MessagesTemplate(messages);
            }

            public abstract <T> T match(
                    Function<String, T> onText, Function<List<ChatMessage>, T> onMessages);
        }

        /** A text. */
        static class StringTemplate extends PromptTemplate {
            private static final long serialVersionUID = 1L;

            private final String content;

            @JsonCreator
            public StringTemplate(@JsonProperty("content") String content) {
                this.content = Objects.requireNonNull(content, "the text of a prompt");
            }

            public String getContent() {
                return content;
            }

            @Override
            public <T> T match(
                    Function<String, T> onText, Function<List<ChatMessage>, T> onMessages) {
                return onText.apply(content);
            }

            @Override
            public String toString() {
                return content;
            }

            @Override
            public boolean equals(Object other) {
                return other instanceof StringTemplate
                        && content.equals(((StringTemplate) other).content);
            }

            @Override
            public int hashCode() {
                return content.hashCode();
            }
        }

        /** Messages. */
        static class MessagesTemplate extends PromptTemplate {
            private static final long serialVersionUID = 1L;

            private final List<ChatMessage> messages;

            @JsonCreator
            public MessagesTemplate(@JsonProperty("messages") List<ChatMessage> messages) {
                if (messages == null || messages.isEmpty()) {
                    throw new IllegalArgumentException(
                            "A prompt of messages needs at least one message.");
                }
                this.messages = Collections.unmodifiableList(new ArrayList<>(messages));
            }

            public List<ChatMessage> getMessages() {
                return messages;
            }

            @Override
            public <T> T match(
                    Function<String, T> onText, Function<List<ChatMessage>, T> onMessages) {
                return onMessages.apply(messages);
            }

            @Override
            public String toString() {
                return messages.toString();
            }

            @Override
            public boolean equals(Object other) {
                return other instanceof MessagesTemplate
                        && messages.equals(((MessagesTemplate) other).messages);
            }

            @Override
            public int hashCode() {
                return messages.hashCode();
            }
        }
    }
}
