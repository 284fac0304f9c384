package org.apache.flink.agents.api.tools;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.Objects;
import javax.annotation.Nullable;

/** What came of a tool call: a result or an error. Immutable. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonPropertyOrder({"result", "success", "error", "execution_time_ms", "tool_name"})
public class ToolResponse {
    private final Object result;
    private final boolean success;
    private final String error;
    private final long executionTimeMs;
    private final String toolName;

    @JsonCreator
    private ToolResponse(
            @JsonProperty("result") Object result,
            @JsonProperty("success") boolean success,
            @JsonProperty("error") String error,
            @JsonProperty("execution_time_ms") long executionTimeMs,
            @JsonProperty("tool_name") String toolName) {
        this.result = result;
        this.success = success;
        this.error = error;
        this.executionTimeMs = executionTimeMs;
        this.toolName = toolName;
    }

    /** The call succeeded. */
    public static ToolResponse success(@Nullable Object result) {
        return success(result, 0L, null);
    }

    /** The call succeeded and took so many milliseconds. */
    public static ToolResponse success(@Nullable Object result, long executionTimeMs) {
        return success(result, executionTimeMs, null);
    }

    /** The call of a named tool succeeded and took so many milliseconds. */
    public static ToolResponse success(
            @Nullable Object result, long executionTimeMs, @Nullable String toolName) {
        return new ToolResponse(result, true, null, executionTimeMs, toolName);
    }

    /** The call failed. */
    public static ToolResponse error(String error) {
        return error(error, 0L, null);
    }

    /** The call failed after so many milliseconds. */
    public static ToolResponse error(String error, long executionTimeMs) {
        return error(error, executionTimeMs, null);
    }

    /** The call of a named tool failed after so many milliseconds. */
    public static ToolResponse error(
            String error, long executionTimeMs, @Nullable String toolName) {
        return new ToolResponse(null, false, error, executionTimeMs, toolName);
    }

    /** The call failed; the error is the message of the exception, or its class without one. */
    public static ToolResponse error(Throwable error) {
        return error(error, 0L);
    }

    /** The call failed after so many milliseconds. */
    public static ToolResponse error(Throwable error, long executionTimeMs) {
        final String message = error.getMessage();
        return error(message == null ? error.getClass().getName() : message, executionTimeMs);
    }

    /** Returns the result; null if there is none or the call failed. */
    @Nullable
    @JsonProperty("result")
    public Object getResult() {
        return result;
    }

    /**
     * Returns the result as a type; null if there is none or the call failed.
     *
     * @throws ClassCastException if the result is of another class
     */
    @Nullable
    public <T> T getResult(Class<T> type) {
        return type.cast(result);
    }

    /** Tells whether the call succeeded. */
    @JsonProperty("success")
    public boolean isSuccess() {
        return success;
    }

    /** Tells whether the call failed. */
    @JsonIgnore
    public boolean isError() {
        return !success;
    }

    /** Returns the error; null if the call succeeded. */
    @Nullable
    @JsonProperty("error")
    public String getError() {
        return error;
    }

    /** Returns how long the call took in milliseconds; 0 if it was not measured. */
    @JsonProperty("execution_time_ms")
    public long getExecutionTimeMs() {
        return executionTimeMs;
    }

    /** Returns the name of the tool; null if it was not given. */
    @Nullable
    @JsonProperty("tool_name")
    public String getToolName() {
        return toolName;
    }

    /** Returns the text for the model: the result's, or the error if the call failed. */
    @JsonIgnore
    public String getResultAsString() {
        return success ? String.valueOf(result) : error;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (other == null || getClass() != other.getClass()) {
            return false;
        }
        final ToolResponse that = (ToolResponse) other;
        return success == that.success
                && executionTimeMs == that.executionTimeMs
                && Objects.equals(result, that.result)
                && Objects.equals(error, that.error)
                && Objects.equals(toolName, that.toolName);
    }

    @Override
    public int hashCode() {
        return Objects.hash(result, success, error, executionTimeMs, toolName);
    }

    @Override
    public String toString() {
        return success
                ? "ToolResponse{result=" + result + ", toolName=" + toolName + '}'
                : "ToolResponse{error='" + error + "', toolName=" + toolName + '}';
    }
}
