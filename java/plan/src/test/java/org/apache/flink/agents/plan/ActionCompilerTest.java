package org.apache.flink.agents.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.agents.ReActAgent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.Identity;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.function.JavaFunction;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.junit.jupiter.api.Test;

class ActionCompilerTest {
    private static final List<String> SIGNATURE =
            List.of(Event.class.getName(), RunnerContext.class.getName());

    // ---- what is refused -------------------------------------------------------------------

    public static class NotStatic extends Agent {
        @Action(EventType.InputEvent)
        public void react(Event event, RunnerContext context) {}
    }

    public static class NotPublic extends Agent {
        @Action(EventType.InputEvent)
        static void react(Event event, RunnerContext context) {}
    }

    public static class WrongParameters extends Agent {
        @Action(EventType.InputEvent)
        public static void react(String event, RunnerContext context) {}
    }

    @Test
    void anActionOfAnotherFormNamesClassMethodAndForm() {
        assertThatThrownBy(() -> compile(new NotStatic()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("NotStatic.react(Event, RunnerContext)")
                .hasMessageContaining("public and static; it is not static");
        assertThatThrownBy(() -> compile(new NotPublic()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("NotPublic.react")
                .hasMessageContaining("not public");
        assertThatThrownBy(() -> compile(new WrongParameters()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("WrongParameters.react(String, RunnerContext)")
                .hasMessageContaining("must take exactly");
    }

    public static class Both extends Agent {
        @Action(value = "a", listenEventTypes = "b")
        public static void react(Event event, RunnerContext context) {}
    }

    public static class Neither extends Agent {
        @Action
        public static void react(Event event, RunnerContext context) {}
    }

    public static class Blank extends Agent {
        @Action({"a", " "})
        public static void react(Event event, RunnerContext context) {}
    }

    @Test
    void triggersAreGivenOnceAndNotBlank() {
        assertThatThrownBy(() -> compile(new Both()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("both value and listenEventTypes");
        assertThatThrownBy(() -> compile(new Neither()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("Neither.react")
                .hasMessageContaining("nothing about what it listens to");
        assertThatThrownBy(() -> compile(new Blank()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("Action 'react' of agent Blank")
                .hasMessageContaining("blank entry");
    }

    public static class Overloaded extends Agent {
        @Action("a")
        public static void react(Event event, RunnerContext context) {}

        @Action("b")
        public static void react(RunnerContext context, Event event) {}
    }

    public static class LikeBuiltIn extends Agent {
        @Action("a")
        public static void tool_call_action(Event event, RunnerContext context) {}
    }

    public static class One extends Agent {
        @Action("a")
        public static void react(Event event, RunnerContext context) {}
    }

    @Test
    void aNameThatIsTakenIsAnErrorAndDoesNotReplace() {
        assertThatThrownBy(() -> compile(new Overloaded()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("two action methods")
                .hasMessageContaining("rename one of them");
        assertThatThrownBy(() -> compile(new LikeBuiltIn()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("Action 'tool_call_action' of agent LikeBuiltIn")
                .hasMessageContaining("name of a built-in action. Rename it");
        final Agent added = new One();
        added.addAction("react", new String[] {"b"}, new PythonFunction("m", "f"), null);
        assertThatThrownBy(() -> compile(added))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("Action 'react' of agent One")
                .hasMessageContaining("declared twice")
                .hasMessageContaining("addAction");
        final Agent builtIn = new Agent();
        builtIn.addAction(
                "chat_model_action", new String[] {"b"}, new PythonFunction("m", "f"), null);
        assertThatThrownBy(() -> compile(builtIn)).hasMessageContaining("built-in action");
    }

    public static class HalfPython extends Agent {
        @Action(
                value = "a",
                target = @org.apache.flink.agents.api.annotation.PythonFunction(module = "m"))
        public static void react(Event event, RunnerContext context) {}
    }

    @Test
    void halfAPythonFunctionIsAnError() {
        assertThatThrownBy(() -> compile(new HalfPython()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("HalfPython.react")
                .hasMessageContaining("by module only");
    }

    @Test
    void anAddedMethodThatCannotRunIsFoundWhileThePlanIsBuilt() throws Exception {
        final Agent wrong = new Agent();
        wrong.addAction(new String[] {"a"}, String.class.getMethod("valueOf", int.class));
        assertThatThrownBy(() -> compile(wrong))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("java.lang.String.valueOf(int)")
                .hasMessageContaining("parameters of an action are exactly");
        assertThatThrownBy(() -> compile(withJava("no.such.Clazz", "run")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("Action 'x' of agent Agent")
                .hasMessageContaining("class no.such.Clazz")
                .hasMessageContaining("Add the jar");
        assertThatThrownBy(() -> compile(withJava(One.class.getName(), "run")))
                .hasMessageContaining("has no method run(Event, RunnerContext)");
        assertThatThrownBy(() -> compile(withJava(NotStatic.class.getName(), "react")))
                .hasMessageContaining("not static");
    }

    private static Agent withJava(String clazz, String method) {
        return new Agent()
                .addAction(
                        "x", new String[] {"a"}, new JavaFunction(clazz, method, SIGNATURE), null);
    }

    // ---- what is built ---------------------------------------------------------------------

    @Test
    void anEmptyAgentHasTheBuiltInActionsAsHeadWritesThem() throws Exception {
        assertThat(new String(compile(new Agent()).toJson(), "UTF-8"))
                .isEqualTo(
                        "{\"agent_name\":\"Agent\",\"actions\":{"
                                + builtIn(
                                        "chat_model_action",
                                        "ChatModelAction",
                                        "processChatRequestOrToolResponse",
                                        "\"_chat_request_event\",\"_tool_response_event\"")
                                + ","
                                + builtIn(
                                        "tool_call_action",
                                        "ToolCallAction",
                                        "processToolRequest",
                                        "\"_tool_request_event\"")
                                + ","
                                + builtIn(
                                        "context_retrieval_action",
                                        "ContextRetrievalAction",
                                        "processContextRetrievalRequest",
                                        "\"_context_retrieval_request_event\"")
                                + "},\"resource_providers\":{},\"config\":{\"conf_data\":{}}}");
    }

    private static String builtIn(String name, String clazz, String method, String triggers) {
        return "\"" + name + "\":{\"name\":\"" + name + "\",\"exec\":{\"func_type\":\"JavaFunction\","
                + "\"qualname\":\"org.apache.flink.agents.plan.actions." + clazz + "\","
                + "\"method_name\":\"" + method + "\",\"parameter_types\":["
                + "\"org.apache.flink.agents.api.Event\","
                + "\"org.apache.flink.agents.api.context.RunnerContext\"]},"
                + "\"trigger_conditions\":[" + triggers + "],\"config\":null}";
    }

    public static class Ordered extends Agent {
        @Action("z")
        public static void zebra(Event event, RunnerContext context) {}

        @Action(listenEventTypes = {"a", "attributes.x > 3"})
        public static void ant(Event event, RunnerContext context) {}

        public static void helper(Event event, RunnerContext context) {}

        @Action("m")
        public static int mole(Event event, RunnerContext context) {
            return 1;
        }
    }

    @Test
    void annotatedActionsKeepTheOrderOfTheSourceAndAddedOnesFollow() throws Exception {
        final Agent agent = new Ordered();
        agent.addAction("beta", new String[] {"b"}, new PythonFunction("m", "f"), null);
        agent.addAction(
                new String[] {"h"},
                Ordered.class.getMethod("helper", Event.class, RunnerContext.class),
                Map.of("limit", 3));
        final JsonNode json = json(compile(agent));
        assertThat(names(json.get("actions")))
                .containsExactly(
                        "chat_model_action",
                        "tool_call_action",
                        "context_retrieval_action",
                        "zebra",
                        "ant",
                        "mole",
                        "beta",
                        "helper");
        assertThat(json.at("/actions/ant/trigger_conditions").toString())
                .isEqualTo("[\"a\",\"attributes.x > 3\"]");
        assertThat(json.at("/actions/zebra/exec/qualname").asText())
                .isEqualTo(Ordered.class.getName());
        assertThat(json.at("/actions/helper/config").toString())
                .isEqualTo(
                        "{\"__config_type__\":\"java\",\"limit\":{\"@class\":\"java.lang.Integer\",\"value\":3}}");
        assertThat(agent.getActions()).containsOnlyKeys("beta", "helper");
    }

    public static class Replacing extends Ordered {
        @Action("first")
        public static void ant(Event event, RunnerContext context) {}

        @Action("own")
        public static void bee(Event event, RunnerContext context) {}
    }

    public static class Hiding extends Ordered {
        public static void ant(Event event, RunnerContext context) {}
    }

    @Test
    void actionsAreInheritedAndCanBeReplacedButNotHiddenByMistake() throws Exception {
        final JsonNode actions = json(compile(new Replacing())).get("actions");
        assertThat(names(actions)).endsWith("zebra", "ant", "mole", "bee").hasSize(7);
        assertThat(actions.at("/ant/exec/qualname").asText()).isEqualTo(Replacing.class.getName());
        assertThat(actions.at("/ant/trigger_conditions/0").asText()).isEqualTo("first");
        assertThat(actions.at("/zebra/exec/qualname").asText()).isEqualTo(Ordered.class.getName());
        assertThatThrownBy(() -> compile(new Hiding()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("hides the action of its superclass")
                .hasMessageContaining("Annotate it with @Action");
    }

    public static class OwnReAct extends ReActAgent {
        public OwnReAct() {
            super(new ResourceDescriptor("a.Model", null), null, null);
        }

        @Action("extra")
        public static void extra(Event event, RunnerContext context) {}
    }

    @Test
    void aReActAgentCanBeExtended() throws Exception {
        final JsonNode actions = json(compile(new OwnReAct())).get("actions");
        assertThat(names(actions)).endsWith("stopAction", "extra", "startAction").hasSize(6);
        assertThat(actions.at("/stopAction/exec/qualname").asText())
                .isEqualTo(ReActAgent.class.getName());
    }

    public static class Python extends Agent {
        @Action(
                value = "a",
                target =
                        @org.apache.flink.agents.api.annotation.PythonFunction(
                                module = "pkg.mod",
                                qualname = "Clazz.run"))
        private void placeholder() {}
    }

    @Test
    void pythonActionsAreWrittenAndNamedAsForeign() throws Exception {
        final AgentPlan plan = compile(new Python());
        assertThat(json(plan).at("/actions/placeholder/exec").toString())
                .isEqualTo(
                        "{\"func_type\":\"PythonFunction\",\"module\":\"pkg.mod\",\"qualname\":\"Clazz.run\"}");
        assertThat(plan.foreignParts())
                .containsExactly(
                        "action 'placeholder' is the Python function pkg.mod:Clazz.run");
        assertThat(compile(new One()).foreignParts()).isEmpty();
    }

    @Test
    void theNameIsTheGivenOneOrThatOfTheClass() {
        final AgentConfiguration config = new AgentConfiguration();
        assertThat(AgentPlan.compile(new One(), "shop", config).getAgentName()).isEqualTo("shop");
        assertThat(AgentPlan.compile(new One(), null, config).getAgentName()).isEqualTo("One");
        assertThat(AgentPlan.compile(new Agent() {}, null, config).getAgentName())
                .startsWith("ActionCompilerTest$");
    }

    @Test
    void aPlanIsNotLimitedInSizeAndNotChangedWithTheAgent() throws Exception {
        final Agent agent = new Agent();
        for (int i = 0; i < 2000; i++) {
            agent.addAction("a" + i, new String[] {"t" + i}, new PythonFunction("m", "f"), null);
        }
        final AgentPlan plan = compile(agent);
        agent.addAction("late", new String[] {"t"}, new PythonFunction("m", "f"), null);
        assertThat(plan.toJson().length).isGreaterThan(65_535);
        assertThat(names(json(plan).get("actions"))).hasSize(2003).doesNotContain("late");
    }

    @Test
    void logsOfAPlanShowNamesButNoValues() {
        final AgentConfiguration config = new AgentConfiguration(Map.of("password", "hunter2"));
        assertThat(AgentPlan.compile(new One(), null, config).toString())
                .contains("One", "react", "password")
                .doesNotContain("hunter2");
    }

    private static AgentPlan compile(Agent agent) {
        return AgentPlan.compile(agent, null, new AgentConfiguration());
    }

    private static JsonNode json(AgentPlan plan) throws Exception {
        return new ObjectMapper().readTree(plan.toJson());
    }

    private static List<String> names(JsonNode object) {
        final List<String> names = new ArrayList<>();
        for (final Iterator<String> it = object.fieldNames(); it.hasNext(); ) {
            names.add(it.next());
        }
        return names;
    }

    // ---- what journals know actions by -----------------------------------------------------

    public static class Renamed extends Agent {
        @Action(EventType.InputEvent)
        @Identity("payment")
        public static void pay(Event event, RunnerContext context) {}

        @Action(EventType.InputEvent)
        @Identity(formerNames = {"first", "second"})
        public static void third(Event event, RunnerContext context) {}

        @Action(EventType.InputEvent)
        public static void plain(Event event, RunnerContext context) {}

        @Identity(value = "own", formerNames = "was")
        public static void added(Event event, RunnerContext context) {}
    }

    @Test
    void declaredIdsAndFormerNamesStandInThePlan() throws Exception {
        final Agent agent =
                new Renamed()
                        .addAction(
                                new String[] {EventType.InputEvent},
                                Renamed.class.getMethod("added", Event.class, RunnerContext.class));
        final JsonNode actions = new ObjectMapper().readTree(compile(agent).toJson()).get("actions");
        assertThat(actions.get("pay").get("id").asText()).isEqualTo("payment");
        assertThat(actions.get("pay").has("former_names")).isFalse();
        assertThat(actions.get("third").has("id")).isFalse();
        assertThat(actions.get("third").get("former_names").toString()).isEqualTo("[\"first\",\"second\"]");
        assertThat(actions.get("plain").has("id") || actions.get("plain").has("former_names")).isFalse();
        assertThat(actions.get("added").get("id").asText()).isEqualTo("own");
        assertThat(actions.get("added").get("former_names").toString()).isEqualTo("[\"was\"]");
    }
}
