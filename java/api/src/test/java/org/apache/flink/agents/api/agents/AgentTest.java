package org.apache.flink.agents.api.agents;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.reflect.Method;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.function.JavaFunction;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.ToolParameterSource;
import org.junit.jupiter.api.Test;

class AgentTest {
    static class Annotated extends Agent {
        @Action("_input_event")
        public static void newForm(Event event, RunnerContext context) {}

        @Action(listenEventTypes = {"a", "b"})
        public static void oldForm(Event event, RunnerContext context) {}

        public static void tool(@ToolParam String text) {}
    }

    private static Method method(String name) throws NoSuchMethodException {
        return Annotated.class.getMethod(name, Event.class, RunnerContext.class);
    }

    @Test
    void actionsAreNamedLikeTheirMethodsAndKeepTheOrderOfAdding() throws Exception {
        final Agent agent =
                new Agent()
                        .addAction(new String[] {"t"}, method("oldForm"))
                        .addAction(new String[] {"u", "v"}, method("newForm"), Map.of("k", 1))
                        .addAction("py", new String[] {"w"}, new PythonFunction("m", "f"), null);
        assertThat(agent.getActions()).containsOnlyKeys("oldForm", "newForm", "py");
        assertThat(agent.getActions().keySet()).containsExactly("oldForm", "newForm", "py");
        assertThat(agent.getActions().get("newForm").f0).containsExactly("u", "v");
        assertThat(agent.getActions().get("newForm").f1)
                .isEqualTo(
                        new JavaFunction(
                                Annotated.class.getName(),
                                "newForm",
                                java.util.List.of(
                                        "org.apache.flink.agents.api.Event",
                                        "org.apache.flink.agents.api.context.RunnerContext")));
        assertThat(agent.getActions().get("newForm").f2).containsEntry("k", 1);
        assertThat(agent.getActions().get("oldForm").f2).isNull();
    }

    @Test
    void wrongActionsAreRefusedWithTheAgentsName() throws Exception {
        final Agent agent = new Annotated().addAction(new String[] {"t"}, method("newForm"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> agent.addAction(new String[] {"t"}, method("newForm")))
                .withMessage("Action 'newForm' of agent Annotated already defined.");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> agent.addAction(new String[0], method("oldForm")));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> agent.addAction(new String[] {"t"}, (Method) null));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> agent.addAction(" ", new String[] {"t"}, new PythonFunction("m", "f"), null));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> agent.addAction("x", new String[] {"t"}, null, null));
    }

    @Test
    void resourcesAreUniquePerTypeAndOfTheRightClass() {
        final Agent agent = new Agent();
        final Prompt prompt = Prompt.fromText("p");
        assertThat(agent.addResource("r", ResourceType.PROMPT, prompt)).isSameAs(agent);
        agent.addResource("r", ResourceType.CHAT_MODEL, new ResourceDescriptor("C", null));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> agent.addResource("r", ResourceType.PROMPT, prompt))
                .withMessageContaining("'r' of type prompt")
                .withMessageEndingWith("already defined.");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> agent.addResource("s", ResourceType.PROMPT, "text"))
                .withMessageContaining("java.lang.String");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> agent.addResource("s", ResourceType.PROMPT, null));
    }

    @Test
    void sharedResourcesFillGapsOnly() {
        final Prompt own = Prompt.fromText("own");
        final Prompt shared = Prompt.fromText("shared");
        final Agent agent = new Agent().addResource("a", ResourceType.PROMPT, own);
        agent.addResourcesIfAbsent(
                Map.of(ResourceType.PROMPT, Map.of("a", shared, "b", shared)));
        assertThat(agent.getResources().get(ResourceType.PROMPT))
                .containsEntry("a", own)
                .containsEntry("b", shared);
    }

    @Test
    void annotationsHaveTheDefaultsOfBothForms() throws Exception {
        final Action newForm = method("newForm").getAnnotation(Action.class);
        assertThat(newForm.value()).containsExactly("_input_event");
        assertThat(newForm.listenEventTypes()).isEmpty();
        assertThat(newForm.target().module()).isEmpty();
        assertThat(newForm.target().qualname()).isEmpty();
        final Action oldForm = method("oldForm").getAnnotation(Action.class);
        assertThat(oldForm.value()).isEmpty();
        assertThat(oldForm.listenEventTypes()).containsExactly("a", "b");
        final ToolParam param =
                Annotated.class.getMethod("tool", String.class)
                        .getParameters()[0]
                        .getAnnotation(ToolParam.class);
        assertThat(param.required()).isTrue();
        assertThat(param.injected()).isFalse();
        assertThat(param.source()).isEqualTo(ToolParameterSource.SENSORY_MEMORY);
    }

    @Test
    void strategiesHaveLowerCaseValues() {
        assertThat(Agent.ErrorHandlingStrategy.RETRY.getValue()).isEqualTo("retry");
        assertThat(Agent.STRUCTURED_OUTPUT).isEqualTo("structured_output");
    }
}
