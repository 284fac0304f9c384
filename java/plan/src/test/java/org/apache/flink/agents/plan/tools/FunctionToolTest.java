package org.apache.flink.agents.plan.tools;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.annotation.Tool;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.tools.ToolType;
import org.junit.jupiter.api.Test;

class FunctionToolTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    static final class Functions {
        @Tool(description = "adds")
        static int add(@ToolParam(name = "a") int a, @ToolParam(name = "b", required = false) Integer b) {
            return b == null ? a : a + b;
        }

        static String all(boolean flag, double number, String text, List<String> list) {
            return flag + "," + number + "," + text + "," + list;
        }

        static String defaulted(@ToolParam(name = "x", defaultValue = "7") String x) {
            return "got " + x;
        }

        static String injected(@ToolParam(name = "tenant", injected = true, required = false) String tenant) {
            return tenant;
        }

        static void failing(@ToolParam(name = "how") String how) throws Exception {
            switch (how) {
                case "message":
                    throw new Exception("no such city");
                case "silent":
                    throw new IllegalStateException();
                case "interrupt":
                    throw new InterruptedException("stopped");
                default:
                    throw new StackOverflowError("deep");
            }
        }
    }

    @Test
    void missingArgumentsAreFailedResponses() throws Exception {
        assertThat(call("add", Map.of("b", 2)).getError()).isEqualTo("Missing required parameter: a");
        assertThat(call("all", Map.of("number", 1)).getError())
                .isEqualTo("Missing parameter: flag (a boolean cannot be absent)");
        assertThat(call("injected", Map.of()).getError())
                .isEqualTo("Missing injected parameter: tenant (from sensory_memory:tenant)");
    }

    @Test
    void unfitArgumentsAreFailedResponses() throws Exception {
        assertThat(call("add", Map.of("a", 3.5)).getError())
                .isEqualTo("Parameter 'a' must be of type int, not 3.5.");
        assertThat(call("all", Map.of("flag", "yes", "number", 1)).getError())
                .isEqualTo("Parameter 'flag' must be of type boolean, not yes.");
        assertThat(call("all", Map.of("flag", true, "number", 1, "text", "x", "list", Map.of())).getError())
                .startsWith("Parameter 'list' must be of type List, not {}: Cannot deserialize");
    }

    @Test
    void exceptionsAreFailedResponsesButErrorsAreNot() throws Exception {
        final ToolResponse message = call("failing", Map.of("how", "message"));
        assertThat(message.isError()).isTrue();
        assertThat(message.getError()).isEqualTo("no such city");
        assertThat(message.getToolName()).isEqualTo("failing");
        assertThat(call("failing", Map.of("how", "silent")).getError())
                .isEqualTo(IllegalStateException.class.getName());
        assertThatThrownBy(() -> call("failing", Map.of("how", "error")))
                .isInstanceOf(StackOverflowError.class);
    }

    @Test
    void anInterruptedToolLeavesTheThreadInterrupted() throws Exception {
        final ToolResponse response = call("failing", Map.of("how", "interrupt"));
        assertThat(Thread.interrupted()).isTrue();
        assertThat(response.getError()).isEqualTo("stopped");
    }

    @Test
    void aPythonFunctionIsNotCalledFromJava() {
        final FunctionTool tool =
                FunctionTool.compile(
                        "py",
                        new org.apache.flink.agents.api.tools.FunctionTool(
                                new PythonFunction("m", "f")));
        assertThat(tool.getToolType()).isEqualTo(ToolType.REMOTE_FUNCTION);
        assertThatThrownBy(tool::open)
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("Tool 'py' is the Python function m:f");
    }

    @Test
    void malformedJsonIsRefused() {
        assertThatThrownBy(() -> MAPPER.readValue("{\"function\":{}}", FunctionTool.class))
                .hasMessageContaining("metadata");
        final String head = "{\"metadata\":{\"name\":\"t\"},\"function\":";
        assertThatThrownBy(() -> MAPPER.readValue(head + "{}}", FunctionTool.class))
                .hasMessageContaining("func_type");
        assertThatThrownBy(
                        () ->
                                MAPPER.readValue(
                                        head + "{\"func_type\":\"JavaFunction\",\"qualname\":1}}",
                                        FunctionTool.class))
                .hasMessageContaining("lacks the text 'qualname'");
    }

    @Test
    void argumentsAreConvertedAndOptionalOnesMayBeAbsent() throws Exception {
        assertThat(call("add", Map.of("a", "3", "b", 4)).getResult()).isEqualTo(7);
        assertThat(call("add", Map.of("a", 3.0, "b", "4.0")).getResult()).isEqualTo(7);
        final Map<String, Object> withNull = new HashMap<>(Map.of("a", 3));
        withNull.put("b", null);
        assertThat(call("add", withNull).getResult(Integer.class)).isEqualTo(3);
        assertThat(
                        call("all", Map.of("flag", "true", "number", 2, "text", 5, "list", List.of("x")))
                                .getResult())
                .isEqualTo("true,2.0,5,[x]");
        assertThat(call("defaulted", Map.of()).getResult()).isEqualTo("got null");
        assertThat(call("injected", Map.of("tenant", "t1")).getResult()).isEqualTo("t1");
    }

    @Test
    void aToolTravelsAsJson() throws Exception {
        final String json = MAPPER.writeValueAsString(tool("injected"));
        assertThat(json)
                .startsWith("{\"metadata\":{\"name\":\"injected\"")
                .contains("\"injected_args\":{\"tenant\":{\"source\":\"sensory_memory\",\"key\":\"tenant\"}}")
                .doesNotContain("resourceContext");
        final FunctionTool back = MAPPER.readValue(json, FunctionTool.class);
        assertThat(MAPPER.writeValueAsString(back)).isEqualTo(json);
        assertThat(back.getFunction()).isEqualTo(tool("injected").getFunction());
        assertThat(MAPPER.writeValueAsString(tool("add"))).doesNotContain("injected_args");
    }

    private static ToolResponse call(String method, Map<String, Object> arguments) throws Exception {
        final FunctionTool tool =
                MAPPER.readValue(MAPPER.writeValueAsString(tool(method)), FunctionTool.class);
        tool.open();
        return tool.call(new ToolParameters(arguments));
    }

    private static FunctionTool tool(String name) {
        final Method method =
                Arrays.stream(Functions.class.getDeclaredMethods())
                        .filter(candidate -> candidate.getName().equals(name))
                        .findFirst()
                        .orElseThrow();
        return FunctionTool.compile(
                name, org.apache.flink.agents.api.tools.FunctionTool.fromMethod(method));
    }
}
