package org.apache.flink.agents.integrations;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.MCPServer;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.core.McpException;
import org.apache.flink.agents.core.ModelClient;
import org.apache.flink.agents.integrations.mcp.MCPPrompt;
import org.apache.flink.agents.integrations.mcp.MCPTool;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.plan.AgentPlan;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tool servers: their tools and prompts in agents, and what they do not answer. */
@Timeout(value = 240, threadMode = ThreadMode.SEPARATE_THREAD)
class McpTest {
    private static final String OFFERED =
            "{'tools': ["
                    + "{'name': 'weather', 'description': 'Tells the weather.',"
                    + " 'schema': {'type': 'object', 'properties': {'city': {'type': 'string'}}}, 'text': 'sun for $arguments'},"
                    + "{'name': 'fails', 'description': 'Fails.', 'text': 'no sun here', 'failed': true},"
                    + "{'name': 'dies', 'description': 'Dies.', 'dies': true},"
                    + "{'name': 'hangs', 'description': 'Hangs.', 'hang': true},"
                    + "{'name': 'grows', 'description': 'Grows.', 'text': 'grown',"
                    + " 'adds': [{'name': 'new', 'description': 'Is new.', 'structured': {'n': 1}}]}],"
                    + "'prompts': [{'name': 'greeting', 'description': 'Greets.', 'required': ['who'], 'optional': ['how'],"
                    + " 'text': 'Greet $arguments'}]}";
    private static final String NAMES = "weather, fails, dies, hangs, grows";

    private static ModelServer start(final String rules) throws Exception {
        return ModelServer.start("{'rules': [" + rules + "], 'mcp': " + OFFERED + "}");
    }

    /** The arguments of a tool server, over HTTP or as a process. */
    private static Map<String, Object> way(final String way, final ModelServer server) throws Exception {
        final Map<String, Object> arguments = new LinkedHashMap<>(Map.of("timeout", 5, "maxRetries", 1));
        if (way.equals("http")) {
            arguments.put("endpoint", server.url() + "/mcp");
        } else {
            arguments.put("command", ModelServer.program().toString());
            arguments.put(
                    "args", List.of("--pipes", "true", "--script", ("{'mcp': " + OFFERED + "}").replace('\'', '"')));
        }
        return arguments;
    }

    private static ResourceDescriptor described(final Map<String, Object> arguments) {
        return new ResourceDescriptor(ResourceName.MCP_SERVER, arguments);
    }

    private static org.apache.flink.agents.integrations.mcp.MCPServer opened(final Map<String, Object> arguments)
            throws Exception {
        final org.apache.flink.agents.integrations.mcp.MCPServer server =
                new org.apache.flink.agents.integrations.mcp.MCPServer(described(arguments), null);
        server.open();
        return server;
    }

    /** Lets a model call the tools of a server, whose prompt it is asked with. */
    public static final class WithServer extends Agent {
        static Map<String, Object> arguments;

        @MCPServer
        public static ResourceDescriptor offers() {
            return described(arguments);
        }

        @Action(EventType.InputEvent)
        public static void ask(final Event event, final RunnerContext context) {
            final String input = (String) InputEvent.fromEvent(event).getInput();
            context.sendEvent(
                    new ChatRequestEvent(
                            "model", List.of(ChatMessage.user(input)), Map.of("who", "Ann", "how", "loudly", "x", "y"), null));
        }

