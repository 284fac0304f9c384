package org.apache.flink.agents.plan.actions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.chat.model.python.PythonChatModelSetup;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.python.PythonResourceException;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolParameterInjection;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.plan.PythonAnswers;
import org.apache.flink.agents.plan.tools.PythonTool;
import org.junit.jupiter.api.Test;

/** Resources of Python as built-in actions use them. */
class PythonInActionsTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final List<Map<String, Object>> asked = new ArrayList<>();

    private static JsonNode json(String text) throws Exception {
        return MAPPER.readTree(text.replace('\'', '"'));
    }

    private static RunnerContext actionsContext(Tool tool) {
        final AgentConfiguration config = new AgentConfiguration(Map.of("tenant", "t1"));
        return (RunnerContext)
                Proxy.newProxyInstance(
                        RunnerContext.class.getClassLoader(),
                        new Class<?>[] {RunnerContext.class},
                        (proxy, method, arguments) -> {
                            switch (method.getName()) {
                                case "getResource":
                                    return tool;
                                case "getConfig":
                                    return config;
                                default:
                                    throw new AssertionError(method);
                            }
                        });
    }

    private Map<String, ToolResponse> call(ResourceContext python) throws Exception {
        final Tool tool = new PythonTool("find", null, Map.of("tenant", ToolParameterInjection.fromConfig(null)), "m:find", python);
        final RunnerContext context = actionsContext(tool);
        final JsonNode command = json("{'calls':[{'id':'1','name':'find','arguments':{'city':'Oslo','tenant':'guessed'}}]}");
        final ToolCalls calls = ToolCalls.prepare(context, new InputEvent("x"), command);
        final Map<String, ToolResponse> responses = new LinkedHashMap<>();
        calls.results(List.of(CompletableFuture.completedFuture(calls.prepared().get(0).call())), responses);
        return responses;
    }

    @Test
    void injectedArgumentsAreFilledInHereAndSent() throws Exception {
        final ResourceContext python =
                PythonAnswers.context(
                        (type, name, method, arguments) -> {
                            asked.add(arguments);
                            return "sunny";
                        });
        assertThat(call(python).get("1").getResult()).isEqualTo("sunny");
        assertThat(asked).containsExactly(Map.of("arguments", Map.of("city", "Oslo", "tenant", "t1")));
    }

    @Test
    void theModelIsToldWhyAToolFailed() throws Exception {
        final ResourceContext python =
                PythonAnswers.context(
                        (type, name, method, arguments) -> {
                            throw new PythonResourceException("LookupError", "no such city", null);
                        });
        final ToolResponse response = call(python).get("1");
        assertThat(response.isError()).isTrue();
        assertThat(response.getError()).isEqualTo("no such city");
    }

    private static ChatCall chat(ResourceContext python) throws Exception {
        final PythonChatModelSetup setup =
                new PythonChatModelSetup(new ResourceDescriptor("x", Map.of("pythonClazz", "pkg.Model")), python);
        setup.open();
        return ChatCall.of(
                setup,
                json(
                        "{'model':'it','messages':[{'role':'user','content':'hi'}],'prompt_args':{'n':1},"
                                + "'output_schema':'java.lang.String'}"),
                null);
    }

    @Test
    void aChatIsOneCallThatWaits() throws Exception {
        final ChatCall call =
                chat(
                        PythonAnswers.context(
                                (type, name, method, arguments) -> {
                                    asked.add(arguments);
                                    return Map.of("role", "assistant", "content", "hello", "extra_args", Map.of("promptTokens", 3L));
                                }));
        assertThat(call.call())
                .isEqualTo(
                        Map.of("role", "assistant", "content", "hello", "tool_calls", List.of(), "extra_args", Map.of("promptTokens", 3L)));
        assertThat(asked)
                .containsExactly(
                        Map.of(
                                "messages", List.of(Map.of("role", "user", "content", "hi", "tool_calls", List.of(), "extra_args", Map.of())),
                                "prompt_args", Map.of("n", "1"),
                                "parameters", Map.of()));
    }

    @Test
    void aChatThatFailsSaysWhatFailedAndWhy() throws Exception {
        final ChatCall call =
                chat(
                        PythonAnswers.context(
                                (type, name, method, arguments) -> {
                                    throw new PythonResourceException("openai.RateLimitError", "slow down", null);
                                }));
        assertThatThrownBy(call::call)
                .isInstanceOf(PythonResourceException.class)
                .hasMessage("Resource 'it' of type chat_model (pkg.Model in Python) failed: openai.RateLimitError: slow down");
    }
}
