package org.apache.flink.agents.plan.tools;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResourceException;
import org.apache.flink.agents.api.tools.ToolMetadata;
import org.apache.flink.agents.api.tools.ToolParameterInjection;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.tools.ToolType;
import org.apache.flink.agents.plan.PythonAnswers;
import org.junit.jupiter.api.Test;

class PythonToolTest {
    private final List<Object> asked = new ArrayList<>();

    private final ResourceContext context =
            PythonAnswers.context(
                    (type, name, method, arguments) -> {
                        asked.add(Arrays.asList(type, name, method, arguments));
                        return method.equals("metadata")
                                ? Map.of("name", "f", "description", "Adds.", "input_schema", "{\"type\":\"object\"}")
                                : 5L;
                    });

    private static FunctionTool declared(Map<String, ToolParameterInjection> injected) {
        return FunctionTool.compile(
                "add", new org.apache.flink.agents.api.tools.FunctionTool(new PythonFunction("my.tools", "f"), injected));
    }

    @Test
    void aFunctionOfPythonIsAskedForItsMetadataOnce() {
        final PythonTool tool = declared(Map.of()).inPython("add", context);
        assertThat(tool.getToolType()).isEqualTo(ToolType.REMOTE_FUNCTION);
        assertThat(asked).isEmpty();
        // Models call it by the name that it is looked up by.
        assertThat(tool.getMetadata()).isEqualTo(new ToolMetadata("add", "Adds.", "{\"type\":\"object\"}"));
        assertThat(tool.getName()).isEqualTo("add");
        assertThat(tool.getDescription()).isEqualTo("Adds.");
        assertThat(asked).containsExactly(List.of(ResourceType.TOOL, "add", "metadata", Map.of()));
    }

    @Test
    void metadataOfThePlanAreNotAskedFor() {
        final ToolMetadata metadata = new ToolMetadata("mul", "Multiplies.", "{}");
        final PythonTool tool = new PythonTool("mul", metadata, Map.of(), "m:f", context);
        assertThat(tool.getMetadata()).isSameAs(metadata);
        assertThat(asked).isEmpty();
    }

    @Test
    void aCallSendsItsArgumentsAndGivesTheResult() {
        final PythonTool tool = declared(Map.of()).inPython("add", context);
        final ToolResponse response = tool.call(new ToolParameters(Map.of("a", 2, "list", List.of(0.5f))));
        assertThat(response.getResult()).isEqualTo(5L);
        assertThat(response.getToolName()).isEqualTo("add");
        assertThat(asked)
                .containsExactly(
                        List.of(ResourceType.TOOL, "add", "call", Map.of("arguments", Map.of("a", 2, "list", List.of(0.5)))));
    }

    @Test
    void whatItThrowsIsAFailedResponse() {
        assertThat(failing(new PythonResourceException("ValueError", "no such city", "…")).getError()).isEqualTo("no such city");
        assertThat(failing(new PythonResourceException("KeyError", null, null)).getError()).isEqualTo("KeyError");
        assertThat(failing(new PythonResourceException("KeyError", "", null)).isError()).isTrue();
        assertThatThrownBy(() -> failing(new IOException("the worker has gone")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("Resource 'add' of type tool (my.tools:f in Python) cannot be asked: the worker has gone");
    }

    private static ToolResponse failing(Exception why) {
        final ResourceContext failing =
                PythonAnswers.context(
                        (type, name, method, arguments) -> {
                            throw why;
                        });
        return declared(Map.of()).inPython("add", failing).call(new ToolParameters());
    }

    @Test
    void injectedParametersAreKnownWithTheirKeys() {
        final FunctionTool tool = declared(Map.of("tenant", ToolParameterInjection.fromConfig("")));
        assertThat(tool.inPython("add", context).getInjectedArgs())
                .isEqualTo(Map.of("tenant", ToolParameterInjection.fromConfig("tenant")));
        assertThat(
                        new PythonTool(
                                        "t",
                                        null,
                                        Map.of("user", ToolParameterInjection.fromSensoryMemory(null)),
                                        "m:f",
                                        context)
                                .getInjectedArgs())
                .isEqualTo(Map.of("user", ToolParameterInjection.fromSensoryMemory("user")));
    }
}
