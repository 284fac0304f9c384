package org.apache.flink.agents.runtime.resource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.chat.model.python.PythonChatModelConnection;
import org.apache.flink.agents.api.chat.model.python.PythonChatModelSetup;
import org.apache.flink.agents.api.embedding.model.python.PythonEmbeddingModelConnection;
import org.apache.flink.agents.api.embedding.model.python.PythonEmbeddingModelSetup;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResources;
import org.apache.flink.agents.api.tools.FunctionTool;
import org.apache.flink.agents.api.tools.Tool;
import org.apache.flink.agents.api.tools.ToolParameterInjection;
import org.apache.flink.agents.api.tools.ToolParameters;
import org.apache.flink.agents.api.vectorstores.python.PythonCollectionManageableVectorStore;
import org.apache.flink.agents.api.vectorstores.python.PythonVectorStore;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.plan.AgentPlan;
import org.apache.flink.agents.plan.tools.InjectedArgs;
import org.apache.flink.agents.plan.tools.PythonTool;
import org.junit.jupiter.api.Test;

/** Resources of Python in plans of both languages. */
class PythonProvidersTest {
    private static final String FUNCTION_TOOL =
            "{'__resource_provider_type__':'PythonSerializableResourceProvider','name':'add','type':'tool',"
                    + "'module':'flink_agents.plan.tools.function_tool','clazz':'FunctionTool','serialized':{"
                    + "'metadata':{'name':'add','description':'Adds.','args_schema':{'type':'object','properties':{'a':{'type':'integer'}}}},"
                    + "'func':FUNC,'injected_args':{'tenant':{'source':'config','key':null}}}}";
    private static final String PROMPT =
            "{'__resource_provider_type__':'PythonSerializableResourceProvider','name':'p','type':'prompt',"
                    + "'module':'flink_agents.api.prompts.prompt','clazz':'LocalPrompt','serialized':{'template':TEMPLATE}}";

    private final List<String> asked = new ArrayList<>();
    private final PythonResources python =
            (type, name, method, arguments) -> {
                asked.add(type.getValue() + "/" + name + "." + method + arguments);
                return Map.of("name", "x", "description", "Told by Python.", "input_schema", "{}");
            };

    private static ResourceCache without(final String json) {
        return new ResourceCache(json.replace('\'', '"').getBytes(StandardCharsets.UTF_8), PythonProvidersTest.class.getClassLoader());
    }

    private ResourceCache cache(final String json) {
        final ResourceCache cache = without(json);
        cache.connect(python);
        return cache;
    }

    private static ResourceCache without(final Agent agent) {
        final byte[] plan = AgentPlan.compile(agent, null, new AgentConfiguration()).toJson();
        return new ResourceCache(plan, PythonProvidersTest.class.getClassLoader());
    }

    private ResourceCache cache(final Agent agent) {
        final ResourceCache cache = without(agent);
        cache.connect(python);
        return cache;
    }

    private static String plan(final ResourceType type, final String name, final String provider) {
        return "{'resource_providers':{'" + type.getValue() + "':{'" + name + "':" + provider + "}}}";
    }

    private static String described(final ResourceType type) {
        return plan(
                type,
                "it",
                "{'__resource_provider_type__':'PythonResourceProvider','descriptor':{'target_module':'pkg.mod',"
                        + "'target_clazz':'Mine','arguments':{'connection':'c','model':'small','tools':['add']}}}");
    }

    private static ResourceDescriptor wrapper(final String clazz) {
        return ResourceDescriptor.Builder.newBuilder(clazz).addInitialArgument("pythonClazz", "pkg.mod.Mine").build();
    }

    // ---- what stands for them

