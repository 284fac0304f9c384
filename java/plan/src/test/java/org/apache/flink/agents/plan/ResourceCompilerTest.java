package org.apache.flink.agents.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.ChatModelConnection;
import org.apache.flink.agents.api.annotation.ChatModelSetup;
import org.apache.flink.agents.api.annotation.MCPServer;
import org.apache.flink.agents.api.annotation.Skills;
import org.apache.flink.agents.api.annotation.Tool;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.annotation.VectorStore;
import org.apache.flink.agents.api.function.JavaFunction;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.SerializableResource;
import org.apache.flink.agents.api.tools.FunctionTool;
import org.apache.flink.agents.api.tools.ToolMetadata;
import org.apache.flink.agents.api.tools.ToolParameterInjection;
import org.apache.flink.agents.api.tools.ToolParameterSource;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.tools.ToolResponse;
import org.apache.flink.agents.api.tools.ToolServer;
import org.apache.flink.agents.api.tools.ToolType;
import org.junit.jupiter.api.Test;

class ResourceCompilerTest {
    private static ResourceDescriptor descriptor(String clazz) {
        return ResourceDescriptor.Builder.newBuilder(clazz).build();
    }

    // ---- what is refused -------------------------------------------------------------------

    public static class InstanceMethod extends Agent {
        @ChatModelSetup
        public ResourceDescriptor model() {
            return descriptor("a.B");
        }
    }

    public static class WithParameter extends Agent {
        @ChatModelConnection
        public static ResourceDescriptor conn(String url) {
            return descriptor(url);
        }
    }

    public static class Failing extends Agent {
        @VectorStore
        public static ResourceDescriptor store() {
            throw new IllegalStateException("no password set");
        }
    }

    public static class WrongType extends Agent {
        @ChatModelSetup
        public static Object model() {
            return "gpt";
        }
    }

    public static class Mislabelled extends Agent {
        @ChatModelSetup
        public static Prompt model() {
            return Prompt.fromText("x");
        }
    }

    public static class TwoKinds extends Agent {
        @ChatModelSetup
        @ChatModelConnection
        public static ResourceDescriptor model() {
            return descriptor("a.B");
        }
    }

    public static class InstanceTool extends Agent {
        @Tool
        public int add(int a) {
            return a;
        }
    }

    public static class NoSkills extends Agent {
        @Skills
        public static ResourceDescriptor skills() {
            return descriptor("a.B");
        }
    }

