package org.apache.flink.agents.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.InputStream;
import java.lang.ref.WeakReference;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.agents.ReActAgent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.annotation.Tool;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.ToolResponseEvent;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.SerializableResource;
import org.apache.flink.agents.api.tools.ToolSchemas;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.plan.AgentPlan;
import org.apache.flink.agents.runtime.host.PlanView;
import org.apache.flink.agents.runtime.resource.ResourceCache;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** When our jar is in Flink's {@code lib}, the class loader of a job has to go when the job has ended. */
class ClassLoaderLeakTest {
    private static final String OF_THE_JOB = ClassLoaderLeakTest.class.getName();

    /** Loads this test and the classes nested in it anew, everything else comes from the loader above. */
    private static final class JobLoader extends ClassLoader {
        JobLoader() {
            super(ClassLoaderLeakTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(final String name, final boolean resolve) throws ClassNotFoundException {
            if (!name.startsWith(OF_THE_JOB)) {
                return super.loadClass(name, resolve);
            }
            synchronized (getClassLoadingLock(name)) {
                final Class<?> loaded = findLoadedClass(name);
                return loaded == null ? define(name) : loaded;
            }
        }

        private Class<?> define(final String name) throws ClassNotFoundException {
            try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
                final byte[] bytes = in.readAllBytes();
                return defineClass(name, bytes, 0, bytes.length);
            } catch (final java.io.IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "nothing",
                "actionConfiguration",
                "resources",
                "outputSchema",
                "promptArguments",
                "listsAsPromptArguments",
                "attributesOfForeignEvents",
                "validation",
                "toolSchemas",
                "aWholeRun"
            })
    void aJobsClassesGoWhenItHasEnded(final String use) throws Exception {
        final WeakReference<ClassLoader> gone = useAndForget(use);
        final long deadline = System.nanoTime() + 10_000_000_000L;
        while (gone.get() != null) {
            assertThat(System.nanoTime()).as("waiting for the class loader to be collected").isLessThan(deadline);
            System.gc();
        }
    }

    private static WeakReference<ClassLoader> useAndForget(final String use) throws Exception {
        final JobLoader loader = new JobLoader();
        final Thread thread = Thread.currentThread();
        final ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(loader);
        try {
            final Class<?> job = Class.forName(OF_THE_JOB + "$Job", true, loader);
            assertThat(job.getClassLoader()).isSameAs(loader);
            job.getMethod(use).invoke(null);
        } finally {
            thread.setContextClassLoader(before);
        }
        return new WeakReference<>(loader);
    }

    // ---- classes of the job

    public static class Point {
        public int x = 1;
        public Map<String, Colour> colours = new LinkedHashMap<>(Map.of("a", Colour.RED));
    }

    public enum Colour {
        RED
    }

    public static class Note extends SerializableResource {
        private static final long serialVersionUID = 1L;

        public final Point at;

        @JsonCreator
        public Note(@JsonProperty("at") final Point at) {
            this.at = at;
        }

        @Override
        public ResourceType getResourceType() {
            return ResourceType.PROMPT;
        }
    }

    public static class Store extends org.apache.flink.agents.api.resource.Resource {
        public Store(final ResourceDescriptor descriptor, final ResourceContext context) {
            super(descriptor, context);
        }

        @Override
        public ResourceType getResourceType() {
            return ResourceType.VECTOR_STORE;
        }
    }

    public static class PointAgent extends Agent {
        @Action("_input_event")
        public static void first(final Event event, final RunnerContext ctx) throws Exception {
            ctx.getShortTermMemory().set("point", new Point());
            ctx.getSensoryMemory().set("point", new Point());
            ctx.sendEvent(new Event("next", Map.of("point", new Point())));
        }

        @Action("type == 'next' && attributes.point.x == 1")
        public static void second(final Event event, final RunnerContext ctx) throws Exception {
            ctx.sendEvent(new OutputEvent(ctx.getShortTermMemory().get("point").getValue()));
        }

        @Tool(description = "paints")
        public static Point paint(final Point at, final Colour colour) {
            return at;
        }
    }

    /** What a job does with its classes. */
    public static final class Job {
        private Job() {}

        private static void isOfTheJob(final Object value) {
            assertThat(value.getClass().getClassLoader()).isSameAs(Job.class.getClassLoader());
        }

        public static void nothing() {
            isOfTheJob(new Point());
        }

        public static void actionConfiguration() throws Exception {
            final Agent agent = new Agent();
            final Map<String, Object> config = new LinkedHashMap<>();
            config.put("point", new Point());
            config.put("points", List.of(new Point()));
            config.put("colour", Colour.RED);
            agent.addAction(
                    new String[] {"_input_event"},
                    PointAgent.class.getMethod("first", Event.class, RunnerContext.class),
                    config);
            final byte[] plan = AgentPlan.compile(agent, "a", new AgentConfiguration()).toJson();
            assertThat(new PlanView(plan, Job.class.getClassLoader()).config()).isEmpty();
            final Map<String, Object> read =
                    org.apache.flink.agents.plan.ActionConfig.decode(
                            new com.fasterxml.jackson.databind.ObjectMapper()
                                    .readTree(plan)
                                    .at("/actions/first/config"),
                            "first",
                            Job.class.getClassLoader());
            isOfTheJob(read.get("point"));
            isOfTheJob(read.get("colour"));
        }

        public static void resources() throws Exception {
            final Agent agent = new PointAgent();
            agent.addResource("note", ResourceType.PROMPT, new Note(new Point()));
            agent.addResource(
                    "store",
                    ResourceType.VECTOR_STORE,
                    ResourceDescriptor.Builder.newBuilder(Store.class.getName())
                            .addInitialArgument("point", new Point())
                            .build());
            final byte[] plan = AgentPlan.compile(agent, "a", new AgentConfiguration()).toJson();
            try (ResourceCache cache = new ResourceCache(plan, Job.class.getClassLoader())) {
                isOfTheJob(((Note) cache.get("note", ResourceType.PROMPT)).at);
                isOfTheJob(cache.get("store", ResourceType.VECTOR_STORE));
                assertThat(cache.get("paint", ResourceType.TOOL)).isNotNull();
            }
        }

        private static ResourceDescriptor model() {
            return ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.OLLAMA_SETUP).build();
        }

        public static void outputSchema() {
            final ReActAgent agent = new ReActAgent(model(), null, Point.class);
            assertThat(agent.getResources().get(ResourceType.PROMPT)).isNotEmpty();
        }

        private static Event ask(final Object input) {
            final List<Event> sent = new ArrayList<>();
            final Prompt prompt = Prompt.fromText("{x}");
            final RunnerContext context =
                    (RunnerContext)
                            Proxy.newProxyInstance(
                                    Job.class.getClassLoader(),
                                    new Class<?>[] {RunnerContext.class},
                                    (proxy, method, args) -> {
                                        if (method.getName().equals("sendEvent")) {
                                            sent.add((Event) args[0]);
                                        }
                                        return method.getName().equals("getResource") ? prompt : null;
                                    });
            ReActAgent.startAction(new InputEvent(input), context);
            return sent.get(0);
        }

        public static void promptArguments() {
            assertThat(ask(new Point()).getAttr("messages").toString()).contains("1");
        }

        public static void listsAsPromptArguments() {
            assertThat(ask(Map.of("x", List.of(new Point()))).getAttr("messages").toString()).contains("x=1");
        }

        public static void attributesOfForeignEvents() {
            final Map<String, Object> response = new LinkedHashMap<>();
            response.put("success", true);
            response.put("execution_time_ms", 1);
            response.put("result", new Point());
            final Event event =
                    new Event(
                            ToolResponseEvent.EVENT_TYPE,
                            Map.of("request_id", UUID.randomUUID(), "responses", Map.of("1", response)));
            assertThat(ToolResponseEvent.fromEvent(event).getResponses()).containsKey("1");
        }

        public static void validation() {
            isOfTheJob(new Note(new Point()).validateSerializable());
        }

        public static void toolSchemas() throws Exception {
            assertThat(
                            ToolSchemas.inputSchemaOf(
                                    PointAgent.class.getMethod("paint", Point.class, Colour.class), java.util.Set.of()))
                    .contains("object");
        }

        public static void aWholeRun() throws Exception {
            final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment();
            final List<Map<String, Object>> outputs =
                    env.fromList(List.of(Map.of("key", "k", "value", new Point()))).apply(new PointAgent()).toList();
            env.execute();
            isOfTheJob(outputs.get(0).get("k"));
        }
    }
}
