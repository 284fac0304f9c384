package org.apache.flink.agents.api.chat.messages;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import javax.annotation.Nullable;

/**
 * A message of a chat. Its JSON form is {@code {"role", "content", "tool_calls", "extra_args"}}.
 *
 * <p>A tool call is a map {@code {"id", "type": "function", "function": {"name", "arguments": {…}}}}.
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonPropertyOrder({"role", "content", "tool_calls", "extra_args"})
public class ChatMessage implements Serializable {
    private static final long serialVersionUID = 1L;

    private MessageRole role;
    private String content;
    private List<Map<String, Object>> toolCalls;
    private Map<String, Object> extraArgs;

    /** Creates an empty SYSTEM message. */
    public ChatMessage() {
        this(MessageRole.SYSTEM, "", null, null);
    }

    /** Creates a message without tool calls and extra arguments. */
    public ChatMessage(MessageRole role, @Nullable String content) {
        this(role, content, null, null);
    }

    /** Creates a message with extra arguments, which are copied. */
    public ChatMessage(
            MessageRole role, @Nullable String content, @Nullable Map<String, Object> extraArgs) {
        this(role, content, null, extraArgs);
    }

    /** Creates a message with tool calls, which are copied. */
    public ChatMessage(
            MessageRole role,
            @Nullable String content,
            @Nullable List<Map<String, Object>> toolCalls) {
        this(role, content, toolCalls, null);
    }

    /**
     * Creates a message.
     *
     * @param role who says it
     * @param content the text; null counts as empty
     * @param toolCalls copied; null means none
     * @param extraArgs what else belongs to the message, such as token counts; copied; null means
     *     nothing
     */
    public ChatMessage(
            MessageRole role,
            @Nullable String content,
            @Nullable List<Map<String, Object>> toolCalls,
            @Nullable Map<String, Object> extraArgs) {
        this.role = role;
        this.content = content == null ? "" : content;
        this.toolCalls = toolCalls == null ? new ArrayList<>() : new ArrayList<>(toolCalls);
        this.extraArgs = extraArgs == null ? new LinkedHashMap<>() : new LinkedHashMap<>(extraArgs);
    }

    /** Returns who says it. */
    @JsonProperty("role")
    public MessageRole getRole() {
        return role;
    }

    /** Sets who says it. */
    @JsonProperty("role")
    public void setRole(MessageRole role) {
        this.role = role;
    }

    /** Returns the text, never null. */
    @JsonProperty("content")
    public String getContent() {
        return content;
    }

    /** Sets the text; null counts as empty. */
    @JsonProperty("content")
    public void setContent(@Nullable String content) {
        this.content = content == null ? "" : content;
    }

    /** Returns the tool calls, never null: the live list. */
    @JsonProperty("tool_calls")
    public List<Map<String, Object>> getToolCalls() {
        return toolCalls;
    }

    /** Sets the tool calls; null means none. */
    @JsonProperty("tool_calls")
    public void setToolCalls(@Nullable List<Map<String, Object>> toolCalls) {
        this.toolCalls = toolCalls == null ? new ArrayList<>() : toolCalls;
    }

    /** Returns what else belongs to the message, never null: the live map. */
    @JsonProperty("extra_args")
    public Map<String, Object> getExtraArgs() {
        return extraArgs;
    }

    /** Sets what else belongs to the message; null means nothing. */
    @JsonProperty("extra_args")
    public void setExtraArgs(@Nullable Map<String, Object> extraArgs) {
        this.extraArgs = extraArgs == null ? new LinkedHashMap<>() : extraArgs;
    }

    /** Returns the text; the same as {@link #getContent()}. */
    @JsonIgnore
    public String getText() {
        return content;
    }

    /** Returns the extra arguments; the same as {@link #getExtraArgs()}. */
    @JsonIgnore
    public Map<String, Object> getMetadata() {
        return extraArgs;
    }

    /** Returns who says it; the same as {@link #getRole()}. */
    @JsonIgnore
    public MessageRole getMessageType() {
        return role;
    }

    /** Creates a message of the user. */
    public static ChatMessage user(String content) {
        return new ChatMessage(MessageRole.USER, content);
    }

    /** Creates instructions for the model. */
    public static ChatMessage system(String content) {
        return new ChatMessage(MessageRole.SYSTEM, content);
    }

    /** Creates a message of the model. */
    public static ChatMessage assistant(String content) {
        return new ChatMessage(MessageRole.ASSISTANT, content);
    }

    /** Creates a message of the model that calls tools. */
    public static ChatMessage assistant(String content, List<Map<String, Object>> toolCalls) {
        return new ChatMessage(MessageRole.ASSISTANT, content, toolCalls);
    }

    /** Creates the answer of a tool. */
    public static ChatMessage tool(String content) {
        return new ChatMessage(MessageRole.TOOL, content);
    }

    /** Returns the index of the first SYSTEM message, -1 if there is none. */
    public static int findFirstSystemMessage(List<ChatMessage> messages) {
        for (int i = 0; i < messages.size(); i++) {
            if (messages.get(i).getRole() == MessageRole.SYSTEM) {
                return i;
            }
        }
        return -1;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (other == null || getClass() != other.getClass()) {
            return false;
        }
        final ChatMessage that = (ChatMessage) other;
        return role == that.role
                && content.equals(that.content)
                && toolCalls.equals(that.toolCalls)
                && extraArgs.equals(that.extraArgs);
    }

    @Override
    public int hashCode() {
        return Objects.hash(role, content, toolCalls, extraArgs);
    }

    @Override
    public String toString() {
        return role + ": " + content + (toolCalls.isEmpty() ? "" : " " + toolCalls);
    }
}