    @Test
    void aPlanOfJavaNamesTheWrapper() throws Exception {
        final Map<ResourceType, Map<String, Class<?>>> wrappers =
                Map.of(
                        ResourceType.CHAT_MODEL_CONNECTION,
                        Map.of(ResourceName.ChatModel.PYTHON_WRAPPER_CONNECTION, PythonChatModelConnection.class),
                        ResourceType.CHAT_MODEL,
                        Map.of(ResourceName.ChatModel.PYTHON_WRAPPER_SETUP, PythonChatModelSetup.class),
                        ResourceType.EMBEDDING_MODEL_CONNECTION,
                        Map.of(ResourceName.EmbeddingModel.PYTHON_WRAPPER_CONNECTION, PythonEmbeddingModelConnection.class),
                        ResourceType.EMBEDDING_MODEL,
                        Map.of(ResourceName.EmbeddingModel.PYTHON_WRAPPER_SETUP, PythonEmbeddingModelSetup.class),
                        ResourceType.VECTOR_STORE,
                        Map.of(
                                ResourceName.VectorStore.PYTHON_WRAPPER_VECTOR_STORE,
                                PythonVectorStore.class,
                                ResourceName.VectorStore.PYTHON_WRAPPER_COLLECTION_MANAGEABLE_VECTOR_STORE,
                                PythonCollectionManageableVectorStore.class));
        for (final Map.Entry<ResourceType, Map<String, Class<?>>> ofType : wrappers.entrySet()) {
            for (final Map.Entry<String, Class<?>> named : ofType.getValue().entrySet()) {
                final Agent agent = new Agent().addResource("it", ofType.getKey(), wrapper(named.getKey()));
                try (ResourceCache cache = cache(agent)) {
                    assertThat(cache.get("it", ofType.getKey())).isExactlyInstanceOf(named.getValue());
                }
            }
        }
        assertThat(asked).isEmpty();
    }

    @Test
    void aPlanOfPythonGetsTheWrapperOfItsType() throws Exception {
        final Map<ResourceType, Class<?>> wrappers =
                Map.of(
                        ResourceType.CHAT_MODEL_CONNECTION, PythonChatModelConnection.class,
                        ResourceType.CHAT_MODEL, PythonChatModelSetup.class,
                        ResourceType.EMBEDDING_MODEL_CONNECTION, PythonEmbeddingModelConnection.class,
                        ResourceType.EMBEDDING_MODEL, PythonEmbeddingModelSetup.class,
                        ResourceType.VECTOR_STORE, PythonCollectionManageableVectorStore.class,
                        ResourceType.TOOL, PythonTool.class);
        for (final Map.Entry<ResourceType, Class<?>> wanted : wrappers.entrySet()) {
            try (ResourceCache cache = cache(described(wanted.getKey()))) {
                assertThat(cache.get("it", wanted.getKey())).isExactlyInstanceOf(wanted.getValue());
            }
        }
        assertThat(asked).isEmpty();
        final PythonChatModelSetup setup = (PythonChatModelSetup) cache(described(ResourceType.CHAT_MODEL)).get("it", ResourceType.CHAT_MODEL);
        assertThat(setup.getModel()).isEqualTo("small");
        assertThat(setup.getToolNames()).containsExactly("add");
        assertThat(setup.getPythonResource()).hasToString("Resource 'it' of type chat_model (pkg.mod.Mine in Python)");
        final Tool tool = (Tool) cache(described(ResourceType.TOOL)).get("it", ResourceType.TOOL);
        assertThat(tool.getMetadata().getDescription()).isEqualTo("Told by Python.");
        assertThat(asked).containsExactly("tool/it.metadata{}");
    }

