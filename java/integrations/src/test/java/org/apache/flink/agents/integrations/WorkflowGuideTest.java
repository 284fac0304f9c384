package org.apache.flink.agents.integrations;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.ChatModelConnection;
import org.apache.flink.agents.api.annotation.ChatModelSetup;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

/** Runs the code of {@code docs/guides/workflow-agent.md}, which stands here word for word. */
@Timeout(value = 120, threadMode = ThreadMode.SEPARATE_THREAD)
class WorkflowGuideTest {

    public static class Sorted {
        public String kind;
        public String product;
    }

    public static class SupportAgent extends Agent {
        @ChatModelConnection
        public static ResourceDescriptor server() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.VLLM_CONNECTION)
                    .addInitialArgument("api_base_url", "${env:MODEL_URL}")
                    .build();
        }

        @ChatModelSetup
        public static ResourceDescriptor sorter() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.VLLM_SETUP)
                    .addInitialArgument("connection", "server")
                    .addInitialArgument("model", "small")
                    .addInitialArgument("prompt", "whatIsIt")
                    .build();
        }

        @org.apache.flink.agents.api.annotation.Prompt
        public static Prompt whatIsIt() {
            return Prompt.fromText("Is this a defect or praise, and of which product? {text}");
        }

        @Action(EventType.InputEvent)
        public static void read(Event event, RunnerContext context) throws Exception {
            Object text = InputEvent.fromEvent(event).getInput();
            context.getSensoryMemory().set("text", text);
            context.sendEvent(new ChatRequestEvent("sorter", List.of(), Map.of("text", text), Sorted.class));
        }

        @Action(EventType.ChatResponseEvent)
        public static void sort(Event event, RunnerContext context) {
            Sorted found = (Sorted) ChatResponseEvent.fromEvent(event).getResponse().getExtraArgs().get(STRUCTURED_OUTPUT);
            context.sendEvent(new Event(found.kind, Map.of("product", found.product)));
        }

        @Action("defect")
        public static void openCase(Event event, RunnerContext context) throws Exception {
            Object text = context.getSensoryMemory().get("text").getValue();
            OpenCase call = new OpenCase((String) event.getAttr("product"), (String) text);
            context.sendEvent(new OutputEvent(context.durableExecuteAsync(call)));
        }

        @Action("praise")
        public static void thank(Event event, RunnerContext context) throws Exception {
            MemoryObject memory = context.getShortTermMemory();
            int count = memory.isExist("praise") ? (int) memory.get("praise").getValue() + 1 : 1;
            memory.set("praise", count);
            context.sendEvent(new OutputEvent("thanks, for the " + count + ". time"));
        }
    }

    static class OpenCase implements DurableCallable<String> {
        private final String product;
        private final String text;

        OpenCase(String product, String text) {
            this.product = product;
            this.text = text;
        }

        @Override
        public String getId() {
            return "open-case";
        }

        @Override
        public Class<String> getResultClass() {
            return String.class;
        }

        @Override
        public String call() {
            return "case about the " + product; // Here the system is called that has the cases.
        }
    }

    @Test
    void thePageHasThisCode() throws Exception {
        final List<String> code = Guide.codeOf("workflow-agent.md");
        assertThat(code).hasSize(1);
        assertThat(Guide.sourceOf(WorkflowGuideTest.class)).contains(code);
    }

    @Test
    void messagesAreSortedAndAnswered() throws Exception {
        final String script =
                "{'rules': [{'when': {'contains': 'leaks'}, 'answers': [{'text': '{\\\"kind\\\": \\\"defect\\\", \\\"product\\\": \\\"kettle\\\"}'}]},"
                        + "{'answers': [{'text': '{\\\"kind\\\": \\\"praise\\\", \\\"product\\\": \\\"tent\\\"}'}]}]}";
        try (ModelServer server = ModelServer.start(script)) {
            // In place of the variable that the page has, which a test cannot set for itself.
            final ResourceDescriptor where = SupportAgent.server();
            where.getInitialArguments().put("api_base_url", server.url() + "/v1");
            final Agent agent = new Agent();
            agent.addResource("server", ResourceType.CHAT_MODEL_CONNECTION, where);
            agent.addResource("sorter", ResourceType.CHAT_MODEL, SupportAgent.sorter());
            agent.addResource("whatIsIt", ResourceType.PROMPT, SupportAgent.whatIsIt());
            for (final Method method : SupportAgent.class.getDeclaredMethods()) {
                if (method.isAnnotationPresent(Action.class)) {
                    agent.addAction(method.getAnnotation(Action.class).value(), method);
                }
            }
            final List<Object> messages =
                    List.of(
                            Map.of("key", "Ann", "value", "The kettle leaks."),
                            Map.of("key", "Ann", "value", "Lovely tent!"),
                            Map.of("key", "Ann", "value", "The lamp is great, too."));
            assertThat(ChatAgents.run("workflow", agent, Map.of(), messages))
                    .containsExactly("case about the kettle", "thanks, for the 1. time", "thanks, for the 2. time");
        }
    }
}
