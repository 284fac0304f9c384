package org.apache.flink.agents.plan;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.agents.AgentExecutionOptions;
import org.apache.flink.agents.api.agents.ReActAgent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.ChatModelConnection;
import org.apache.flink.agents.api.annotation.ChatModelSetup;
import org.apache.flink.agents.api.annotation.Skills;
import org.apache.flink.agents.api.annotation.Tool;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.api.common.typeinfo.BasicTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.typeutils.RowTypeInfo;
import org.junit.jupiter.api.Test;

/** The agents of the samples, compiled anew: only the deliberate changes of layout may differ. */
class PlanSamplesTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Path SAMPLES = Path.of("../../e2e-test/conformance/plan-samples/0.3.1");

    public static class SmallAgent extends Agent {
        @org.apache.flink.agents.api.annotation.Prompt
        public static Prompt greetPrompt() {
            return Prompt.fromText("Say hello to {name}");
        }

        @org.apache.flink.agents.api.annotation.Prompt
        public static Prompt chatPrompt() {
            return Prompt.fromMessages(
                    List.of(
                            new ChatMessage(MessageRole.SYSTEM, "You are {role}"),
                            new ChatMessage(MessageRole.USER, "{input}")));
        }

        @Tool(description = "Adds two integers")
        public static int add(
                @ToolParam(name = "a", description = "first") int a,
                @ToolParam(name = "b", required = false) Integer b) {
            return a + b;
        }

        @ChatModelConnection
        public static ResourceDescriptor conn() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.OLLAMA_CONNECTION)
                    .addInitialArgument("endpoint", "http://localhost:11434")
                    .build();
        }

        @ChatModelSetup
        public static ResourceDescriptor model() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.OLLAMA_SETUP)
                    .addInitialArgument("connection", "conn")
                    .addInitialArgument("model", "qwen3:8b")
                    .addInitialArgument("prompt", "chatPrompt")
                    .addInitialArgument("tools", List.of("add"))
                    .build();
        }

        @ChatModelSetup
        public static ResourceDescriptor pythonModel() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.PYTHON_WRAPPER_SETUP)
                    .addInitialArgument(
                            "pythonClazz",
                            "flink_agents.integrations.chat_models.ollama_chat_model.OllamaChatModelSetup")
                    .addInitialArgument("connection", "pyConn")
                    .addInitialArgument("model", "qwen3:8b")
                    .build();
        }

        @Skills
        public static org.apache.flink.agents.api.skills.Skills mySkills() {
            return org.apache.flink.agents.api.skills.Skills.fromLocalDir("/data/skills");
        }

        @Action(listenEventTypes = {InputEvent.EVENT_TYPE, "my.custom.event"})
        public static void onInput(Event event, RunnerContext context) {}

        @Action(
                listenEventTypes = {ChatResponseEvent.EVENT_TYPE},
                target =
                        @org.apache.flink.agents.api.annotation.PythonFunction(
                                module = "my_pkg.handlers",
                                qualname = "on_response"))
        public static void onResponse(Event event, RunnerContext context) {}
    }

    public static class OutPojo {
        public int result;
        public String why;
    }

    @Test
    void theSmallAgent() throws Exception {
        final AgentConfiguration config =
                new AgentConfiguration(
                        Map.of("chat", Map.of("async", false), "job-identifier", "demo"));
        config.set(
                AgentExecutionOptions.ERROR_HANDLING_STRATEGY, Agent.ErrorHandlingStrategy.RETRY);
        final Agent agent = new SmallAgent();
        agent.addAction(
                "pyAction",
                new String[] {"other.event"},
                new PythonFunction("my_pkg.handlers", "Handlers.run"),
                Map.of("threshold", 3, "label", "x"));
        final AgentPlan plan = AgentPlan.compile(agent, null, config);
        assertSame(plan, "java-small-agent", "GenPlans$SmallAgent", SmallAgent.class);
        assertThat(plan.foreignParts())
                .containsExactly(
                        "action 'onResponse' is the Python function my_pkg.handlers:on_response",
                        "action 'pyAction' is the Python function my_pkg.handlers:Handlers.run",
                        "resource 'pythonModel' of type chat_model needs the Python class"
                                + " flink_agents.integrations.chat_models.ollama_chat_model.OllamaChatModelSetup");
    }

    @Test
    void theEmptyAgent() throws Exception {
        assertSame(compile(new Agent()), "java-empty-agent", "-", Agent.class);
    }

    @Test
    void theReActAgents() throws Exception {
        final ResourceDescriptor model =
                ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.OLLAMA_SETUP)
                        .addInitialArgument("connection", "conn")
                        .build();
        final RowTypeInfo row =
                new RowTypeInfo(
                        new TypeInformation<?>[] {
                            BasicTypeInfo.INT_TYPE_INFO, BasicTypeInfo.STRING_TYPE_INFO
                        },
                        new String[] {"result", "why"});
        assertSame(
                compile(new ReActAgent(model, null, row)),
                "java-react-agent-row-schema",
                "-",
                Agent.class);
        assertSame(
                compile(new ReActAgent(model, Prompt.fromText("{a}+{b}"), OutPojo.class)),
                "java-react-agent-pojo-schema",
                "GenPlans$OutPojo",
                OutPojo.class);
    }

    private static AgentPlan compile(Agent agent) {
        return AgentPlan.compile(agent, null, new AgentConfiguration());
    }

    private static void assertSame(AgentPlan plan, String sample, String oldClass, Class<?> newClass)
            throws Exception {
        final String text =
                Files.readString(SAMPLES.resolve(sample + ".plan.json"))
                        .replace(oldClass, newClass.getName())
                        .replace("\"listen_event_types\"", "\"trigger_conditions\"");
        final ObjectNode expected = (ObjectNode) MAPPER.readTree(text);
        expected.remove("actions_by_event");
        expected.put("agent_name", plan.getAgentName());
        final JsonNode actual =
                MAPPER.readTree(new String(plan.toJson(), StandardCharsets.UTF_8));
        // Readers do not depend on the order of keys, and the samples have that of hash maps.
        assertThat(sorted(actual)).isEqualTo(sorted(expected));
    }

    private static String sorted(JsonNode json) throws Exception {
        return MAPPER.writer(SerializationFeature.INDENT_OUTPUT, SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
                .writeValueAsString(MAPPER.treeToValue(json, Object.class));
    }
}