    @Test
    void anAnnotatedMemberOfAnotherFormNamesItselfAndTheReason() {
        refused(new InstanceMethod(), "'model'", "InstanceMethod.model()", "must be static");
        refused(new WithParameter(), "WithParameter.conn(String)", "take no parameters");
        refused(new Failing(), "Failing.store()", "no password set");
        refused(new WrongType(), "'model' of type chat_model", "not java.lang.String");
        refused(new Mislabelled(), "of type prompt according to its class", "declare it as that");
        refused(new TwoKinds(), "two resources, chat_model and chat_model_connection");
        refused(new InstanceTool(), "Tool 'add'", "must be static");
        assertThatThrownBy(() -> compile(new NoSkills()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("NoSkills.skills()")
                .hasMessageContaining("api.skills.Skills");
    }

    /** A tool server without a server. */
    public static class Shelf extends Resource implements ToolServer {
        static int open;

        private final ResourceDescriptor descriptor;

        public Shelf(ResourceDescriptor descriptor, ResourceContext context) {
            super(descriptor, context);
            this.descriptor = descriptor;
        }

        @Override
        public void open() {
            open++;
            if (descriptor.getArgument("empty", false)) {
                throw new IllegalStateException("nobody is at home");
            }
        }

        @Override
        public void close() {
            open--;
        }

        @Override
        public ResourceType getResourceType() {
            return ResourceType.MCP_SERVER;
        }

        @Override
        public List<Hammer> listTools() {
            return List.of(new Hammer(new ToolMetadata("hammer", "Hits.", "{}")));
        }

        @Override
        public Map<String, Prompt> promptsByName() {
            return Map.of("greeting", Prompt.fromText("Hello from " + resourceContext.getResourceName()));
        }
    }

    /** Its tool. */
    public static class Hammer extends org.apache.flink.agents.api.tools.Tool {
        @JsonCreator
        public Hammer(@JsonProperty("metadata") ToolMetadata metadata) {
            super(metadata);
        }

        @Override
        public ToolType getToolType() {
            return ToolType.MCP;
        }

        @Override
        public ToolResponse call(ToolParameters parameters) {
            throw new AssertionError("must not be called");
        }
    }

    public static class WithMcp extends Agent {
        @MCPServer
        public static ResourceDescriptor shelf() {
            return new ResourceDescriptor(Shelf.class.getName(), Map.of());
        }
    }

    public static class WithPythonsClient extends Agent {
        @MCPServer(lang = "python")
        public static ResourceDescriptor shelf() {
            throw new AssertionError("must not be called");
        }
    }

    public static class WithStrangeClient extends Agent {
        @MCPServer(lang = "cobol")
        public static ResourceDescriptor shelf() {
            throw new AssertionError("must not be called");
        }
    }

    @Test
    void toolsAndPromptsOfAServerAreTheAgents() throws Exception {
        final Agent added =
                new Agent().addResource("shelf", ResourceType.MCP_SERVER, new ResourceDescriptor(Shelf.class.getName(), Map.of()));
        for (final Agent agent : List.of(new WithMcp(), added)) {
            final JsonNode resources = json(compile(agent)).get("resource_providers");
            assertThat(resources.at("/mcp_server/shelf/descriptor/target_clazz").asText()).isEqualTo(Shelf.class.getName());
            assertThat(resources.at("/tool/hammer/serializedResource").asText()).contains("Hits.");
            assertThat(resources.at("/prompt/greeting/serializedResource").asText()).contains("Hello from shelf");
        }
        assertThat(Shelf.open).isZero();
    }

    @Test
    void whatAServerCannotBeIsRefusedByName() {
        refused(
                new WithMcp().addResource("hammer", ResourceType.TOOL, descriptor("a.B")),
                "'shelf'", "has a tool 'hammer', and so has the agent", "WithMcp.shelf()");
        refused(
                new Agent()
                        .addResource(
                                "s", ResourceType.MCP_SERVER, new ResourceDescriptor(Shelf.class.getName(), Map.of("empty", true))),
                "'s' of type mcp_server", "asked for when the agent is applied, and that failed: nobody is at home");
        refused(
                new Agent().addResource("s", ResourceType.MCP_SERVER, descriptor("a.B")),
                "'s' of type mcp_server", "a.B", "Use ResourceName.MCP_SERVER");
        refused(
                new Agent().addResource("s", ResourceType.MCP_SERVER, descriptor(ResourceName.MCP_SERVER)),
                "org.apache.flink.agents.integrations.mcp.MCPServer");
        refused(new WithStrangeClient(), "WithStrangeClient.shelf()", "may be \"auto\" or \"java\"");
        assertThatThrownBy(() -> compile(new WithPythonsClient()))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("WithPythonsClient.shelf()")
                .hasMessageContaining("Leave 'lang' out");
        assertThat(Shelf.open).isZero();
    }

    public static class Model extends Agent {
        @ChatModelSetup
        public static ResourceDescriptor model() {
            return descriptor("a.B");
        }
    }

    public static class OverloadedTool extends Agent {
        @Tool
        public static int add(int a) {
            return a;
        }

        @Tool
        public static int add(int a, int b) {
            return a + b;
        }
    }

    @Test
    void aNameThatIsTakenIsAnErrorAndDoesNotReplace() {
        refused(
                new Model().addResource("model", ResourceType.CHAT_MODEL, descriptor("c.D")),
                "'model' of type chat_model of agent Model is declared twice");
        refused(new OverloadedTool(), "'add' of type tool", "two members");
        final Agent bash =
                new Agent()
                        .addResource("bash", ResourceType.TOOL, descriptor("a.B"))
                        .addResource(
                                "s",
                                ResourceType.SKILLS,
                                org.apache.flink.agents.api.skills.Skills.fromLocalDir("/x"));
        refused(bash, "Tool 'bash'", "agents with skills get", "rename it");
    }

    public static class Unreadable extends SerializableResource {
        private static final long serialVersionUID = 1L;

        public Unreadable(int secret) {}

        @Override
        public ResourceType getResourceType() {
            return ResourceType.PROMPT;
        }
    }

    @Test
    void aResourceThatTheOperatorCouldNotReadIsFoundWhileThePlanIsBuilt() {
        refused(
                new Agent().addResource("p", ResourceType.PROMPT, new Unreadable(1)),
                "'p' of type prompt",
                "cannot be read back",
                "@JsonCreator");
    }

    @Test
    void aPythonClassIsNamedByArgument() {
        refused(
                new Agent()
                        .addResource(
                                "m",
                                ResourceType.CHAT_MODEL,
                                descriptor(ResourceName.ChatModel.PYTHON_WRAPPER_SETUP)),
                "describes a Python class",
                "'pythonClazz'");
        refused(
                new Agent()
                        .addResource(
                                "m",
                                ResourceType.CHAT_MODEL,
                                new ResourceDescriptor("my.module", "Clazz", null)),
                "describes a Python class");
    }

    public static class Tools {
        static String greet(
                @ToolParam(name = "name") String name,
                @ToolParam(
                                name = "tenant",
                                injected = true,
                                source = ToolParameterSource.CONFIG,
                                key = "my.tenant")
                        String tenant,
                @ToolParam(name = "user", required = false) String user) {
            return name + tenant + user;
        }

        static int same(@ToolParam(name = "a") int x, @ToolParam(name = "a") int y) {
            return x + y;
        }

        int instance() {
            return 1;
        }
    }

    @Test
    void aToolThatCannotBeCalledIsFoundWhileThePlanIsBuilt() throws Exception {
        refused(tool(new JavaFunction("no.Such", "f", java.util.List.of())), "no.Such", "Add the jar");
        refused(
                tool(new JavaFunction(Tools.class.getName(), "instance", java.util.List.of())),
                "is not static");
        refused(
                new Agent().addResource("t", ResourceType.TOOL, FunctionTool.fromMethod(method("same"))),
                "two parameters called 'a'");
        final JavaFunction greet = JavaFunction.fromMethod(method("greet"));
        refused(injected(greet, "nobody"), "has no parameter 'nobody'");
        refused(injected(greet, "tenant"), "injected twice");
    }

    private static Agent tool(JavaFunction function) {
        return new Agent().addResource("t", ResourceType.TOOL, new FunctionTool(function));
    }

    private static Agent injected(JavaFunction function, String parameter) {
        return new Agent()
                .addResource(
                        "t",
                        ResourceType.TOOL,
                        new FunctionTool(
                                function,
                                Map.of(parameter, ToolParameterInjection.fromSensoryMemory(null))));
    }

    private static java.lang.reflect.Method method(String name) {
        return java.util.Arrays.stream(Tools.class.getDeclaredMethods())
                .filter(method -> method.getName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    // ---- what is built ---------------------------------------------------------------------

    @Test
    void injectedParametersAreInThePlanAndNotInTheSchema() throws Exception {
        final Agent agent =
                new Agent()
                        .addResource(
                                "hello",
                                ResourceType.TOOL,
                                new FunctionTool(
                                        JavaFunction.fromMethod(method("greet")),
                                        Map.of("user", ToolParameterInjection.fromShortTermMemory(null))));
        final JsonNode tool = serialized(compile(agent), "tool", "hello");
        assertThat(tool.at("/injected_args").toString())
                .isEqualTo(
                        "{\"tenant\":{\"source\":\"config\",\"key\":\"my.tenant\"},"
                                + "\"user\":{\"source\":\"short_term_memory\",\"key\":\"user\"}}");
        assertThat(tool.at("/metadata/name").asText()).isEqualTo("hello");
        assertThat(tool.at("/metadata/inputSchema").asText())
                .contains("name")
                .doesNotContain("tenant", "user");
    }

    @Test
    void aPythonFunctionIsAToolWithoutMetadataAndNamedAsForeign() throws Exception {
        final Agent agent =
                new Agent()
                        .addResource(
                                "py",
                                ResourceType.TOOL,
                                new FunctionTool(new PythonFunction("my.tools", "add")));
        final AgentPlan plan = compile(agent);
        assertThat(serialized(plan, "tool", "py").toString())
                .isEqualTo(
                        "{\"metadata\":{\"name\":\"py\",\"description\":\"\",\"inputSchema\":\"{}\"},"
                                + "\"function\":{\"func_type\":\"PythonFunction\",\"module\":\"my.tools\","
                                + "\"qualname\":\"add\"}}");
        assertThat(plan.foreignParts())
                .containsExactly(
                        "resource 'py' of type tool needs the Python function my.tools:add");
        assertThat(plan.hasPythonResources()).isTrue();
        assertThat(plan.unusableResources()).isEmpty();
    }

    @Test
    void resourcesOfPythonAreUsedExceptThoseThatNobodyAsks() {
        final ResourceDescriptor python =
                ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.PYTHON_WRAPPER_SETUP)
                        .addInitialArgument("pythonClazz", "pkg.Mine")
                        .build();
        final Agent agent = new Agent();
        for (final ResourceType type :
                List.of(
                        ResourceType.CHAT_MODEL,
                        ResourceType.CHAT_MODEL_CONNECTION,
                        ResourceType.EMBEDDING_MODEL,
                        ResourceType.EMBEDDING_MODEL_CONNECTION,
                        ResourceType.VECTOR_STORE,
                        ResourceType.TOOL)) {
            agent.addResource("py", type, python);
        }
        final AgentPlan plan = compile(agent);
        assertThat(plan.hasPythonResources()).isTrue();
        assertThat(plan.unusableResources()).isEmpty();
        assertThat(plan.foreignParts()).hasSize(6);
        assertThat(compile(agent.addResource("p", ResourceType.PROMPT, python)).unusableResources())
                .containsExactly("resource 'p' of type prompt needs the Python class pkg.Mine");
        assertThat(compile(new Agent()).hasPythonResources()).isFalse();
    }

    public static class Fields extends Agent {
        @ChatModelSetup private final ResourceDescriptor model;
        @org.apache.flink.agents.api.annotation.Prompt static final Prompt greet = Prompt.fromText("x");

        Fields(String clazz) {
            model = descriptor(clazz);
        }
    }

    public static class Redeclaring extends Model {
        @ChatModelSetup
        public static ResourceDescriptor model() {
            return descriptor("sub.Clazz");
        }
    }

    @Test
    void fieldsAndInheritedMembersCountAndASubclassReplaces() throws Exception {
        final JsonNode fields = json(compile(new Fields("own.Clazz"))).get("resource_providers");
        assertThat(fields.at("/chat_model/model/descriptor/target_clazz").asText())
                .isEqualTo("own.Clazz");
        assertThat(fields.at("/prompt/greet/clazz").asText()).endsWith("Prompt$LocalPrompt");
        final JsonNode inherited = json(compile(new Model() {})).get("resource_providers");
        assertThat(inherited.at("/chat_model/model/descriptor/target_clazz").asText()).isEqualTo("a.B");
        final JsonNode replaced = json(compile(new Redeclaring())).get("resource_providers");
        assertThat(replaced.at("/chat_model/model/descriptor/target_clazz").asText())
                .isEqualTo("sub.Clazz");
    }

    public static class TwoSkills extends Agent {
        @Skills
        static org.apache.flink.agents.api.skills.Skills here() {
            return org.apache.flink.agents.api.skills.Skills.fromLocalDir("/a", "/b");
        }

        @Skills
        static org.apache.flink.agents.api.skills.Skills web() {
            return org.apache.flink.agents.api.skills.Skills.fromUrl("http://x/s.zip");
        }
    }

    @Test
    void allSkillsBecomeOneResource() throws Exception {
        final Agent agent =
                new TwoSkills()
                        .addResource(
                                "more",
                                ResourceType.SKILLS,
                                org.apache.flink.agents.api.skills.Skills.fromClasspath("c"));
        final AgentPlan plan = compile(agent);
        final JsonNode providers = json(plan).get("resource_providers");
        assertThat(providers.get("skills").fieldNames()).toIterable().containsExactly("_skills_config");
        assertThat(serialized(plan, "skills", "_skills_config").get("sources").findValuesAsText("scheme"))
                .containsExactly("local", "local", "url", "classpath");
        assertThat(providers.get("tool").fieldNames())
                .toIterable()
                .containsExactly("load_skill", "bash");
    }

    @Test
    void theAgentsOwnResourcesWinOverThoseOfTheEnvironmentAndItIsNotChanged() throws Exception {
        final Agent agent = new Model();
        final Map<ResourceType, Map<String, Object>> shared =
                Map.of(
                        ResourceType.CHAT_MODEL,
                        Map.of("model", descriptor("shared.Clazz"), "other", descriptor("shared.Other")));
        final JsonNode models =
                json(AgentPlan.compile(agent, null, new AgentConfiguration(), shared))
                        .at("/resource_providers/chat_model");
        assertThat(models.at("/model/descriptor/target_clazz").asText()).isEqualTo("a.B");
        assertThat(models.at("/other/descriptor/target_clazz").asText()).isEqualTo("shared.Other");
        assertThat(agent.getResources().get(ResourceType.CHAT_MODEL)).isEmpty();
    }

    private static void refused(Agent agent, String... texts) {
        assertThatThrownBy(() -> compile(agent))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(texts);
    }

    private static AgentPlan compile(Agent agent) {
        return AgentPlan.compile(agent, null, new AgentConfiguration());
    }

    private static JsonNode json(AgentPlan plan) throws Exception {
        return new ObjectMapper().readTree(plan.toJson());
    }

    private static JsonNode serialized(AgentPlan plan, String type, String name) throws Exception {
        return new ObjectMapper()
                .readTree(
                        json(plan)
                                .at("/resource_providers/" + type + "/" + name + "/serializedResource")
                                .asText());
    }
}