    @Test
    void whatArgumentsReferToIsLookedUpInPython() throws Exception {
        final ResourceDescriptor secret =
                ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.PYTHON_WRAPPER_CONNECTION)
                        .addInitialArgument("pythonClazz", "pkg.mod.Mine")
                        .addInitialArgument("api_key", "${env:NO_SUCH_VARIABLE}")
                        .build();
        final Agent agent = new Agent().addResource("it", ResourceType.CHAT_MODEL_CONNECTION, secret);
        assertThat(cache(agent).get("it", ResourceType.CHAT_MODEL_CONNECTION)).isInstanceOf(PythonChatModelConnection.class);
    }

    @Test
    void promptsOfPythonAreFilledInByJava() throws Exception {
        final Prompt text = (Prompt) without(prompt("'hi {n}'")).get("p", ResourceType.PROMPT);
        assertThat(text.formatString(Map.of("n", "you"))).isEqualTo("hi you");
        final Prompt messages =
                (Prompt)
                        without(
                                        prompt(
                                                "[{'role':'system','content':'You are {who}','tool_calls':[],'extra_args':{}},"
                                                        + "{'role':'user','content':'{q}'}]"))
                                .get("p", ResourceType.PROMPT);
        assertThat(messages.formatMessages(MessageRole.USER, Map.of("who", "kind")))
                .containsExactly(ChatMessage.system("You are kind"), ChatMessage.user("{q}"));
        for (final String wrong : List.of("[]", "3", "null", "[{'role':'boss'}]")) {
            assertThatThrownBy(() -> without(prompt(wrong)).get("p", ResourceType.PROMPT))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("'p' of type prompt (flink_agents.api.prompts.prompt.LocalPrompt) cannot be made of the plan");
        }
    }

    private static String prompt(final String template) {
        return plan(ResourceType.PROMPT, "p", PROMPT.replace("TEMPLATE", template));
    }

    private static String tool(final String function) {
        return plan(ResourceType.TOOL, "add", FUNCTION_TOOL.replace("FUNC", function));
    }

    @Test
    void aToolOfAPlanOfPythonIsKnownAndCalledThere() throws Exception {
        final ResourceCache cache = cache(tool("{'func_type':'PythonFunction','module':'m','qualname':'f'}"));
        final Tool tool = (Tool) cache.get("add", ResourceType.TOOL);
        assertThat(tool.getName()).isEqualTo("add");
        assertThat(tool.getDescription()).isEqualTo("Adds.");
        assertThat(tool.getMetadata().getInputSchema())
                .isEqualTo("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}");
        assertThat(((InjectedArgs) tool).getInjectedArgs())
                .isEqualTo(Map.of("tenant", ToolParameterInjection.fromConfig("tenant")));
        assertThat(asked).isEmpty();
        assertThat(tool.call(new ToolParameters(Map.of("a", 1))).isSuccess()).isTrue();
        assertThat(asked).containsExactly("tool/add.call{arguments={a=1}}");
    }

    @Test
    void aToolOfAServerIsKnownAndCalledThere() throws Exception {
        final ResourceCache cache =
                cache(
                        plan(
                                ResourceType.TOOL,
                                "now",
                                "{'__resource_provider_type__':'PythonSerializableResourceProvider','module':'flink_agents.integrations.mcp.mcp',"
                                        + "'clazz':'MCPTool','serialized':{'metadata':{'name':'now','description':'','args_schema':{}},"
                                        + "'mcp_server':'clock'}}"));
        final Tool tool = (Tool) cache.get("now", ResourceType.TOOL);
        assertThat(tool.getName()).isEqualTo("now");
        assertThat(tool.call(new ToolParameters()).isSuccess()).isTrue();
        assertThat(asked).containsExactly("tool/now.call{arguments={}}");
    }

    /** Called by a tool of a plan of Python. */
    @org.apache.flink.agents.api.annotation.Tool(description = "Says whose.")
    public static String whose(@ToolParam(name = "what") final String what, @ToolParam(name = "tenant") final String tenant) {
        return tenant + "'s " + what;
    }

    @Test
    void aJavaFunctionInAPlanOfPythonNeedsNoPython() throws Exception {
        final String function =
                "{'func_type':'JavaFunction','qualname':'" + PythonProvidersTest.class.getName()
                        + "','method_name':'whose','parameter_types':['java.lang.String','java.lang.String']}";
        final Tool tool = (Tool) without(tool(function)).get("add", ResourceType.TOOL);
        assertThat(tool.getName()).isEqualTo("add");
        assertThat(tool.getDescription()).isEqualTo("Says whose.");
        assertThat(tool.getMetadata().getInputSchema()).contains("what").doesNotContain("tenant");
        assertThat(tool.call(new ToolParameters(Map.of("what", "cat", "tenant", "t1"))).getResult()).isEqualTo("t1's cat");
        assertThatThrownBy(() -> without(tool(function.replace("whose", "who"))).get("add", ResourceType.TOOL))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("'add' of type tool")
                .hasMessageContaining("is not found");
    }

    @Test
    void aFunctionOfPythonInAPlanOfJavaIsAskedForItsMetadata() throws Exception {
        final Agent agent =
                new Agent()
                        .addResource(
                                "add",
                                ResourceType.TOOL,
                                new FunctionTool(
                                        new PythonFunction("my.tools", "f"), Map.of("tenant", ToolParameterInjection.fromConfig(null))));
        final Tool tool = (Tool) cache(agent).get("add", ResourceType.TOOL);
        assertThat(asked).isEmpty();
        assertThat(tool.getDescription()).isEqualTo("Told by Python.");
        assertThat(tool.getName()).isEqualTo("add");
        assertThat(((InjectedArgs) tool).getInjectedArgs()).containsOnlyKeys("tenant");
        assertThat(asked).containsExactly("tool/add.metadata{}");
        assertThat(tool.getResourceContext()).isNotNull();
    }

    // ---- what is refused

    @Test
    void withoutPythonTheyAreRefusedByName() {
        final Agent agent =
                new Agent()
                        .addResource("py", ResourceType.VECTOR_STORE, wrapper(ResourceName.VectorStore.PYTHON_WRAPPER_VECTOR_STORE))
                        .addResource("f", ResourceType.TOOL, new FunctionTool(new PythonFunction("my.tools", "f")));
        refused(without(agent), "py", ResourceType.VECTOR_STORE, "'py' of type vector_store is implemented in Python (pkg.mod.Mine)");
        refused(without(agent), "f", ResourceType.TOOL, "'f' of type tool is implemented in Python (my.tools:f)");
        refused(
                without(described(ResourceType.CHAT_MODEL)),
                "it",
                ResourceType.CHAT_MODEL,
                "'it' of type chat_model is implemented in Python (pkg.mod.Mine)");
        refused(
                without(tool("{'func_type':'PythonFunction','module':'m','qualname':'f'}")),
                "add",
                ResourceType.TOOL,
                "'add' of type tool is implemented in Python (m:f)");
    }

    private static void refused(final ResourceCache cache, final String name, final ResourceType type, final String said) {
        assertThatThrownBy(() -> cache.get(name, type))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining(said)
                .hasMessageContaining("on Flink");
    }

    @Test
    void promptsOfOtherClassesServersAndSkillsDoNotCross() {
        for (final ResourceType type : List.of(ResourceType.MCP_SERVER, ResourceType.SKILLS, ResourceType.PROMPT)) {
            final String serialized =
                    plan(
                            type,
                            "it",
                            "{'__resource_provider_type__':'PythonSerializableResourceProvider','module':'pkg.mod','clazz':'Mine',"
                                    + "'serialized':{'template':'x'}}");
            for (final String plan : List.of(described(type), serialized)) {
                assertThatThrownBy(() -> cache(plan).get("it", type))
                        .isInstanceOf(UnsupportedOperationException.class)
                        .hasMessageContaining("'it' of type " + type.getValue() + " is implemented in Python (pkg.mod.Mine)")
                        .hasMessageContaining("not used from Java");
            }
        }
        assertThat(asked).isEmpty();
    }

    @Test
    void aMalformedToolIsNamed() {
        for (final String wrong : List.of("{}", "{'func_type':'PythonFunction','module':'m'}")) {
            assertThatThrownBy(() -> cache(tool(wrong)).get("add", ResourceType.TOOL))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("'add' of type tool (flink_agents.plan.tools.function_tool.FunctionTool) cannot be made of the plan");
        }
    }

    @Test
    void aWrapperOfOnesOwnStandsForItself() throws Exception {
        final Agent agent = new Agent().addResource("it", ResourceType.CHAT_MODEL, wrapper(Louder.class.getName()));
        final Resource made = cache(agent).get("it", ResourceType.CHAT_MODEL);
        assertThat(made).isExactlyInstanceOf(Louder.class);
    }

    /** Another name for the same. */
    public static final class Louder extends PythonChatModelSetup {
        public Louder(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }
    }
}