        @Action(EventType.ChatResponseEvent)
        public static void tell(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent(ChatResponseEvent.fromEvent(event).getResponse().getContent()));
        }
    }

    @ParameterizedTest
    @CsvSource({"http, true", "http, false", "process, true", "process, false"})
    void toolsAndPromptsOfAServerAreTheAgents(final String way, final String async) throws Exception {
        final String rules =
                "{'when': {'round': 0}, 'answers': [{'tool_calls': ["
                        + "{'name': 'weather', 'arguments': {'city': 'Ulm'}}, {'name': 'fails', 'arguments': {}},"
                        + "{'name': 'dies', 'arguments': {}}]}]}, {'answers': [{'text': 'bye'}]}";
        try (ModelServer server = start(rules)) {
            WithServer.arguments = way(way, server);
            final Agent agent =
                    ChatAgents.withModel(
                            server, new WithServer(), "prompt", "greeting", "tools", List.of("weather", "fails", "dies"));
            final Map<String, String> config = Map.of("tool-call.async", "false", "chat.async", async);
            assertThat(ChatAgents.run(agent, config, "hi")).containsExactly("bye");
            final List<JsonNode> chats = server.chats();
            assertThat(chats).hasSize(2);
            assertThat(chats.get(0).get("tools").findValuesAsText("name")).containsExactly("weather", "fails", "dies");
            assertThat(chats.get(0).at("/messages/0/content").asText()).startsWith("Greet {").contains("Ann", "loudly");
            assertThat(chats.get(0).at("/messages/0/content").asText()).doesNotContain("\"x\"");
            assertThat(chats.get(0).at("/messages/1/content").asText()).isEqualTo("hi");
            final JsonNode told = chats.get(1).get("messages");
            assertThat(told.get(3).get("content").asText()).isEqualTo("sun for {\"city\":\"Ulm\"}");
            assertThat(told.get(4).get("content").asText()).isEqualTo("no sun here");
            assertThat(told.get(5).get("content").asText())
                    .startsWith("Tool `dies` failed: MCP server 'offers', tool 'dies': the session with");
        }
    }

    @Test
    void toolsOfOneRequestAreCalledSideBySideWithoutThreads() throws Exception {
        final String calls = "{'name': 'weather', 'arguments': {'city': 'Ulm'}}";
        final String rules =
                "{'when': {'round': 0}, 'answers': [{'tool_calls': [" + String.join(",", java.util.Collections.nCopies(50, calls))
                        + "]}]}, {'answers': [{'text': '$last'}]}";
        try (ModelServer server = start(rules)) {
            WithServer.arguments = way("http", server);
            final Agent agent = ChatAgents.withModel(server, new WithServer(), "tools", List.of("weather"));
            assertThat(ChatAgents.run(agent, Map.of(), "hi")).containsExactly("sun for {\"city\":\"Ulm\"}");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"http", "process"})
    void aServerCanBeAskedOutsideOfActions(final String way) throws Exception {
        try (ModelServer models = start("")) {
            final org.apache.flink.agents.integrations.mcp.MCPServer server = opened(way(way, models));
            assertThat(server.listTools()).extracting(Tool::getName).hasToString("[" + NAMES + "]");
            final ToolResponse weather =
                    server.getTool("weather").call(new ToolParameters(Map.of("city", "Ulm")));
            assertThat(weather.getResult()).isEqualTo("sun for {\"city\":\"Ulm\"}");
            final MCPPrompt prompt = server.listPrompts().get(0);
            assertThat(prompt.getArguments()).extracting(MCPPrompt.Argument::isRequired).containsExactly(true, false);
            assertThat(prompt.formatString(Map.of("who", "Ann"))).isEqualTo("user: Greet {\"who\":\"Ann\"}");
            assertThatThrownBy(() -> prompt.formatMessages(MessageRole.USER, Map.of()))
                    .isInstanceOfSatisfying(McpException.class, e -> assertThat(e.getKind()).isEqualTo("arguments"))
                    .hasMessageContaining("argument 'who' is required");
            assertThatThrownBy(() -> server.getTool("none"))
                    .hasMessageContaining("has no tool 'none'; there are: " + NAMES);
            server.close();
            assertThatThrownBy(server::listTools).hasMessageContaining("closed");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"http", "process"})
    void aServerThatDiesIsNamedAndTheNextCallOpensAnotherSession(final String way) throws Exception {
        try (ModelServer models = start("")) {
            final org.apache.flink.agents.integrations.mcp.MCPServer server = opened(way(way, models));
            final MCPTool dies = server.getTool("dies");
            assertThatThrownBy(() -> dies.call(new ToolParameters()))
                    .isInstanceOfSatisfying(McpException.class, e -> {
                        assertThat(e.getKind()).isEqualTo("gone");
                        assertThat(e.getServer()).isEqualTo(server.getName());
                    })
                    .hasMessageContaining("MCP server '" + server.getName() + "', tool 'dies'")
                    .hasMessageContaining("may have been carried out");
            assertThat(server.callTool("weather", Map.of()).getResult()).isEqualTo("sun for {}");
            server.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"http", "process"})
    void aServerThatHangsIsGivenUpInTime(final String way) throws Exception {
        try (ModelServer models = start("")) {
            final Map<String, Object> arguments = way(way, models);
            arguments.put("timeout", 1);
            final org.apache.flink.agents.integrations.mcp.MCPServer server = opened(arguments);
            assertThatThrownBy(() -> server.callTool("hangs", null))
                    .isInstanceOfSatisfying(McpException.class, e -> assertThat(e.getKind()).isEqualTo("timeout"))
                    .hasMessageContaining("no answer for 1 s");
            server.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"http", "process"})
    void aListThatChangedIsAskedForAgain(final String way) throws Exception {
        try (ModelServer models = start("")) {
            final org.apache.flink.agents.integrations.mcp.MCPServer server = opened(way(way, models));
            assertThat(server.listTools()).hasSize(5);
            assertThat(server.callTool("grows", Map.of()).getResult()).isEqualTo("grown");
            assertThat(server.getTool("new").call(new ToolParameters()).getResult()).isEqualTo("{\"n\":1}");
            server.close();
        }
    }

    @Test
    void loginsAreSentAndShownNowhere() throws Exception {
        try (ModelServer models = start("")) {
            final Map<String, Object> arguments = way("http", models);
            arguments.put("auth", Map.of("type", "bearer", "token", "t0p-secret"));
            final org.apache.flink.agents.integrations.mcp.MCPServer server = opened(arguments);
            assertThat(server.listTools()).hasSize(5);
            assertThat(models.requests().get(0).at("/headers/authorization").asText()).isEqualTo("Bearer t0p-secret");
            server.close();
            models.close();
            final org.apache.flink.agents.integrations.mcp.MCPServer alone = opened(arguments);
            assertThatThrownBy(alone::listTools)
                    .isInstanceOfSatisfying(McpException.class, e -> assertThat(e.getKind()).isEqualTo("unreachable"))
                    .hasMessageContaining("MCP server 'DECIDE_IN_RUNTIME_MCPServer'")
                    .hasMessageNotContaining("t0p-secret");
            alone.close();
        }
    }

    @Test
    void nothingIsSentBeforeTheFirstQuestionAndNothingIsLeftOpen() throws Exception {
        final int before = ModelClient.openClients();
        final org.apache.flink.agents.integrations.mcp.MCPServer server =
                opened(Map.of("endpoint", "http://127.0.0.1:9/mcp", "maxRetries", 0));
        assertThat(ModelClient.openClients()).isEqualTo(before + 1);
        server.close();
        assertThat(ModelClient.openClients()).isEqualTo(before);
        assertThatThrownBy(() -> opened(Map.of("endpoint", "http://127.0.0.1:9/mcp", "endpont", 1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("argument 'endpont'");
        assertThat(ModelClient.openClients()).isEqualTo(before);
    }

    private static String plan(final Agent agent) {
        return new String(AgentPlan.compile(agent, null, new AgentConfiguration()).toJson(), StandardCharsets.UTF_8);
    }

    @Test
    void whatIsInThePlanHasNoSecretAndNoSession() throws Exception {
        final int before = ModelClient.openClients();
        try (ModelServer models = start("")) {
            WithServer.arguments = way("http", models);
            WithServer.arguments.put("headers", Map.of("x-path", "${env:PATH}"));
            final String plan = plan(new WithServer());
            assertThat(plan).contains("${env:PATH}").doesNotContain(System.getenv("PATH"));
            assertThat(models.requests().get(0).at("/headers/x-path").asText()).isEqualTo(System.getenv("PATH"));
            assertThat(plan).contains("\\\"mcpServer\\\":\\\"offers\\\"");
        }
        assertThat(ModelClient.openClients()).isEqualTo(before);
    }

    @Test
    void aServerThatIsNotThereWhenTheAgentIsAppliedIsNamed() {
        WithServer.arguments = Map.of("endpoint", "http://127.0.0.1:9/mcp", "maxRetries", 0);
        assertThatThrownBy(() -> plan(new WithServer()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'offers' of type mcp_server")
                .hasMessageContaining("asked for when the agent is applied, and that failed: MCP server 'offers'")
                .hasMessageContaining("127.0.0.1:9");
    }
}
