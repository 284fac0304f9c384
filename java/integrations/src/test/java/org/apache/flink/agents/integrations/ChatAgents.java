package org.apache.flink.agents.integrations;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.Tool;
import org.apache.flink.agents.api.annotation.ToolParam;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.model.BaseChatModelConnection;
import org.apache.flink.agents.api.chat.model.BaseChatModelSetup;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ChatRequestEvent;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.ToolParameterSource;

/** Agents that chat, and runs of them without Flink. */
public final class ChatAgents {
    private ChatAgents() {}

    /** Asks model {@code model} for every input and gives out what it says. */
    public static class Asking extends Agent {
        /** Whether the next answer that comes makes the task fail, once. */
        public static final AtomicBoolean FAILS = new AtomicBoolean();

        @Action(EventType.InputEvent)
        public static void ask(final Event event, final RunnerContext context) {
            final String input = String.valueOf(InputEvent.fromEvent(event).getInput());
            context.sendEvent(new ChatRequestEvent("model", List.of(ChatMessage.user(input))));
        }

        @Action(EventType.ChatResponseEvent)
        public static void answer(final Event event, final RunnerContext context) {
            if (FAILS.compareAndSet(true, false)) {
                throw new IllegalStateException("fails as asked for");
            }
            final ChatResponseEvent response = ChatResponseEvent.fromEvent(event);
            final Object structured = response.getResponse().getExtraArgs().get(STRUCTURED_OUTPUT);
            final Object error = response.getResponse().getExtraArgs().get("error");
            context.sendEvent(
                    new OutputEvent(
                            error != null
                                    ? "error: " + error
                                    : structured != null
                                            ? structured
                                            : response.getResponse().getContent() + " after " + response.getRetryCount()));
        }
    }

    /** What tools of the tests take. */
    public static final class Place {
        public String city;
        public int zip;
    }

    /** Tools, for any agent. */
    public static final class Tools {
        /** Whether the fragile tool breaks at its next call, once. */
        static volatile boolean breaks;

        private Tools() {}

        @Tool(description = "Breaks the whole run, as a JVM does that ends.")
        public static String fragile() {
            if (breaks) {
                breaks = false;
                throw new InternalError("broken in two");
            }
            return "holds";
        }

        @Tool(description = "Adds.")
        public static int add(@ToolParam(name = "a") final int a, @ToolParam(name = "b") final int b) {
            return a + b;
        }

        @Tool(description = "Tells the weather.")
        public static String weather(@ToolParam(name = "place") final Place place) {
            return "sunny in " + place.zip + " " + place.city;
        }

        @Tool(description = "Breaks.")
        public static String broken() {
            throw new IllegalStateException("the wire is cut");
        }

        @Tool(description = "Tells a day, as JSON does not know it.")
        public static java.time.LocalDate day() {
            return java.time.LocalDate.of(2026, 2, 1);
        }

        @Tool(description = "Says nothing.")
        public static String silent() {
            return "";
        }

        @Tool(description = "Never ends.")
        public static String endless() throws InterruptedException {
            new CountDownLatch(1).await();
            return "never";
        }

        @Tool(description = "Tells what the model must not know.")
        public static String secret(
                @ToolParam(name = "unit", injected = true, source = ToolParameterSource.CONFIG, key = "unit") final String unit,
                @ToolParam(name = "question") final String question) {
            return question + " in " + unit;
        }
    }

    /** A connection as users write them: it blocks. */
    public static final class Parrot extends BaseChatModelConnection {
        static volatile int failures;
        static volatile Thread thread;

        public Parrot(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public ChatMessage chat(
                final List<ChatMessage> messages,
                final List<org.apache.flink.agents.api.tools.Tool> tools,
                final Map<String, Object> modelParams) {
            thread = Thread.currentThread();
            if (failures > 0) {
                failures--;
                throw new IllegalStateException("not now");
            }
            return ChatMessage.assistant(messages.get(messages.size() - 1).getContent() + "!");
        }
    }

    /** And its setup. */
    public static final class ParrotSetup extends BaseChatModelSetup {
        public ParrotSetup(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public Map<String, Object> getParameters() {
            return Map.of();
        }
    }

    /** An agent with the tools and a model at a server. */
    public static <A extends Agent> A on(final ModelServer server, final A agent, final Object... setup) throws Exception {
        addTools(agent);
        return withModel(server, agent, setup);
    }

    /** An agent with a model at a server. */
    static <A extends Agent> A withModel(final ModelServer server, final A agent, final Object... setup) {
        agent.addResource(
                "server",
                ResourceType.CHAT_MODEL_CONNECTION,
                ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.OLLAMA_CONNECTION)
                        .addInitialArgument("endpoint", server.url())
                        .addInitialArgument("max_retries", 0)
                        .build());
        agent.addResource("model", ResourceType.CHAT_MODEL, ollama(setup));
        return agent;
    }

    /** A setup of the server's model. */
    static ResourceDescriptor ollama(final Object... more) {
        final Map<String, Object> arguments = new LinkedHashMap<>();
        arguments.put("connection", "server");
        arguments.put("model", "m");
        arguments.put("tools", List.of("add", "weather", "broken", "secret", "fragile", "endless", "day"));
        for (int i = 0; i < more.length; i += 2) {
            arguments.put((String) more[i], more[i + 1]);
        }
        return new ResourceDescriptor(ResourceName.ChatModel.OLLAMA_SETUP, arguments);
    }

    static void addTools(final Agent agent) throws Exception {
        for (final java.lang.reflect.Method method : Tools.class.getDeclaredMethods()) {
            if (method.isAnnotationPresent(Tool.class)) {
                agent.addResource(
                        method.getName(), ResourceType.TOOL, org.apache.flink.agents.api.tools.Tool.fromMethod(method));
            }
        }
    }

    /** Runs an agent on inputs, each of its own key; what came out, in order. */
    static List<Object> run(final Agent agent, final Map<String, String> config, final Object... inputs) throws Exception {
        final List<Object> elements = new ArrayList<>();
        for (int i = 0; i < inputs.length; i++) {
            elements.add(Map.of("key", "k" + i, "value", inputs[i]));
        }
        return run("run", agent, config, elements);
    }

    static List<Object> run(
            final String name, final Agent agent, final Map<String, String> config, final List<Object> elements)
            throws Exception {
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment();
        config.forEach((key, value) -> env.getConfig().setStr(key, value));
        final List<Map<String, Object>> outputs = env.fromList(elements).apply(agent).toList();
        env.execute(name);
        final List<Object> values = new ArrayList<>();
        outputs.forEach(output -> values.addAll(output.values()));
        return values;
    }
}
